"""When a target is left alone, and how it is found out that it is well again: all of it pure.

    closed ── 5 failures in a row, or half of at least 10 within 30 s ──> open
    open ── its pause is over, and one call takes the probe ──> half open
    half open ── the probe is answered ──> closed
    half open ── the probe fails ──> open, for twice as long

Time is an argument, in milliseconds of the wall clock: processes on other machines share it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from mcp_router.domain.attempt import Reason
from mcp_router.domain.health import Breaker, BreakerState


class Verdict(StrEnum):
    """What an attempt says of its target."""

    HEALTHY = "healthy"  # it answered, whatever the answer is worth
    ILL = "ill"  # it did not serve us
    NEUTRAL = "neutral"  # the call, our credentials or the host were at fault
    UNSENT = "unsent"  # it was not asked at all


_VERDICTS = {
    Reason.OK: Verdict.HEALTHY,
    Reason.CHECKS_FAILED: Verdict.HEALTHY,
    Reason.CHANGED: Verdict.HEALTHY,
    Reason.EXISTS: Verdict.HEALTHY,
    Reason.REFUSED: Verdict.ILL,
    Reason.TIMEOUT: Verdict.ILL,
    Reason.RESET: Verdict.ILL,
    Reason.RATE_LIMITED: Verdict.ILL,
    Reason.QUOTA: Verdict.ILL,
    Reason.SERVER_ERROR: Verdict.ILL,
    Reason.GARBLED: Verdict.ILL,
    Reason.REDIRECTED: Verdict.ILL,
    Reason.INCOMPLETE: Verdict.ILL,
    Reason.UNAUTHORIZED: Verdict.NEUTRAL,
    Reason.REJECTED: Verdict.NEUTRAL,
    Reason.NOT_FOUND: Verdict.NEUTRAL,
    Reason.CANCELLED: Verdict.NEUTRAL,
    Reason.OVER_BUDGET: Verdict.UNSENT,
    Reason.BREAKER_OPEN: Verdict.UNSENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPace:
    """When a breaker opens, and for how long.

    It opens after `in_a_row` failures, or when at least `share` of at least `enough` attempts
    within `window_s` have failed. Its pause doubles from `pause_s` to `longest_pause_s` with each
    probe that fails; a `Retry-After` counts instead, up to `longest_limit_s`. A probe that nobody
    hears of is given up after `probe_s`.
    """

    in_a_row: int = 5
    share: float = 0.5
    enough: int = 10
    window_s: int = 30
    pause_s: float = 5.0
    longest_pause_s: float = 60.0
    longest_limit_s: float = 600.0
    probe_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """The attempts that ended in one second, and how many of them failed."""

    at_s: int
    attempts: int
    ill: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The last seconds of a target, newest last; only those in which something ended."""

    seconds: tuple[Second, ...] = ()
    ill_in_a_row: int = 0


UNTRIED = Window()
"""A target that was not asked lately."""


def verdict_of(reason: Reason) -> Verdict:
    """Return what an attempt that ended like this says of its target."""
    return _VERDICTS[reason]


def noted(window: Window, now_ms: int, *, ill: bool, pace: BreakerPace) -> Window:
    """Return the window with one attempt more, without what has become too old."""
    now_s = now_ms // 1000
    # A clock that was set back leaves seconds of the future behind: they go as well.
    kept = tuple(one for one in window.seconds if now_s - pace.window_s < one.at_s <= now_s)
    last = Second(at_s=now_s, attempts=0, ill=0)

    if kept and kept[-1].at_s == now_s:
        *head, last = kept
        kept = tuple(head)

    last = Second(at_s=now_s, attempts=last.attempts + 1, ill=last.ill + ill)
    return Window(seconds=(*kept, last), ill_in_a_row=window.ill_in_a_row + 1 if ill else 0)


def is_ill(window: Window, pace: BreakerPace) -> bool:
    """Return whether so much has failed that the target is to be left alone."""
    if window.ill_in_a_row >= pace.in_a_row:
        return True

    attempts = sum(one.attempts for one in window.seconds)
    ill = sum(one.ill for one in window.seconds)
    return attempts >= pace.enough and ill >= pace.share * attempts


def opened(
    breaker: Breaker, now_ms: int, pace: BreakerPace, *, retry_after_s: float | None = None
) -> Breaker:
    """Return the breaker open: for the time that the target asked for, else for its own pause."""
    pause_s = min(pace.pause_s * 2 ** min(breaker.openings, 16), pace.longest_pause_s)

    if retry_after_s is not None:
        pause_s = min(retry_after_s, pace.longest_limit_s)

    return replace(
        breaker,
        state=BreakerState.OPEN,
        until_ms=now_ms + round(pause_s * 1000),
        openings=breaker.openings + 1,
        probe=None,
        revision=breaker.revision + 1,
    )


def closed(breaker: Breaker) -> Breaker:
    """Return the breaker closed, with nothing held against the target."""
    return Breaker(target=breaker.target, revision=breaker.revision + 1)


def probing(breaker: Breaker, now_ms: int, pace: BreakerPace, *, probe: str) -> Breaker | None:
    """Return the breaker with `probe` at work, or None where no call may probe now."""
    if not _may_probe(breaker, now_ms, pace):
        return None

    return replace(
        breaker,
        state=BreakerState.HALF_OPEN,
        until_ms=now_ms + round(pace.probe_s * 1000),
        probe=probe,
        revision=breaker.revision + 1,
    )


def given_back(breaker: Breaker, now_ms: int) -> Breaker:
    """Return the breaker with its probe free again: the last one has found nothing out."""
    return replace(breaker, until_ms=now_ms, probe=None, revision=breaker.revision + 1)


def shown(breaker: Breaker, now_ms: int, pace: BreakerPace) -> BreakerState:
    """Return how the breaker stands for a call that has not begun.

    It is half open only for the call that may become the probe; while another one probes, it is
    open.
    """
    match breaker.state:
        case BreakerState.CLOSED:
            return BreakerState.CLOSED
        case BreakerState.OPEN | BreakerState.HALF_OPEN:
            free = _may_probe(breaker, now_ms, pace)
            return BreakerState.HALF_OPEN if free else BreakerState.OPEN
        case _:
            assert_never(breaker.state)


def _may_probe(breaker: Breaker, now_ms: int, pace: BreakerPace) -> bool:
    """Return whether the pause, or the lease of a probe, is over."""
    if breaker.state is BreakerState.CLOSED:
        return False

    # An end that lies further ahead than any pause was written by a clock that went wrong.
    longest_s = max(pace.longest_pause_s, pace.longest_limit_s, pace.probe_s)
    return now_ms >= breaker.until_ms or breaker.until_ms - now_ms > longest_s * 1000
