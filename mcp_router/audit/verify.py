"""Verifies a decision log, a row at a time and in constant memory, and names what is broken first.

Whatever is checked is hashed again from the rows' own text. A live store and an export come in
as the same stream of nodes: a row, or in a filtered export the root over rows that are not in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mcp_router.audit.merkle import Frontier, Tree, verify_consistency
from mcp_router.audit.signing import is_signed
from mcp_router.audit.statements import head_statement
from mcp_router.chain import START, next_link
from mcp_router.domain.tree_head import SignedHead


class Fault(StrEnum):
    """What is wrong at the first broken row."""

    CHANGED = "changed"  # its text is not what was hashed when it was appended
    MISSING = "missing"
    MISPLACED = "misplaced"  # a copy, or a row that belongs elsewhere
    CHAIN = "chain"  # its link does not follow from the row before it
    COLUMNS = "columns"  # the columns that people ask by say something else than the record
    REWRITTEN = "rewritten"  # row and chain agree with each other, but not with a head
    HEAD = "head"  # a signed head is damaged, forged, or gone
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The first broken row, or where no single one can be named, the rows from it to `upto`."""

    fault: Fault
    seq: int
    upto: int
    told: str


class Broken(Exception):
    """The log is not what was written."""

    def __init__(self, fault: Fault, seq: int, told: str, *, upto: int | None = None) -> None:
        """Say which row is broken, and how."""
        super().__init__(told)
        self.finding = Finding(fault=fault, seq=seq, upto=upto or seq, told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What came before the first row that is there: the tree's frontier and the chain."""

    frontier: Frontier = field(default_factory=Frontier)
    chain: bytes = START


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A row's leaf, at level 0, or the root over 2^`level` rows from `seq` on.

    `fault` is what was found wrong with the row by itself, `chain` is its link as it was kept: the
    chain after the row, or after the last of those that it stands for.
    """

    seq: int
    hash: bytes
    level: int = 0
    is_row: bool = True
    chain: bytes | None = None
    fault: tuple[Fault, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A signed head from somewhere; `origin` says where. Only a stored one proves consistency."""

    signed: SignedHead
    origin: str
    stored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verification has come to; `signed` is how many rows a believed head vouches for.

    Of the rows up to `last`, `left_out` are not there: pruned, or not in a `part` of the log.
    `passed` heads from outside could not be compared: an export has nothing of what was pruned.
    """

    finding: Finding | None
    first: int
    last: int
    rows: int
    heads: int
    signed: int
    root: str
    chain: str | None
    left_out: int = 0
    passed: int = 0
    part: bool = False
    notes: tuple[str, ...] = ()


class Verifier:
    """Follows one log; the first thing that is wrong ends it."""

    def __init__(
        self,
        before: Before,
        witnesses: Iterator[Witness],
        believed: Mapping[str, str],
        *,
        expected: str | None = None,
        every_head: bool = False,
    ) -> None:
        """Begin after `before`; `witnesses` come by size, stored ones first of the same size.

        Some head, or the whole, must have the root that is `expected`. With `every_head` all that
        the log ever signed are among the stored ones.
        """
        self._tree = Tree(before.frontier)
        self._start = before.frontier.size
        self._chain: bytes | None = before.chain
        self._witnesses = witnesses
        self._believed = believed
        self._next = next(witnesses, None)
        self._former: SignedHead | None = None
        self._expected = expected
        self._every_head = every_head
        self._signed = 0
        self._heads = 0
        self._passed = 0
        self._rows = 0

    def run(self, nodes: Iterable[Node], *, given: int = 0) -> Report:
        """Return the report over every node; `given` is the last place that was ever given."""
        finding = None

        try:
            self._past_heads()

            for node in nodes:
                self._take(node)
                self._past_heads()

            self._end(given)
        except Broken as broken:
            finding = broken.finding

        return Report(
            finding=finding,
            first=self._start + 1,
            last=self._tree.size,
            rows=self._rows,
            heads=self._heads,
            signed=self._signed,
            root=self._tree.root().hex(),
            chain=self._chain.hex() if self._chain is not None else None,
            left_out=self._tree.size - self._rows,
            passed=self._passed,
        )

    def _take(self, node: Node) -> None:
        """Add a node, which must be the next one and as it was kept."""
        due = self._tree.size + 1

        if node.seq > due:
            upto = node.seq - 1
            raise Broken(Fault.MISSING, due, f"{rows_are(due, upto)} missing.", upto=upto)

        if node.seq < due:
            told = f"Row {node.seq} comes again, or too late: row {due} should stand there."
            raise Broken(Fault.MISPLACED, node.seq, told)

        if node.fault is not None:
            raise Broken(node.fault[0], node.seq, node.fault[1])

        try:
            self._tree.push(node.level, node.hash)
        except ValueError:
            raise Broken(Fault.MISPLACED, node.seq, f"No proof begins at row {node.seq}.") from None

        if not node.is_row:
            # Leaves that are not there cannot be chained; what follows shows whether this is right.
            self._chain = node.chain
            return

        self._rows += 1

        if self._chain is not None:
            self._chain = next_link(self._chain, node.hash)

            if node.chain is not None and node.chain != self._chain:
                told = f"Row {node.seq} was changed, or does not follow from the row before it."
                raise Broken(Fault.CHAIN, node.seq, told)

    def _past_heads(self) -> None:
        """Check every head whose rows have all passed by."""
        while self._next is not None and self._next.signed.head.size <= self._tree.size:
            self._check(self._next)
            self._next = next(self._witnesses, None)

    def _check(self, witness: Witness) -> None:
        """Compare a head with the rows, or with the kept head where its rows were pruned."""
        head = witness.signed.head
        self._check_signature(witness)

        if head.size >= self._start:
            self._compare(witness)
        elif not self._every_head:
            self._passed += 1
            return

        if self._every_head and not witness.stored:
            kept = self._former.head if self._former else None

            if kept is None or (kept.size, kept.root) != (head.size, head.root):
                told = f"The head of {head.size} rows {witness.origin} is not among the log's own."
                raise Broken(Fault.HEAD, head.size, told)

        if witness.stored:
            self._check_consistency(witness.signed)
            self._former = witness.signed

        if head.root == self._expected:
            self._expected = None

        self._heads += 1
        self._signed = head.size

    def _compare(self, witness: Witness) -> None:
        """Check a head whose every row is known, by itself or in a subtree."""
        head = witness.signed.head
        same_chain = self._chain is None or head.chain == self._chain.hex()

        if self._tree.size == head.size and head.root == self._tree.root().hex() and same_chain:
            return

        first = max(self._signed, self._start) + 1
        told = (
            f"{rows_are(first, head.size)} not what the head of {head.size} rows "
            f"{witness.origin} was signed over."
        )
        raise Broken(Fault.REWRITTEN, first, told, upto=head.size)

    def _check_signature(self, witness: Witness) -> None:
        """Check that a believed key has signed the head."""
        head = witness.signed.head
        public = self._believed.get(head.key_id)

        if public is None:
            told = (
                f"The head of {head.size} rows {witness.origin} is signed with a key that nobody "
                "vouches for."
            )
            raise Broken(Fault.HEAD, head.size, told)

        if not is_signed(public, head_statement(head), witness.signed.signature):
            told = f"The signature of the head of {head.size} rows {witness.origin} is wrong."
            raise Broken(Fault.HEAD, head.size, told)

    def _check_consistency(self, signed: SignedHead) -> None:
        """Check that the kept head before this one is a prefix of it, as it says."""
        former = self._former.head if self._former else None
        old = former.size if former else 0
        told = f"The head of {signed.head.size} rows does not grow out of the one before it."

        try:
            frontier = tuple(bytes.fromhex(node) for node in signed.frontier)
            proof = [bytes.fromhex(node) for node in signed.consistency]
            old_root = bytes.fromhex(former.root) if former else b""
            root = bytes.fromhex(signed.head.root)
        except ValueError:
            raise Broken(Fault.HEAD, signed.head.size, told) from None

        grows = Frontier(size=signed.head.size, nodes=frontier).root() == root
        proved = verify_consistency(old, signed.head.size, old_root, root, proof)

        if not (grows and proved and signed.previous == old):
            raise Broken(Fault.HEAD, signed.head.size, told)

    def _end(self, given: int) -> None:
        """Check that nothing is missing at the end."""
        last = self._tree.size

        if self._next is not None:
            size = self._next.signed.head.size
            told = (
                f"{rows_are(last + 1, size)} missing: a head of {size} rows "
                f"{self._next.origin} was signed."
            )
            raise Broken(Fault.MISSING, last + 1, told, upto=size)

        if given > last:
            told = f"{rows_are(last + 1, given)} missing: there were {given} once."
            raise Broken(Fault.MISSING, last + 1, told, upto=given)

        if self._expected not in (None, self._tree.root().hex()):
            first = self._start + 1
            told = "Neither a head of this log nor the whole of it has the expected root."
            raise Broken(Fault.REWRITTEN, first, told, upto=last)


def rows_are(first: int, last: int) -> str:
    """Return rows in words, with their verb."""
    return f"Row {first} is" if first >= last else f"Rows {first} to {last} are"
