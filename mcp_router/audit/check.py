"""What `audit verify` does: a store or an export against heads from inside and from outside."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mcp_router.audit.merkle import Proof, inclusion_ranges, verify_inclusion
from mcp_router.audit.sources import (
    Export,
    anchored_heads,
    before_store,
    merged,
    store_nodes,
    stored_witnesses,
)
from mcp_router.audit.trust import trusted_keys
from mcp_router.audit.verify import (
    Before,
    Broken,
    Fault,
    Finding,
    Node,
    Report,
    Verifier,
    Witness,
    rows_are,
)
from mcp_router.domain.tree_head import LogKey, SignedHead
from mcp_router.errors import LogBroken, StorageUnavailable
from mcp_router.storage.store import Archive

_CHUNK = 1 << 20
_TRIES = 5
_FIRST_KEY = (
    "No public key was given: heads are checked against the key that the log itself names first."
)
_NO_HEAD = "No signed head covers any row: the chain alone proves nothing against its keeper."


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verifier has from elsewhere: a public key, an anchor's file, a root."""

    public_key: str | None = None
    anchor: Path | None = None
    root: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """The proof that a row is in the tree of a head, the sibling of the leaf first."""

    seq: int
    leaf: str
    signed: SignedHead
    public_key: str
    path: tuple[str, ...]


def verify_store(archive: Archive, evidence: Evidence) -> Report:
    """Return what a store's log comes to; it may be growing, and it may be pruned meanwhile.

    With a public key something must be signed, but not the newest rows yet.

    Raises:
        FileUnusable: the anchor's file cannot be read.
        StorageUnavailable: the store cannot be read, or is pruned again and again.
    """
    for _ in range(_TRIES):
        pruned = archive.pruned()
        report = _verify_once(archive, evidence)

        # Rows that were let go of while they were read are missing, and nobody's fault.
        if report.finding is None or archive.pruned() == pruned:
            lingering = archive.lingering()
            note = f"{lingering} rows that were pruned are not deleted yet: `audit prune` does it."
            return replace(report, notes=(*report.notes, *([note] if lingering else ())))

    raise StorageUnavailable(
        "The log is pruned faster than it can be read.", next_step="Verify it after the pruning."
    )


def _verify_once(archive: Archive, evidence: Evidence) -> Report:
    """Return what one reading of the log comes to."""
    given = archive.given()
    keys = archive.keys()

    try:
        before = before_store(archive)
    except Broken as broken:
        return _nothing(broken.finding)

    nodes = store_nodes(archive, before.frontier.size)
    witnesses = stored_witnesses(archive)
    return _verify(before, nodes, witnesses, keys, evidence, given=given, every_head=True)


def verify_export(export: Export, evidence: Evidence) -> Report:
    """Return what an export comes to, as it is described by its manifest.

    With a public key every row must be signed for: an export ends where its head does.

    Raises:
        FileUnusable: a file cannot be read.
    """
    nodes, heads = export.nodes(), export.witnesses()
    found = _verify(export.before, nodes, heads, export.keys, evidence, given=export.last)
    report = replace(found, part=export.part)

    if report.finding is None and (told := _other_file(export, report.rows)):
        return replace(report, finding=_beyond(report, told))

    return report


def prove_in_store(archive: Archive, seq: int) -> Inclusion | None:
    """Return the proof that a row is in the smallest signed tree that has it.

    Raises:
        StorageUnavailable: the store cannot be read.
        Broken: what was pruned cannot be gone on from.
        LogBroken: the row does not lead to the head.
    """
    before = before_store(archive)
    links = archive.links(before.frontier.size)
    nodes = (Node(seq=link.seq, hash=link.leaf) for link in links)
    return _prove(seq, before, nodes, archive.heads(), archive.keys())


def prove_in_export(export: Export, seq: int) -> Inclusion | None:
    """Return the proof that an exported row is in the smallest tree of the manifest that has it.

    Raises:
        LogBroken: the row does not lead to the head.
    """
    return _prove(seq, export.before, export.nodes(), export.heads, export.keys)


