"""The tree against the definitions of RFC 9162, word for word."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.audit.merkle import (
    Frontier,
    Proof,
    Tree,
    consistency_ranges,
    inclusion_ranges,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from mcp_router.chain import leaf_hash

MOST = 300
LEAVES = [leaf_hash(str(number).encode()) for number in range(MOST)]


def split(size: int) -> int:
    """Return k of the RFC: the largest power of two smaller than the size."""
    k = 1
    while k * 2 < size:
        k *= 2

    return k


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if not leaves:
        return hashlib.sha256().digest()

    if len(leaves) == 1:
        return leaves[0]

    k = split(len(leaves))
    return node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []

    k = split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]

    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(old: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]

    k = split(len(leaves))
    if old <= k:
        return [*naive_subproof(old, leaves[:k], whole=whole), naive_root(leaves[k:])]

    return [*naive_subproof(old - k, leaves[k:], whole=False), naive_root(leaves[:k])]


def grown(size: int, start: Frontier | None = None) -> Tree:
    tree = Tree(start)
    for leaf in LEAVES[tree.size : size]:
        tree.append(leaf)

    return tree


def proved(
    ranges: tuple[tuple[int, int], ...], size: int, start: Frontier | None = None
) -> list[bytes]:
    proof = Proof(ranges, start)
    for index in range(start.size if start else 0, size):
        proof.add(index, LEAVES[index])

    return list(proof.nodes())


@pytest.mark.parametrize("size", range(MOST + 1))
def test_the_root_is_the_rfc_s_at_every_size_and_a_frontier_goes_on_to_it(size: int) -> None:
    root = naive_root(LEAVES[:size])

    assert grown(size).root() == root
    assert grown(size, grown(size // 3).frontier()).root() == root
    assert len(grown(size).frontier().nodes) == size.bit_count()


@given(st.data())
def test_every_leaf_has_the_proof_of_the_rfc_which_shows_it_and_nothing_else(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    known = grown(data.draw(st.integers(0, index))).frontier()
    root = naive_root(LEAVES[:size])

    proof = proved(inclusion_ranges(index, size), size, known)

    assert proof == naive_path(index, LEAVES[:size])
    assert verify_inclusion(LEAVES[index], index, size, proof, root)
    assert not verify_inclusion(bytes(32), index, size, proof, root)
    assert not verify_inclusion(LEAVES[index], index, size, proof, bytes(32))
    assert not verify_inclusion(LEAVES[index], index, size, [*proof, root], root)
    assert not verify_inclusion(LEAVES[index], size, size, proof, root)
    if proof:
        assert not verify_inclusion(LEAVES[index], index, size, proof[:-1], root)
        assert not verify_inclusion(LEAVES[index], index, size, [bytes(32), *proof[1:]], root)


@given(st.data())
def test_every_growth_has_the_proof_of_the_rfc_from_the_old_frontier_and_new_leaves(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, MOST))
    old = data.draw(st.integers(1, size))
    before, after = naive_root(LEAVES[:old]), naive_root(LEAVES[:size])

    proof = proved(consistency_ranges(old, size), size, grown(old).frontier())

    assert proof == naive_subproof(old, LEAVES[:size], whole=True)
    assert verify_consistency(old, size, before, after, proof)
    assert not verify_consistency(old, size, bytes(32), after, proof)
    assert not verify_consistency(old, size, before, bytes(32), proof)
    assert not verify_consistency(old, size, before, after, [*proof, after])
    if proof:
        assert not verify_consistency(old, size, before, after, proof[:-1])
        assert not verify_consistency(old, size, before, after, [*proof[:-1], bytes(32)])


def test_every_small_tree_is_right_in_full() -> None:
    for size in range(1, 34):
        leaves = LEAVES[:size]
        for index in range(size):
            path = proved(inclusion_ranges(index, size), size)
            assert path == naive_path(index, leaves)
            assert verify_inclusion(LEAVES[index], index, size, path, naive_root(leaves))

        for old in range(1, size + 1):
            proof = proved(consistency_ranges(old, size), size)
            assert proof == naive_subproof(old, leaves, whole=True)
            assert verify_consistency(
                old, size, naive_root(LEAVES[:old]), naive_root(leaves), proof
            )


def test_the_empty_tree_is_a_prefix_of_every_tree() -> None:
    assert consistency_ranges(0, 5) == ()
    assert verify_consistency(0, 5, Tree().root(), grown(5).root(), [])
    assert not verify_consistency(6, 5, Tree().root(), grown(5).root(), [])


def test_a_subtree_begins_where_one_of_its_size_can() -> None:
    tree = grown(4)
    tree.push(2, naive_root(LEAVES[4:8]))
    assert tree.root() == naive_root(LEAVES[:8])

    with pytest.raises(ValueError, match="cannot begin here"):
        grown(3).push(1, bytes(32))


def test_a_proof_without_all_of_its_leaves_is_none() -> None:
    proof = Proof(inclusion_ranges(0, 4))
    proof.add(1, LEAVES[1])

    with pytest.raises(ValueError, match="missing"):
        proof.nodes()
