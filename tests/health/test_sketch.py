"""The promise of a sketch: merging is exact, and a quantile is wrong by a known share at most."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.health.sketch import (
    BUCKETS,
    EMPTY,
    HIGHEST_MS,
    RELATIVE_ERROR,
    Sketch,
    counted,
    merged,
    quantile,
    read_sketch,
    write_sketch,
)

VALUES = st.lists(st.integers(1, HIGHEST_MS), max_size=60)
SHARES = st.floats(0, 1)


def sketch_of(values: list[int]) -> Sketch:
    sketch = EMPTY

    for value in values:
        sketch = counted(sketch, value)

    return sketch


@given(VALUES.filter(bool), SHARES)
def test_a_quantile_is_within_the_bound_of_the_value_of_its_rank(
    values: list[int], share: float
) -> None:
    true = sorted(values)[max(1, math.ceil(share * len(values))) - 1]

    found = quantile(sketch_of(values), share)

    assert found is not None
    assert abs(found - true) <= RELATIVE_ERROR * true * (1 + 1e-9)


@given(VALUES, VALUES, VALUES)
def test_merging_is_that_of_all_values_in_any_order(
    one: list[int], two: list[int], three: list[int]
) -> None:
    a, b, c = sketch_of(one), sketch_of(two), sketch_of(three)

    assert merged(a, b) == merged(b, a) == sketch_of([*one, *two])
    assert merged(merged(a, b), c) == merged(a, merged(b, c))
    assert merged(a, EMPTY) == a


@given(VALUES)
def test_a_sketch_is_read_back_as_it_was_written(values: list[int]) -> None:
    assert read_sketch(write_sketch(sketch_of(values))) == sketch_of(values)


def test_its_size_is_fixed() -> None:
    assert BUCKETS == 118
    assert len(sketch_of(list(range(1, 2000))).counts) == BUCKETS


def test_what_is_too_fast_or_too_slow_counts_as_the_nearest_bucket() -> None:
    assert quantile(sketch_of([0]), 0.5) == 1.0
    assert quantile(sketch_of([10 * HIGHEST_MS]), 0.5) == pytest.approx(HIGHEST_MS, rel=0.05)


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile(EMPTY, 0.5) is None


@pytest.mark.parametrize("text", ["x:1", "118:1", "-1:1", "3", "3:x"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"bucket|invalid literal"):
        read_sketch(text)