def _verify(
    before: Before,
    nodes: Iterator[Node],
    heads: Iterator[Witness],
    keys: Iterable[LogKey],
    evidence: Evidence,
    *,
    given: int,
    every_head: bool = False,
) -> Report:
    """Return the report, with notes on what could not be checked."""
    known = tuple(keys)
    notes: list[str] = []
    pinned = [evidence.public_key] if evidence.public_key else []

    if not pinned and known:
        pinned = [known[0].public_key]
        notes.append(_FIRST_KEY)

    outside: list[Witness] = []

    if evidence.anchor is not None:
        anchored, strange = anchored_heads(evidence.anchor)
        outside = [Witness(signed=one, origin="from the anchor") for one, _ in anchored]

        if strange:
            notes.append(f"{strange} lines of the anchor hold no head.")

    believed = trusted_keys(pinned, known)
    verifier = Verifier(
        before,
        merged(heads, outside),
        believed,
        expected=evidence.root,
        every_head=every_head,
    )
    report = verifier.run(nodes, given=given)

    if report.finding is None and evidence.public_key is not None:
        report = replace(report, finding=_unsigned(report, 1 if every_head else report.last))

    if report.finding is None:
        notes.extend(_notes(report))

    return replace(report, notes=tuple(notes))


def _unsigned(report: Report, due: int) -> Finding | None:
    """Return a finding where no believed head vouches for the first `due` rows; 0 are one too."""
    if report.signed >= max(due, 1):
        return None

    first = max(report.signed + 1, report.first)
    upto = max(report.last, first)
    told = f"{rows_are(first, upto)} not signed with the given key, or one that it leads to."
    return Finding(fault=Fault.HEAD, seq=first, upto=upto, told=told)


def _notes(report: Report) -> Iterator[str]:
    """Yield what a sound log does not prove."""
    if report.signed < report.last:
        rest = report.last - report.signed
        yield _NO_HEAD if not report.signed else f"No head covers the last {rest} rows yet."

    if report.first > 1 and report.last:
        yield f"Rows 1 to {report.first - 1} are not there: the log begins at row {report.first}."

    if report.passed:
        yield (
            f"{report.passed} heads of fewer than {report.first - 1} rows were not compared: those "
            "rows were pruned."
        )


def _prove(
    seq: int,
    before: Before,
    nodes: Iterable[Node],
    heads: Iterable[SignedHead],
    keys: Iterable[LogKey],
) -> Inclusion | None:
    """Return the proof of a row, from one pass over the rows; None where no head covers it."""
    signed = next((one for one in heads if one.head.size >= seq), None)

    if signed is None or seq <= before.frontier.size:
        return None

    publics = {key.key_id: key.public_key for key in keys}
    size = signed.head.size
    proof = Proof(inclusion_ranges(seq - 1, size), before.frontier)
    leaf = b""

    for node in nodes:
        if node.seq > size:
            break

        if node.seq == seq and node.is_row:
            leaf = node.hash
        else:
            proof.add(node.seq - 1, node.hash, node.level)

    path = proof.nodes()

    if not verify_inclusion(leaf, seq - 1, size, path, bytes.fromhex(signed.head.root)):
        raise LogBroken(f"Row {seq} of the decision log does not lead to the head of {size} rows.")

    return Inclusion(
        seq=seq,
        leaf=leaf.hex(),
        signed=signed,
        public_key=publics.get(signed.head.key_id, ""),
        path=tuple(node.hex() for node in path),
    )


def _other_file(export: Export, rows: int) -> str | None:
    """Return how a file differs from its manifest, None if it does not."""
    if rows != export.rows:
        return f"The manifest speaks of {export.rows} rows, and the export has {rows}."

    digest = hashlib.sha256()

    with export.path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)

    same = digest.hexdigest() == export.sha256
    return None if same else "The file is not the one that its manifest describes."


def _beyond(report: Report, told: str) -> Finding:
    """Return a finding about a file as a whole, at the first row that no head covers."""
    first = min(report.signed + 1, report.last)
    return Finding(fault=Fault.CHANGED, seq=first, upto=report.last, told=told)


def _nothing(finding: Finding) -> Report:
    """Return the report of a log that cannot even be begun with."""
    return Report(finding=finding, first=1, last=0, rows=0, heads=0, signed=0, root="", chain=None)
