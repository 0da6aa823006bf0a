"""How a log may grow from one head to the next, and what shows that it did something else."""

from collections.abc import Iterable, Mapping

from mcp_router.audit.merkle import Frontier, Proof, Tree, consistency_ranges, verify_consistency
from mcp_router.audit.signing import Signer, is_signed
from mcp_router.audit.statements import head_statement
from mcp_router.chain import START, leaf_hash, next_link, row_line
from mcp_router.domain.tree_head import KeptRow, SignedHead, TreeHead
from mcp_router.errors import LogBroken


class Growth:
    """Reads the rows since a kept head, each hashed again, in order."""

    def __init__(self, since: SignedHead | None, size: int) -> None:
        """Begin after `since`; all rows up to `size` have to be taken.

        Raises:
            LogBroken: the frontier of `since` is not that of its root.
        """
        start = _start_of(since)
        self._since = start.size
        self._tree = Tree(start)
        self._proof = Proof(consistency_ranges(start.size, size), start)
        self._chain = bytes.fromhex(since.head.chain) if since else START

    @property
    def at(self) -> int:
        """Return the last row that was taken."""
        return self._tree.size

    def take(self, row: KeptRow) -> None:
        """Take the next row, which must be as it was appended.

        Raises:
            LogBroken: it is not, or another row should stand here.
        """
        leaf = _checked_leaf(row, self.at + 1)
        self._chain = next_link(self._chain, leaf)

        if self._chain != row.chain:
            raise LogBroken(f"Row {row.seq} of the decision log is not in its chain.")

        self._proof.add(self.at, leaf)
        self._tree.append(leaf)

    def signed(self, signer: Signer, at_ms: int) -> SignedHead:
        """Return a head over every row up to here, and the proof that it grew."""
        head = TreeHead(
            size=self.at,
            root=self._tree.root().hex(),
            chain=self._chain.hex(),
            at_ms=at_ms,
            key_id=signer.key_id,
        )
        return SignedHead(
            head=head,
            signature=signer.sign(head_statement(head)),
            previous=self._since,
            frontier=tuple(node.hex() for node in self._tree.frontier().nodes),
            consistency=tuple(node.hex() for node in self._proof.nodes()),
        )


def largest_signed(heads: Iterable[SignedHead], believed: Mapping[str, str]) -> SignedHead | None:
    """Return the largest head that a believed key, by its id, has signed, None for none."""
    for one in sorted(heads, key=lambda one: one.head.size, reverse=True):
        public = believed.get(one.head.key_id)

        if public is not None and is_signed(public, head_statement(one.head), one.signature):
            return one

    return None


def follows(known: SignedHead, newest: SignedHead | None) -> bool:
    """Return whether a store's newest head is shown to grow out of one that is known.

    It is not where heads lie in between: then each of them has to follow the one before it.

    Raises:
        LogBroken: it does not grow out of it.
    """
    size = known.head.size

    if newest is None or newest.head.size < size:
        raise LogBroken(f"The head of {size} rows was signed, and is not in the store any more.")

    if newest.head.size == size:
        # An anchored head is known without what leads to it; of others a changed one shows.
        grown = newest == known if known.frontier else newest.head == known.head
    elif newest.previous > size:
        return False
    else:
        grown = newest.previous == size and _is_consistent(known, newest)

    if not grown:
        raise otherwise(known)

    return True


def otherwise(known: SignedHead) -> LogBroken:
    """Return the error of a log that is another one than a known head was signed over."""
    size = known.head.size
    return LogBroken(f"The log does not grow out of the head of {size} rows that was signed.")


def _start_of(signed: SignedHead | None) -> Frontier:
    """Return the frontier of a kept head, which its signed root must follow from.

    Raises:
        LogBroken: it does not.
    """
    if signed is None:
        return Frontier()

    try:
        nodes = tuple(map(bytes.fromhex, signed.frontier))
    except ValueError:
        nodes = ()

    frontier = Frontier(size=signed.head.size, nodes=nodes)
    root = frontier.root()

    if root is None or root.hex() != signed.head.root:
        raise LogBroken(f"The head of {signed.head.size} rows is not what was signed.")

    return frontier


def _checked_leaf(row: KeptRow, expected: int) -> bytes:
    """Return the leaf of a row, which must be the one that was kept when it was appended.

    Raises:
        LogBroken: it is not, or another row should stand here.
    """
    if row.seq != expected:
        raise LogBroken(f"Row {expected} of the decision log is missing.")

    leaf = leaf_hash(row_line(row.seq, row.text).encode("utf-8", "surrogateescape"))

    if leaf != row.leaf:
        raise LogBroken(f"Row {row.seq} of the decision log was changed.")

    return leaf


def _is_consistent(known: SignedHead, newest: SignedHead) -> bool:
    """Return whether the newest head's own proof leads from the known one to it."""
    try:
        proof = [bytes.fromhex(node) for node in newest.consistency]
        old, new = bytes.fromhex(known.head.root), bytes.fromhex(newest.head.root)
    except ValueError:
        return False

    return verify_consistency(known.head.size, newest.head.size, old, new, proof)
