"""What one minute, or the sum of several, says of a target."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from mcp_router.domain.attempt import Attempt, Reason
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.health import sketch
from mcp_router.health.breaker import Verdict, verdict_of
from mcp_router.health.sketch import EMPTY, Sketch

_FORM = "1"  # the first word of a tally's text; another one is left out when it is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums over attempts; latencies and cost are those of answers."""

    attempts: int = 0
    answers: int = 0
    passed: int = 0
    cost_microusd: int = 0
    latencies: Sketch = EMPTY


NOTHING = Tally()
"""No attempt yet."""


def counted(tally: Tally, attempt: Attempt) -> Tally:
    """Return the tally with one attempt more; one that says nothing of the target adds nothing."""
    verdict = verdict_of(attempt.reason)

    if verdict in (Verdict.NEUTRAL, Verdict.UNSENT):
        return tally

    if verdict is Verdict.ILL:
        return Tally(
            attempts=tally.attempts + 1,
            answers=tally.answers,
            passed=tally.passed,
            cost_microusd=tally.cost_microusd,
            latencies=tally.latencies,
        )

    return Tally(
        attempts=tally.attempts + 1,
        answers=tally.answers + 1,
        passed=tally.passed + (attempt.reason is not Reason.CHECKS_FAILED),
        cost_microusd=tally.cost_microusd + attempt.cost_microusd,
        latencies=sketch.counted(tally.latencies, attempt.latency_ms),
    )


def merged(tallies: Iterable[Tally]) -> Tally:
    """Return the sums of all."""
    return reduce(_merge, tallies, NOTHING)


def health_of(tally: Tally, breaker: BreakerState) -> TargetHealth:
    """Return what a decision may know of the target."""
    p50_ms = sketch.quantile(tally.latencies, 0.50)
    p95_ms = sketch.quantile(tally.latencies, 0.95)
    answers = tally.answers
    return TargetHealth(
        breaker=breaker,
        attempts=tally.attempts,
        success=answers / tally.attempts if tally.attempts else None,
        passed=tally.passed / answers if answers else None,
        p50_ms=None if p50_ms is None else round(p50_ms),
        p95_ms=None if p95_ms is None else round(p95_ms),
        cost_microusd=round(tally.cost_microusd / answers) if answers else None,
    )


def write_tally(tally: Tally) -> str:
    """Return the tally as a short text.

    >>> write_tally(Tally(attempts=2, answers=1))
    '1 2 1 0 0 '
    """
    sums = (tally.attempts, tally.answers, tally.passed, tally.cost_microusd)
    return " ".join((_FORM, *map(str, sums), sketch.write_sketch(tally.latencies)))


def read_tally(text: str) -> Tally | None:
    """Return the tally of a text, or None if another version has written it."""
    try:
        form, attempts, answers, passed, cost, latencies = text.split(" ")
        tally = Tally(
            attempts=int(attempts),
            answers=int(answers),
            passed=int(passed),
            cost_microusd=int(cost),
            latencies=sketch.read_sketch(latencies),
        )
    except ValueError:
        return None

    return tally if form == _FORM else None


def _merge(one: Tally, other: Tally) -> Tally:
    if not other.attempts:
        return one

    if not one.attempts:
        return other

    return Tally(
        attempts=one.attempts + other.attempts,
        answers=one.answers + other.answers,
        passed=one.passed + other.passed,
        cost_microusd=one.cost_microusd + other.cost_microusd,
        latencies=sketch.merged(one.latencies, other.latencies),
    )
