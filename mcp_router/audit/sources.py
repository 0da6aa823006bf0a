"""What is verified: a live store, or an export with its manifest, as one stream of nodes each."""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mcp_router.audit.merkle import MOST_LEVEL, Frontier
from mcp_router.audit.statements import UNREADABLE, read_anchor, read_anchored
from mcp_router.audit.verify import Before, Broken, Fault, Node, Witness, rows_are
from mcp_router.audit_settings import AnchorSettings, FileAnchor
from mcp_router.chain import leaf_hash, row_line, unlinked
from mcp_router.domain.audit_event import AuditChange
from mcp_router.domain.tree_head import KeptRow, LogKey, SignedHead
from mcp_router.errors import FileUnusable
from mcp_router.storage.heads import columns_agree
from mcp_router.storage.store import Archive

MANIFEST = ".manifest.json"
PROOFS = ".proofs.jsonl"
MANIFEST_KIND = "mcp-router-export-1"


def before_store(archive: Archive) -> Before:
    """Return what was pruned from a store, by the head that it was pruned to.

    Raises:
        Broken: there is no such head, or it is damaged.
    """
    size = archive.pruned()

    if not size:
        return Before()

    kept = next((one for one in archive.heads() if one.head.size == size), None)
    frontier = _frontier(size, kept.frontier) if kept else None

    if kept is None or frontier is None or frontier.root() != _hash(kept.head.root):
        raise Broken(Fault.HEAD, size, f"The head of the {size} rows that were pruned is damaged.")

    return Before(frontier=frontier, chain=_hash(kept.head.chain))


def store_nodes(archive: Archive, pruned: int) -> Iterator[Node]:
    """Yield the rows of a store, each checked against what the store keeps about it.

    What was let go of and still lies there is no part of the log; a row that is where none ever
    was is yielded as well.

    Raises:
        Broken: rows were pruned, and no row says so.
    """
    told = not pruned

    for row in archive.kept():
        if 0 < row.seq <= pruned:
            continue

        told = told or _tells_pruning(row.text, pruned)
        yield Node(seq=row.seq, hash=_leaf(row), chain=row.chain, fault=_fault(row))

    if not told:
        raise _untold(pruned)


def stored_witnesses(archive: Archive) -> Iterator[Witness]:
    """Yield the heads that a store keeps, the smallest first."""
    return (Witness(signed=one, origin="in the store", stored=True) for one in archive.heads())


def anchored_heads(path: Path) -> tuple[list[tuple[SignedHead, str]], int]:
    """Return the heads of an anchor's file, the smallest first, and how many lines hold none.

    Raises:
        FileUnusable: it cannot be read, or holds no head: what is not there would pass for proof.
    """
    try:
        # A server's collected output may hold anything between the heads.
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        raise FileUnusable(f"{path} cannot be read.") from None

    found = [read_anchor(line) for line in lines if line.strip()]
    heads = [one for one in found if one is not None]

    if not heads:
        raise FileUnusable(f"{path} holds no head.", next_step="Name the file of an anchor.")

    return sorted(heads, key=lambda one: one[0].head.size), found.count(None)


def file_heads(anchors: Iterable[AnchorSettings]) -> list[SignedHead]:
    """Return the heads in the files among anchors; one that cannot be read has none."""
    heads: list[SignedHead] = []

    for one in anchors:
        if isinstance(one, FileAnchor) and one.path.is_file():  # reading a pipe would wait
            with suppress(FileUnusable):
                heads.extend(head for head, _ in anchored_heads(one.path)[0])

    return heads


def merged(*witnesses: Iterable[Witness]) -> Iterator[Witness]:
    """Yield witnesses by size, the stored ones first of the same size."""
    return heapq.merge(*witnesses, key=lambda one: (one.signed.head.size, not one.stored))


class Export:
    """An export in JSON lines, with the manifest beside it."""

    def __init__(self, path: Path) -> None:
        """Read the manifest.

        Raises:
            FileUnusable: there is none, or it is of another format.
        """
        self.path = path
        manifest = path.with_name(path.name + MANIFEST)

        try:
            found = json.loads(manifest.read_text(encoding="utf-8"))
            self.rows = int(found["rows"])
            self.sha256 = str(found["sha256"])
            self.last = int(found["last_seq"] or 0)
            self.part = bool(found["filtered"])
            self.keys = tuple(_key(one) for one in found.get("keys", ()))
            self.heads = _heads(found)
            self.before = _before(found["before"])
            right = found["kind"] == MANIFEST_KIND and found["format"] == "jsonl"
        except (OSError, *UNREADABLE):
            right = False

        if not right:
            raise FileUnusable(
                f"{manifest} is no manifest of an export in JSON lines.",
                next_step="Name what `mcp-router audit export --output` wrote, with its manifest.",
            )

    def witnesses(self) -> Iterator[Witness]:
        """Yield the heads of the manifest, the smallest first."""
        return (Witness(signed=one, origin="in the manifest") for one in self.heads)

    def nodes(self) -> Iterator[Node]:
        """Yield rows, and where the export is filtered the roots over what it leaves out.

        One that is not filtered leaves nothing out, whatever proofs lie beside it, except what a
        row of its own says was pruned.

        Raises:
            FileUnusable: a file is missing.
            Broken: rows before the first one are not there, and no row says why.
        """
        return _interleaved(self._lines(), self._gaps()) if self.part else self._every_line()

    def _lines(self) -> Iterator[Node]:
        """Yield the rows."""
        for number, line in enumerate(_read(self.path), start=1):
            yield _row_of(line, number)

    def _every_line(self) -> Iterator[Node]:
        """Yield the rows of an export that leaves nothing out."""
        pruned = self.before.frontier.size
        told = not pruned

        for number, line in enumerate(_read(self.path), start=1):
            told = told or _tells_pruning(line.decode("utf-8", "replace"), pruned)
            yield _row_of(line, number)

        if not told:
            raise _untold(pruned)

    def _gaps(self) -> Iterator[Node]:
        """Yield what stands for the rows that were left out."""
        path = self.path.with_name(self.path.name + PROOFS)

        for line in _read(path):
            try:
                found = json.loads(line)
                yield Node(
                    seq=int(found["seq"]),
                    hash=_hash(str(found["hash"])),
                    chain=bytes.fromhex(found["chain"]),
                    level=int(found["level"]),
                    is_row=False,
                )
            except UNREADABLE:
                raise FileUnusable(f"{path} holds a line that is no proof.") from None


