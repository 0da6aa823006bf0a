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


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A target's circuit breaker, as all processes of one store see it.

    While it is open `until_ms` (wall clock) ends its pause; while it is half open `until_ms` ends
    the lease of `probe`, the one call that finds out. `openings` counts since it was closed last,
    `revision` its changes, so that two processes do not cross.
    """

    target: str
    state: BreakerState = BreakerState.CLOSED
    until_ms: int = 0
    openings: int = 0
    probe: str | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthMinute:
    """What one process has seen of a target in one minute; `tally` is as `health/` writes it."""

    target: str
    minute: int  # since the epoch
    process: str
    tally: str
