import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.ids import make_id

MOMENTS = st.integers(0, 2**48 - 1)


@given(MOMENTS, MOMENTS, st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_the_time_of_their_making(a: int, b: int, x: bytes, y: bytes) -> None:
    first, second = make_id("act", a, lambda _: x), make_id("act", b, lambda _: y)

    assert (first < second) == ((a, x) < (b, y))


@given(MOMENTS, st.binary(min_size=10, max_size=10))
def test_ids_have_one_shape(at_ms: int, entropy: bytes) -> None:
    text = make_id("dec", at_ms, lambda _: entropy)

    assert text.startswith("dec_")
    assert len(text) == 30
    assert set(text[4:]) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_ids_of_one_millisecond_differ_by_their_entropy() -> None:
    counter = itertools.count()

    ids = [make_id("act", 1, lambda size: next(counter).to_bytes(size, "big")) for _ in range(100)]

    assert len(set(ids)) == 100
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("at_ms", "expected"),
    [
        (0, "act_00000000000000000000000000"),
        (1, "act_00000000010000000000000000"),
        (1_795_262_400_000, "act_01m7yzmhg00000000000000000"),
    ],
)
def test_ids_begin_with_their_time_in_base_32(at_ms: int, expected: str) -> None:
    assert make_id("act", at_ms, bytes) == expected