def _interleaved(rows: Iterator[Node], gaps: Iterator[Node]) -> Iterator[Node]:
    """Yield rows in the order of their file, and each gap before the first row beyond it."""
    gap = next(gaps, None)

    for row in rows:
        while gap is not None and gap.seq < row.seq:
            yield gap
            gap = next(gaps, None)

        yield row

    while gap is not None:
        yield gap
        gap = next(gaps, None)


def _row_of(line: bytes, number: int) -> Node:
    """Return the row of an exported line."""
    text = line.removesuffix(b"\n")

    try:
        found = json.loads(text)
        seq, chain = int(found["seq"]), bytes.fromhex(found["chain"])
        begins, ends = b'{"chain":"%s","record":' % chain.hex().encode(), b',"seq":%d}' % seq
    except UNREADABLE:
        raise Broken(
            Fault.UNREADABLE, number, f"Line {number} of the export holds no row."
        ) from None

    framed = text.startswith(begins) and text.endswith(ends)
    fault = None if framed else (Fault.CHANGED, f"Row {seq} is not as an export writes it.")
    return Node(seq=seq, hash=leaf_hash(unlinked(text)), chain=chain, fault=fault)


def _read(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file."""
    try:
        with path.open("rb") as file:
            yield from file
    except OSError:
        raise FileUnusable(f"{path} cannot be read.") from None


def _heads(found: Mapping[str, object]) -> list[SignedHead]:
    """Return the heads that a manifest holds, the smallest first."""
    told = found["heads"]

    if not isinstance(told, list):
        raise TypeError

    last = [found] if found.get("head") else []
    heads = [read_anchored(one)[0] for one in (*told, *last)]
    return sorted(heads, key=lambda one: one.head.size)


def _key(found: Mapping[str, object]) -> LogKey:
    """Return a key that a manifest lists."""
    signed_by, signature, accepted = map(found.get, ("signed_by", "signature", "accepted"))
    return LogKey(
        key_id=str(found["key_id"]),
        public_key=str(found["public_key"]),
        at_ms=0,
        signed_by=None if signed_by is None else str(signed_by),
        signature=None if signature is None else str(signature),
        accepted=None if accepted is None else str(accepted),
    )


def _before(found: Mapping[str, object]) -> Before:
    """Return what a manifest says came before the first row."""
    size, nodes = found["size"], found["frontier"]

    if not isinstance(size, int) or not isinstance(nodes, list):
        raise TypeError

    if not 0 <= size < 1 << MOST_LEVEL:
        raise ValueError

    frontier = _frontier(size, tuple(map(str, nodes)))

    if frontier is None:
        raise ValueError

    return Before(frontier=frontier, chain=bytes.fromhex(str(found["chain"])))


def _frontier(size: int, nodes: tuple[str, ...]) -> Frontier | None:
    """Return a frontier, None where the nodes do not fit the size."""
    hashes = tuple(map(_hash, nodes))
    fits = len(hashes) == size.bit_count() and all(hashes)
    return Frontier(size=size, nodes=hashes) if fits else None


def _hash(text: str) -> bytes:
    """Return a hash, empty where it is damaged."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _leaf(row: KeptRow) -> bytes:
    """Return the leaf of a row's own text."""
    return leaf_hash(row_line(row.seq, row.text).encode("utf-8", "surrogateescape"))


def _fault(row: KeptRow) -> tuple[Fault, str] | None:
    """Return what is wrong with a row by itself."""
    if _leaf(row) != row.leaf:
        return Fault.CHANGED, f"Row {row.seq} was changed after it was appended."

    if not columns_agree(row):
        return Fault.COLUMNS, f"The columns of row {row.seq} say something else than its record."

    return None


def _tells_pruning(text: str, size: int) -> bool:
    """Return whether a record, or the line that an export has of it, is of that pruning."""
    if f'"change":"{AuditChange.LOG_PRUNED}"' not in text:
        return False  # almost every row: it need not be read

    try:
        found = json.loads(text)
        event = found.get("record", found)["audit"]
        return (event["change"], event["size"]) == (AuditChange.LOG_PRUNED, size)
    except UNREADABLE:
        return False


def _untold(pruned: int) -> Broken:
    """Return the error of a beginning that is gone, though nobody pruned it."""
    told = f"{rows_are(1, pruned)} missing, and no row says that they were pruned."
    return Broken(Fault.MISSING, 1, told, upto=pruned)
