"""What attempts add up to, and what a decision is told of it."""

from functools import reduce

import pytest

from mcp_router.domain.attempt import Reason
from mcp_router.domain.health import UNKNOWN_HEALTH, BreakerState, TargetHealth
from mcp_router.health.tally import (
    NOTHING,
    counted,
    health_of,
    merged,
    read_tally,
    write_tally,
)
from tests.health.attempts import attempt

SEEN = (
    attempt(latency_ms=100, cost_microusd=30),
    attempt(latency_ms=200, cost_microusd=50),
    attempt(Reason.CHECKS_FAILED, latency_ms=400, cost_microusd=40),
    attempt(Reason.TIMEOUT, latency_ms=10_000, cost_microusd=7),
)
TALLY = reduce(counted, SEEN, NOTHING)


def test_shares_latencies_and_cost_are_those_that_the_words_say() -> None:
    assert health_of(TALLY, BreakerState.OPEN) == TargetHealth(
        breaker=BreakerState.OPEN,
        attempts=4,
        success=0.75,
        passed=2 / 3,
        p50_ms=191,  # of 200, within the sketch's bound
        p95_ms=385,  # of 400
        cost_microusd=40,
    )


def test_of_a_target_that_was_never_asked_nothing_is_known() -> None:
    assert health_of(NOTHING, BreakerState.CLOSED) == UNKNOWN_HEALTH


@pytest.mark.parametrize(
    "reason",
    [
        Reason.UNAUTHORIZED,
        Reason.REJECTED,
        Reason.NOT_FOUND,
        Reason.CANCELLED,
        Reason.OVER_BUDGET,
        Reason.BREAKER_OPEN,
    ],
)
def test_what_says_nothing_of_the_target_is_not_counted(reason: Reason) -> None:
    assert counted(TALLY, attempt(reason)) is TALLY


def test_tallies_add_up_and_are_read_back() -> None:
    twice = merged((TALLY, NOTHING, TALLY))

    assert (twice.attempts, twice.answers, twice.passed, twice.cost_microusd) == (8, 6, 4, 240)
    assert read_tally(write_tally(twice)) == twice
    assert read_tally(write_tally(NOTHING)) == NOTHING


@pytest.mark.parametrize("text", ["", "2 1 1 1 1 0:1", "1 1 1 1 1", "1 a 1 1 1 0:1", "1 1 1 1 1 x"])
def test_a_tally_of_another_version_is_left_out(text: str) -> None:
    assert read_tally(text) is None
