"""What is written beside an export, so that it can be verified without the database."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mcp_router.audit.export import Format
from mcp_router.audit.merkle import node_hash
from mcp_router.audit.sources import MANIFEST_KIND
from mcp_router.audit.statements import anchored
from mcp_router.audit.trust import trusted_keys
from mcp_router.audit.verify import Before
from mcp_router.canonical import JsonValue, canonical_json, plain
from mcp_router.domain.tree_head import ExportRow, Link, LogKey, SignedHead

_PIECE = 1 << 20


class Tally:
    """Counts and hashes an export while it is written."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self._digest = hashlib.sha256()
        self.rows = 0
        self.first: int | None = None
        self.last: int | None = None

    def row(self, row: ExportRow) -> ExportRow:
        """Note a row's place on its way, and return it."""
        self.rows += 1
        self.first = row[0] if self.first is None else self.first
        self.last = row[0]
        return row

    def content(self, file: BinaryIO) -> None:
        """Note what a finished file holds, whoever wrote it, now or before an interruption."""
        while piece := file.read(_PIECE):
            self._digest.update(piece)

    @property
    def sha256(self) -> str:
        """Return the digest of every line."""
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An export that is written: its file's name, format, and whose records it holds.

    It leaves rows out where it is one tenant's, or was `narrowed` otherwise.
    """

    file: str
    kind: Format
    tenant: str | None
    tally: Tally
    narrowed: bool = False

    @property
    def filtered(self) -> bool:
        """Return whether rows of the log are left out."""
        return self.narrowed or self.tenant is not None


def manifest(
    made: Made,
    *,
    before: Before,
    signed: SignedHead | None,
    heads: Iterable[SignedHead],
    keys: Iterable[LogKey],
    last: int,
    proofs: str | None = None,
) -> str:
    """Return the manifest of an export of everything up to row `last`, or of a tenant's part.

    `signed` is the head over exactly that, and `heads` are those that the log keeps. With `proofs`
    the export leaves rows out, and that file has the roots over them.
    """
    known = {key.key_id: key for key in keys}
    within = [one for one in heads if before.frontier.size < one.head.size <= last]
    newest = signed or (within[-1] if within else None)
    signer = known.get(newest.head.key_id) if newest else None
    # A head whose key nobody vouches for would only break the export for who believes the others.
    believed = trusted_keys([signer.public_key] if signer else [], known.values())
    found: dict[str, JsonValue] = {
        "kind": MANIFEST_KIND,
        "file": made.file,
        "format": made.kind.value,
        "sha256": made.tally.sha256,
        "rows": made.tally.rows,
        "first_seq": made.tally.first,
        "last_seq": last,
        "filtered": made.filtered,
        "tenant": made.tenant,
        "proofs": proofs,
        "before": {
            "size": before.frontier.size,
            "chain": before.chain.hex(),
            "frontier": [node.hex() for node in before.frontier.nodes],
        },
        "keys": [plain(key) for key in known.values()],
        "heads": [
            anchored(one, believed[one.head.key_id])
            for one in within
            if one.head.key_id in believed and (signed is None or one.head.size < signed.head.size)
        ],
    }

    if signed is not None and signer is not None:
        found |= anchored(signed, signer.public_key)

    return canonical_json(found) + "\n"


class Gaps:
    """Gathers rows that an export leaves out into as few subtrees as stand for them."""

    def __init__(self) -> None:
        """Start with nothing left out."""
        self._run: list[tuple[int, int, bytes, bytes]] = []  # first leaf, level, root, chain after

    def omit(self, link: Link) -> None:
        """Leave out a row, the one right after those left out before it or after a taken one."""
        first, level, node = link.seq - 1, 0, link.leaf

        while self._run and self._run[-1][1] == level and not self._run[-1][0] >> level & 1:
            first, _, left, _ = self._run.pop()
            node = node_hash(left, node)
            level += 1

        self._run.append((first, level, node, link.chain))

    def close(self) -> Iterator[str]:
        """Yield a line for each subtree, because a row is taken now or the export ends."""
        for first, level, node, chain in self._run:
            yield canonical_json(
                {"chain": chain.hex(), "hash": node.hex(), "level": level, "seq": first + 1}
            )
            yield "\n"

        self._run.clear()
