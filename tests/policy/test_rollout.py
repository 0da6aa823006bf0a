"""Who is in which arm, and the guards that a command line can name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.rollout import Arm, Bucket, Guard, Metric, Rollout
from mcp_router.errors import InvalidArguments
from mcp_router.policy.rollout import arm_of, read_guards, salt_of, serving_before, tell_guards


def rollout(percent: float, *, version: int = 4) -> Rollout:
    return Rollout(
        version=version,
        percent=percent,
        by=Bucket.CUSTOMER,
        guards=(),
        salt=salt_of("support", version),
        started_ms=0,
    )


def candidates(percent: float, *, version: int = 4) -> set[int]:
    drawn = rollout(percent, version=version)
    return {one for one in range(20_000) if arm_of(drawn, f"customer-{one}") is Arm.CANDIDATE}


def test_the_arms_never_change() -> None:
    drawn = [arm_of(rollout(20), f"customer-{number}").value for number in range(12)]

    # Whoever changes the hash moves every customer of a running rollout.
    assert "".join("c" if one == "candidate" else "-" for one in drawn) == "----c---c---"


@given(st.text(), st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_higher_percentage_takes_nobody_out(unit: str, one: float, other: float) -> None:
    low, high = sorted((one, other))

    if arm_of(rollout(low), unit) is Arm.CANDIDATE:
        assert arm_of(rollout(high), unit) is Arm.CANDIDATE


def test_the_share_is_the_percentage() -> None:
    assert len(candidates(5)) == pytest.approx(1000, abs=100)
    assert len(candidates(50)) == pytest.approx(10_000, abs=300)
    assert len(candidates(100)) == 20_000


def test_another_version_draws_other_customers() -> None:
    both = candidates(5) & candidates(5, version=5)

    assert len(both) == pytest.approx(50, abs=30)


def test_half_a_surrogate_pair_is_a_customer_as_well() -> None:
    assert arm_of(rollout(100), "\ud800") is Arm.CANDIDATE


@pytest.mark.parametrize(
    ("versions", "candidate", "expected"),
    [((1, 2, 3, 4), 4, 3), ((1, 2, 3, 4), 2, 4), ((4,), 4, None), ((), 4, None)],
)
def test_what_serves_where_nothing_was_rolled_out(
    versions: tuple[int, ...], candidate: int, expected: int | None
) -> None:
    assert serving_before(versions, candidate) == expected


@pytest.mark.parametrize(
    ("text", "guards"),
    [
        ("", ()),
        ("success>=0.99", (Guard(metric=Metric.SUCCESS, bound=0.99),)),
        ("success>=99.5%", (Guard(metric=Metric.SUCCESS, bound=0.995),)),
        ("p95<=1.2s", (Guard(metric=Metric.P95, bound=1.2),)),
        ("p95<=800ms", (Guard(metric=Metric.P95, bound=0.8),)),
        ("cost<=-10%", (Guard(metric=Metric.COST, bound=-0.1),)),
        (
            " cost <= +5% , success >= 0.9 ,",
            (Guard(metric=Metric.COST, bound=0.05), Guard(metric=Metric.SUCCESS, bound=0.9)),
        ),
    ],
)
def test_guards_are_read(text: str, guards: tuple[Guard, ...]) -> None:
    assert read_guards(text) == guards


@pytest.mark.parametrize(
    "text",
    [
        "success",
        "success<=0.99",
        "success>=1",
        "success>=0",
        "success>=99",
        "p95<=1.2",
        "p95<=0s",
        "p95>=1s",
        "cost<=5",
        "cost<=5%",
        "cost<=-100%",
        "speed>=1",
        "success>=0.9,success>=0.8",
        "success>=1e-1",
    ],
)
def test_what_is_no_guard_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        read_guards(text)

    assert refused.value.message == (
        "--guard: expected parts such as success>=0.99, p95<=1.2s and cost<=+5%, each once."
    )


@given(st.integers(1, 999), st.integers(1, 90_000), st.integers(-99, 500))
def test_guards_are_told_as_they_are_read(share: int, p95_ms: int, percent: int) -> None:
    guards = read_guards(f"success>={share / 1000},p95<={p95_ms}ms,cost<={percent:+d}%")

    assert read_guards(tell_guards(guards)) == guards
