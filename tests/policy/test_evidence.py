"""The guards' test: false alarms over all looks together, and how fast a breach is seen."""

import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.rollout import Arm, ArmTally
from mcp_router.policy.evidence import (
    ALPHA,
    LEAST_CALLS,
    LEAST_COSTS,
    SLOW_SHARE,
    breach,
    log_evidence,
    margin,
)
from mcp_router.policy.rollout import read_guards, tell_guard

SUCCESS = read_guards("success>=0.99")
ALL = read_guards("success>=0.99,p95<=1.2s,cost<=+5%")


def tally(
    arm: Arm, calls: int, *, bad: int = 0, slow: int = 0, costs: tuple[int, int] = (100, 300)
) -> ArmTally:
    """Return a tally whose calls cost one of two amounts, half of them each."""
    low, high = (calls + 1) // 2, calls // 2
    return ArmTally(
        arm=arm,
        calls=calls,
        ok=calls - bad,
        slow=slow,
        cost_microusd=low * costs[0] + high * costs[1],
        cost_squares=low * costs[0] ** 2 + high * costs[1] ** 2,
    )


def stable(calls: int = 10_000) -> ArmTally:
    return tally(Arm.STABLE, calls)


def candidate(
    calls: int, *, bad: int = 0, slow: int = 0, costs: tuple[int, int] = (100, 300)
) -> ArmTally:
    return tally(Arm.CANDIDATE, calls, bad=bad, slow=slow, costs=costs)


def test_a_candidate_that_keeps_its_guards_stays() -> None:
    assert breach(ALL, stable(), candidate(5_000, bad=40, slow=200)) is None
    assert breach((), stable(), candidate(5_000, bad=5_000)) is None


def test_a_guard_that_allows_almost_everything_is_kept_by_the_best_and_broken_by_the_worst() -> (
    None
):
    guards = read_guards("success>=0.05%")

    assert breach(guards, stable(), candidate(5_000)) is None
    assert breach(guards, stable(), candidate(50_000, bad=50_000)) is not None


def test_one_that_fails_every_time_is_seen_after_the_fewest_calls_there_are() -> None:
    assert breach(ALL, stable(0), candidate(LEAST_CALLS - 1, bad=LEAST_CALLS - 1)) is None

    found = breach(ALL, stable(0), candidate(LEAST_CALLS, bad=LEAST_CALLS))

    assert found is not None
    assert found.told == "10 of 10 calls failed (evidence over a million, 300 suffices)"


@pytest.mark.parametrize(
    ("seen", "guard", "told"),
    [
        (
            candidate(400, bad=14),
            "success>=0.99",
            "14 of 400 calls failed (evidence 307, 300 suffices)",
        ),
        (
            candidate(400, slow=42),
            "p95<=1.2s",
            "42 of 400 calls took more than 1.2 s (evidence 2232, 300 suffices)",
        ),
        (
            candidate(2_000, costs=(130, 390)),
            "cost<=+5%",
            "a call costs 260 instead of 200 micro-dollars (+30.0 %), over 2000 and 10000 calls",
        ),
    ],
)
def test_what_a_breach_tells(seen: ArmTally, guard: str, told: str) -> None:
    found = breach(ALL, stable(), seen)

    assert found is not None
    assert tell_guard(found.guard) == guard
    assert found.told == told


def test_costs_say_nothing_before_both_arms_have_enough_calls() -> None:
    dear = (1_000, 3_000)

    assert breach(ALL, stable(), candidate(LEAST_COSTS - 1, costs=dear)) is None
    assert breach(ALL, stable(LEAST_COSTS - 1), candidate(LEAST_COSTS, costs=dear)) is None
    assert breach(ALL, stable(LEAST_COSTS), candidate(LEAST_COSTS, costs=dear)) is not None


def test_a_candidate_against_one_that_cost_nothing() -> None:
    free = tally(Arm.STABLE, 500, costs=(0, 0))

    found = breach(ALL, free, candidate(500))

    assert found is not None
    assert "from nothing" in found.told


@given(st.integers(0, 5_000), st.data(), st.sampled_from([0.001, 0.01, SLOW_SHARE, 0.5, 0.9995]))
def test_one_more_bad_call_never_speaks_for_the_candidate(
    calls: int, data: st.DataObject, allowed: float
) -> None:
    bad = data.draw(st.integers(0, calls))

    assert log_evidence(calls + 1, bad + 1, allowed) >= log_evidence(calls + 1, bad, allowed)


