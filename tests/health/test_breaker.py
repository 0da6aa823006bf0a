"""The breaker's machine, arrow by arrow."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.attempt import Reason
from mcp_router.domain.health import Breaker, BreakerState
from mcp_router.health.breaker import (
    UNTRIED,
    BreakerPace,
    Second,
    Verdict,
    Window,
    closed,
    given_back,
    is_ill,
    noted,
    opened,
    probing,
    shown,
    verdict_of,
)

PACE = BreakerPace()
NOW = 1_000_000
WELL = Breaker(target="haiku")


def after(outcomes: str, *, every_ms: int = 100) -> Window:
    """Return the window after these attempts: `.` answered, `x` failed."""
    window = UNTRIED

    for number, outcome in enumerate(outcomes):
        at_ms = NOW + number * every_ms
        window = noted(window, at_ms, ill=outcome == "x", pace=PACE)

    return window


@pytest.mark.parametrize(
    ("outcomes", "ill"),
    [
        ("", False),
        ("xxxx", False),
        ("xxxxx", True),
        ("xxxx.xxxx", False),
        ("xxxx.xxxx.", True),
        ("x.x.x.x.x.", True),
        ("x.x.x.x..", False),
        ("..........xxxx", False),
        ("..........xxxxx", True),
    ],
)
def test_when_a_target_is_left_alone(outcomes: str, ill: bool) -> None:
    assert is_ill(after(outcomes), PACE) is ill


def test_failures_in_a_row_count_however_far_apart_a_share_only_within_the_window() -> None:
    assert is_ill(after("xxxxx", every_ms=60_000), PACE)
    assert not is_ill(after("x.x.x.x.x.x.x.x.", every_ms=10_000), PACE)


def test_the_window_keeps_one_place_a_second() -> None:
    window = after("." * 1000 + "x", every_ms=100)

    assert len(window.seconds) == 30
    assert window.seconds[-1] == Second(at_s=1100, attempts=1, ill=1)


def test_a_clock_that_is_set_back_leaves_nothing_of_the_future_behind() -> None:
    window = noted(after("xx"), NOW - 60_000, ill=True, pace=PACE)

    assert window == Window(
        seconds=(Second(at_s=(NOW - 60_000) // 1000, attempts=1, ill=1),), ill_in_a_row=3
    )


def test_pauses_double_until_the_longest() -> None:
    breaker, pauses = WELL, []

    for _ in range(6):
        breaker = opened(breaker, NOW, PACE)
        pauses.append(breaker.until_ms - NOW)

    assert pauses == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]
    assert breaker.openings == breaker.revision == 6
    assert closed(breaker) == Breaker(target="haiku", revision=7)


@pytest.mark.parametrize(("asked_s", "pause_ms"), [(0.5, 500), (45, 45_000), (86_400, 600_000)])
def test_what_a_target_asks_for_counts_instead_up_to_a_limit(asked_s: float, pause_ms: int) -> None:
    assert opened(WELL, NOW, PACE, retry_after_s=asked_s).until_ms == NOW + pause_ms


def test_one_probe_once_the_pause_is_over_and_no_second_one_beside_it() -> None:
    breaker = opened(WELL, NOW, PACE)

    assert probing(breaker, NOW + 4_999, PACE, probe="a#1") is None
    half = probing(breaker, NOW + 5_000, PACE, probe="a#1")
    assert half == Breaker(
        target="haiku",
        state=BreakerState.HALF_OPEN,
        until_ms=NOW + 65_000,
        openings=1,
        probe="a#1",
        revision=2,
    )
    assert probing(half, NOW + 64_999, PACE, probe="b#1") is None
    taken = probing(half, NOW + 65_000, PACE, probe="b#1")
    assert taken is not None
    assert taken.probe == "b#1"


def test_a_probe_that_was_given_back_may_be_taken_at_once() -> None:
    half = probing(opened(WELL, NOW, PACE), NOW + 5_000, PACE, probe="a#1")
    assert half is not None

    assert probing(given_back(half, NOW + 5_001), NOW + 5_001, PACE, probe="b#1") is not None


def test_a_well_target_needs_no_probe() -> None:
    assert probing(WELL, NOW, PACE, probe="a#1") is None


def test_how_a_breaker_shows() -> None:
    breaker = opened(WELL, NOW, PACE)
    half = probing(breaker, NOW + 5_000, PACE, probe="a#1")
    assert half is not None

    assert shown(WELL, NOW, PACE) is BreakerState.CLOSED
    assert shown(breaker, NOW, PACE) is BreakerState.OPEN
    assert shown(breaker, NOW + 5_000, PACE) is BreakerState.HALF_OPEN
    assert shown(half, NOW + 5_000, PACE) is BreakerState.OPEN
    assert shown(half, NOW + 65_000, PACE) is BreakerState.HALF_OPEN


def test_an_end_that_a_wrong_clock_has_written_holds_nobody_up() -> None:
    far = replace(opened(WELL, NOW, PACE), until_ms=NOW + 86_400_000)

    assert shown(far, NOW, PACE) is BreakerState.HALF_OPEN


def test_every_reason_has_a_verdict() -> None:
    by_verdict = {
        one: {reason for reason in Reason if verdict_of(reason) is one} for one in Verdict
    }

    assert by_verdict == {
        Verdict.HEALTHY: {Reason.OK, Reason.CHECKS_FAILED, Reason.CHANGED, Reason.EXISTS},
        Verdict.NEUTRAL: {
            Reason.UNAUTHORIZED,
            Reason.REJECTED,
            Reason.NOT_FOUND,
            Reason.CANCELLED,
        },
        Verdict.UNSENT: {Reason.OVER_BUDGET, Reason.BREAKER_OPEN},
        Verdict.ILL: {
            Reason.REFUSED,
            Reason.TIMEOUT,
            Reason.RESET,
            Reason.RATE_LIMITED,
            Reason.QUOTA,
            Reason.SERVER_ERROR,
            Reason.GARBLED,
            Reason.REDIRECTED,
            Reason.INCOMPLETE,
        },
    }


@given(st.lists(st.tuples(st.integers(0, 20_000), st.booleans()), max_size=80))
def test_the_window_is_that_of_a_plain_list(steps: list[tuple[int, bool]]) -> None:
    window, now_ms, seen = UNTRIED, NOW, list[tuple[int, bool]]()

    for passed_ms, ill in steps:
        now_ms += passed_ms
        window = noted(window, now_ms, ill=ill, pace=PACE)
        seen.append((now_ms // 1000, ill))

    young = [ill for at_s, ill in seen if at_s > now_ms // 1000 - PACE.window_s]
    assert sum(one.attempts for one in window.seconds) == len(young)
    assert sum(one.ill for one in window.seconds) == sum(young)
