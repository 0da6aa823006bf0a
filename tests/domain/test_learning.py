"""An estimate follows its evidence, and forgets slowly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.learning import MEMORY, Estimate

EVIDENCE = st.floats(0, 5_000)


def test_an_estimate_starts_at_nothing_known() -> None:
    assert Estimate() == Estimate(successes=1.0, failures=1.0)
    assert Estimate().mean == 0.5
    assert Estimate().after(0.0, 0.0) == Estimate()


@given(EVIDENCE, EVIDENCE, EVIDENCE, EVIDENCE)
def test_evidence_never_weighs_more_than_the_memory_and_keeps_its_proportion(
    good: float, bad: float, more_good: float, more_bad: float
) -> None:
    before = Estimate().after(good, bad)
    after = before.after(more_good, more_bad)

    assert after.successes >= 1.0
    assert after.failures >= 1.0
    assert after.successes + after.failures <= MEMORY + 2.0 + 1e-6
    # Cross products, so that nothing is divided by almost nothing.
    assert (after.successes - 1.0) * (before.failures - 1.0 + more_bad) == pytest.approx(
        (after.failures - 1.0) * (before.successes - 1.0 + more_good), rel=1e-6, abs=1e-6
    )


def test_a_target_that_has_changed_is_seen_to_have_changed() -> None:
    estimate = Estimate()

    for _ in range(10_000):
        estimate = estimate.after(0.9, 0.1)

    assert estimate.mean == pytest.approx(0.9, abs=0.001)

    for _ in range(3_000):
        estimate = estimate.after(0.2, 0.8)

    # A memory of 2,000 has let go of all but exp(-3000 / 2000) of what was.
    assert estimate.mean == pytest.approx(0.2 + 0.7 * 0.223, abs=0.002)
