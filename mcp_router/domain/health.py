"""How a target has been doing: what a decision may know of it besides its settings."""

from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether calls may go to a target."""

    CLOSED = "closed"  # they may
    OPEN = "open"  # they may not, until its pause is over
    HALF_OPEN = "half_open"  # one may, to find out; the others wait for what it learns


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """The last minutes of a target; what nobody has measured yet is None.

    `success` and `passed` are shares from 0 to 1: of attempts that answered, and of answers that
    passed their format checks. Latencies are those of answers, in milliseconds.
    """

    breaker: BreakerState = BreakerState.CLOSED
    attempts: int = 0
    success: float | None = None
    passed: float | None = None
    p50_ms: int | None = None
    p95_ms: int | None = None
    cost_microusd: int | None = None  # of an answer, on average


UNKNOWN_HEALTH = TargetHealth()
"""What is known of a target that was never asked."""