@given(st.integers(0, 1_000_000), st.data())
def test_no_number_of_calls_is_too_much(calls: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, calls))

    assert math.isfinite(log_evidence(calls, bad, 0.01))


@pytest.mark.parametrize("allowed", [0.001, 0.01, SLOW_SHARE, 0.3, 0.9995])
def test_the_evidence_grows_by_nothing_on_average_where_the_guard_is_just_kept(
    allowed: float,
) -> None:
    """It is a martingale at the bound: exactly that makes every look free."""
    for calls, bad in ((0, 0), (10, 1), (300, 5)):
        now = math.exp(log_evidence(calls, bad, allowed))
        worse = math.exp(log_evidence(calls + 1, bad + 1, allowed))
        better = math.exp(log_evidence(calls + 1, bad, allowed))

        assert allowed * worse + (1 - allowed) * better == pytest.approx(now)


def test_the_margin_is_that_of_the_paper() -> None:
    # Theorem 2.2 for rho^2 = 0.013407..., worked out by hand.
    doubled = -2 * math.log(0.005)
    rho2 = (doubled + math.log(doubled) + 1) / 1000
    width = 400 * rho2 + 1
    expected = 7 * math.sqrt(2 * width / (400**2 * rho2) * math.log(math.sqrt(width) / 0.005))

    assert margin(400, 7, 0.005) == pytest.approx(expected)


# --- Simulations: the promise itself


def first_alarm(rng: random.Random, share: float, allowed: str, calls: int) -> int | None:
    """Return after how many calls the success guard is found broken, looking at every failure.

    Between two failures the evidence only falls, so that no other look can find anything.
    """
    for bad, number in enumerate(failures(rng, share, calls), 1):
        seen = candidate(number, bad=bad)

        if breach(read_guards(f"success>={allowed}"), stable(0), seen) is not None:
            return number

    return None


def failures(rng: random.Random, share: float, calls: int) -> Iterator[int]:
    """Yield the numbers of the calls that fail."""
    number = 0

    while True:
        number += 1 + int(math.log(1 - rng.random()) / math.log1p(-share))

        if number > calls:
            return

        yield number


def test_false_alarms_stay_below_alpha_over_ten_thousand_looks() -> None:
    rng = random.Random(20261120)
    rounds = 600

    false = sum(first_alarm(rng, 0.01, "0.99", 10_000) is not None for _ in range(rounds))

    # Three standard deviations above alpha: a test that peeks would be at a quarter or more.
    assert false <= rounds * ALPHA + 3 * math.sqrt(rounds * ALPHA)


@pytest.mark.parametrize(("share", "within"), [(0.5, 30), (0.1, 200), (0.05, 700), (0.03, 2_000)])
def test_a_clear_breach_is_seen_within_so_many_calls(share: float, within: int) -> None:
    rng = random.Random(7)

    seen = [first_alarm(rng, share, "0.99", within) for _ in range(200)]

    assert sum(one is not None for one in seen) >= 190


def test_costs_that_are_alike_raise_no_alarm_and_a_rise_does() -> None:
    rng = random.Random(11)

    assert sum(cost_alarm(rng, 1.05) for _ in range(40)) == 0
    assert sum(cost_alarm(rng, 2.0) for _ in range(40)) == 40


def cost_alarm(rng: random.Random, rise: float) -> bool:
    """Return whether 1,000 calls of each arm, of very unequal cost, raise an alarm at any time."""
    sums = {Arm.STABLE: (0, 0), Arm.CANDIDATE: (0, 0)}

    for number in range(1, 1_001):
        for arm, factor in ((Arm.STABLE, 1.0), (Arm.CANDIDATE, rise)):
            cost = round(3_000 * factor * rng.lognormvariate(-0.5, 1))
            total, squares = sums[arm]
            sums[arm] = (total + cost, squares + cost * cost)

        tallies = [
            ArmTally(arm=arm, calls=number, ok=number, cost_microusd=total, cost_squares=squares)
            for arm, (total, squares) in sums.items()
        ]

        if breach(read_guards("cost<=+5%"), tallies[0], tallies[1]) is not None:
            return True

    return False
