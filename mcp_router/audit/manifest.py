"""What is written beside an export, so that it can be verified without the database."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mcp_router.audit.export import Format
from mcp_router.audit.merkle import node_hash
from mcp_router.audit.sources import MANIFEST_KIND
from mcp_router.audit.verify import Before
from mcp_router.canonical import JsonValue, canonical_json, plain
from mcp_router.domain.tree_head import LogKey, SignedHead

_PIECE = 1 << 20


class Tally:
    """Counts and hashes an export while it is written."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self._digest = hashlib.sha256()
        self.rows = 0
        self.first: int | None = None
        self.last: int | None = None

    def row(self, row: tuple[int, str]) -> tuple[int, str]:
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
    keys: Iterable[LogKey],
    last: int,
    proofs: str | None = None,
) -> str:
    """Return the manifest of an export of everything up to row `last`, or of a tenant's part.

    With `proofs` the export leaves rows out, and that file has the roots over them.
    """
    known = {key.key_id: key for key in keys}
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
    }

    if signed is not None and (key := known.get(signed.head.key_id)):
        found |= {
            "head": plain(signed.head),
            "signature": signed.signature,
            "public_key": key.public_key,
        }

    return canonical_json(found) + "\n"


class Gaps:
    """Gathers rows that an export leaves out into as few subtrees as stand for them."""

    def __init__(self) -> None:
        """Start with nothing left out."""
        self._run: list[tuple[int, int, bytes]] = []  # first leaf, level, root

    def omit(self, seq: int, leaf: bytes) -> None:
        """Leave out a row, the one right after those left out before it or after a taken one."""
        first, level, node = seq - 1, 0, leaf

        while self._run and self._run[-1][1] == level and not self._run[-1][0] >> level & 1:
            first, _, left = self._run.pop()
            node = node_hash(left, node)
            level += 1

        self._run.append((first, level, node))

    def close(self) -> Iterator[str]:
        """Yield a line for each subtree, because a row is taken now or the export ends."""
        for first, level, node in self._run:
            yield canonical_json({"hash": node.hex(), "level": level, "seq": first + 1}) + "\n"

        self._run.clear()
