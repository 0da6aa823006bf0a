"""The Merkle tree of RFC 9162: its root, what it grows from, and proofs about it.

A tree only grows at its right edge, so that its frontier, the roots of its perfect subtrees from
left to right, is all that is needed to go on: as many hashes as its size has bits set.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_LEVEL = 62
"""No subtree is larger: as many rows as a database can count."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """Where a tree of `size` leaves can go on growing; `nodes` has the largest subtree first."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def root(self) -> bytes | None:
        """Return the hash over all leaves, None where the nodes do not fit the size."""
        return Tree(self).root() if len(self.nodes) == self.size.bit_count() else None

    def placed(self) -> Iterable[tuple[int, int, bytes]]:
        """Yield the first leaf, the level and the hash of each node."""
        first = 0

        for node, level in zip(self.nodes, _levels(self.size), strict=True):
            yield first, level, node
            first += 1 << level


def _levels(size: int) -> Iterable[int]:
    """Yield the levels of the perfect subtrees of a tree, the largest first."""
    return (level for level in reversed(range(size.bit_length())) if size >> level & 1)


class Tree:
    """A tree that grows, in memory of the logarithm of its size."""

    def __init__(self, frontier: Frontier | None = None) -> None:
        """Start empty, or where another tree stood."""
        start = frontier or Frontier()
        self._size = start.size
        self._nodes = list(start.nodes)

    @property
    def size(self) -> int:
        """Return how many leaves there are."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one leaf."""
        self.push(0, leaf)

    def push(self, level: int, node: bytes) -> None:
        """Add a perfect subtree of 2^`level` leaves by its root.

        Raises:
            ValueError: no subtree of that size can begin here.
        """
        if not 0 <= level <= MOST_LEVEL or self._size & ((1 << level) - 1):
            raise ValueError("a subtree of that size cannot begin here")

        left, at = self._size, level

        while left >> at & 1:
            node = node_hash(self._nodes.pop(), node)
            at += 1

        self._nodes.append(node)
        self._size += 1 << level

    def root(self) -> bytes:
        """Return the hash over all leaves."""
        if not self._nodes:
            return hashlib.sha256().digest()

        root = self._nodes[-1]

        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)

        return root

    def frontier(self) -> Frontier:
        """Return what another tree can go on from."""
        return Frontier(size=self._size, nodes=tuple(self._nodes))


def inclusion_ranges(index: int, size: int) -> tuple[tuple[int, int], ...]:
    """Return the leaves, from and to, under each node of the proof that leaf `index` is in."""
    ranges: list[tuple[int, int]] = []
    first, end = 0, size

    while end - first > 1:
        middle = first + _half(end - first)

        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first = middle

    return tuple(reversed(ranges))


def consistency_ranges(old: int, size: int) -> tuple[tuple[int, int], ...]:
    """Return the leaves under each node of the proof that `old` leaves are a prefix of `size`."""
    if old in (0, size):
        return ()

    ranges: list[tuple[int, int]] = []
    first, end, whole = 0, size, True

    while old != end:
        middle = first + _half(end - first)

        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first, whole = middle, False

    if not whole:
        ranges.append((first, end))

    return tuple(reversed(ranges))


def _half(size: int) -> int:
    """Return the largest power of two below `size`: how many leaves are left of the top."""
    return 1 << ((size - 1).bit_length() - 1)


class Proof:
    """Collects the nodes of a proof while the leaves pass by once, in order."""

    def __init__(self, ranges: Sequence[tuple[int, int]], start: Frontier | None = None) -> None:
        """Collect the roots over `ranges`; leaves before the end of `start` will not pass by."""
        self._ranges = ranges
        self._order = sorted(range(len(ranges)), key=lambda place: ranges[place])
        self._trees = [Tree() for _ in ranges]
        self._at = 0

        for first, level, node in (start or Frontier()).placed():
            self._push(first, level, node)

    def add(self, index: int, node: bytes, level: int = 0) -> None:
        """Take the leaf of that index, counted from 0, or the root over 2^`level` from there on."""
        self._push(index, level, node)

    def nodes(self) -> tuple[bytes, ...]:
        """Return the proof, once every leaf has passed by.

        Raises:
            ValueError: some of them have not.
        """
        wide = [end - first for first, end in self._ranges]

        if [tree.size for tree in self._trees] != wide:
            raise ValueError("leaves that the proof needs are missing")

        return tuple(tree.root() for tree in self._trees)

    def _push(self, first: int, level: int, node: bytes) -> None:
        """Give a subtree to the range that it lies in, if any."""
        while self._at < len(self._order) and self._ranges[self._order[self._at]][1] <= first:
            self._at += 1

        if self._at < len(self._order):
            place = self._order[self._at]

            if self._ranges[place][0] <= first:
                self._trees[place].push(level, node)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Return whether the proof shows the leaf at `index` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False

    at, last, found = index, size - 1, leaf

    for node in proof:
        if last == 0:
            return False

        if at & 1 or at == last:
            found = node_hash(node, found)

            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, node)

        at, last = at >> 1, last >> 1

    return last == 0 and found == root


def verify_consistency(
    old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether the old tree is a prefix of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= size:
        return False

    if old in (0, size):
        return not proof and (old == 0 or old_root == root)

    nodes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)

    if not nodes:
        return False

    at, last = old - 1, size - 1

    while at & 1:
        at, last = at >> 1, last >> 1

    was = now = nodes[0]

    for node in nodes[1:]:
        if last == 0:
            return False

        if at & 1 or at == last:
            was, now = node_hash(node, was), node_hash(node, now)

            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, node)

        at, last = at >> 1, last >> 1

    return last == 0 and was == old_root and now == root
