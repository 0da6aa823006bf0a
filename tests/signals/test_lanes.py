"""Sums of rows are those of plain numbers, packed or not."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.signals.lanes import ONE, fixed, row_of, weighted_sum

COLUMNS = 40
SHARES = st.dictionaries(st.integers(0, COLUMNS - 1), st.floats(0.0, 1.0), max_size=COLUMNS)


def test_a_row_that_fills_few_columns_is_listed_and_a_full_one_packed() -> None:
    few = row_of([(3, 0.5), (39, 0.25)], columns=COLUMNS)
    many = row_of([(0, 1.0), (1, 0.5), (39, 0.25)], columns=COLUMNS)

    assert (few.packed, few.cells) == (0, ((3, 1 << 29), (39, 1 << 28)))
    assert (many.packed, many.cells) == ((1 << 30) + (1 << 93) + (1 << (28 + 39 * 64)), ())


def test_nothing_adds_up_to_zeros() -> None:
    assert weighted_sum([], columns=3) == [0, 0, 0]


@settings(deadline=None)  # other work on the machine must not fail it
@given(st.lists(st.tuples(st.floats(0.0, 20.0), SHARES), max_size=30))
def test_sums_are_those_of_plain_numbers(rows: list[tuple[float, dict[int, float]]]) -> None:
    packed = [(fixed(w), row_of(sorted(shares.items()), columns=COLUMNS)) for w, shares in rows]
    plain = [math.fsum(w * shares.get(at, 0.0) for w, shares in rows) for at in range(COLUMNS)]

    found = [one / ONE for one in weighted_sum(packed, columns=COLUMNS)]

    assert all(abs(one - two) < 1e-4 for one, two in zip(found, plain, strict=True))
