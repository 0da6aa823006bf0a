"""The attempts of one decision, under ONE deadline, ONE cost budget and ONE attempt cap.

This chain follows the fallback law's column for reads and completions: whatever the last attempt
left behind, the next target may be asked. Writes go through `actions.py` instead.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from mcp_router.clock import Clock
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.completion import Usage
from mcp_router.domain.decision import Candidate, ChainLimits
from mcp_router.errors import (
    DeadlineExceeded,
    SendFailed,
    TargetError,
    TargetsExhausted,
    TargetsRefused,
)

T = TypeVar("T")

BACKOFF_BASE_S = 0.2
BACKOFF_CAP_S = 5.0

# Trying the same target again cannot help where it has understood and refused.
_FINAL = frozenset(
    {
        Reason.UNAUTHORIZED,
        Reason.REJECTED,
        Reason.NOT_FOUND,
        Reason.REDIRECTED,
        Reason.OVER_BUDGET,
    }
)

# These a later call would meet again; its budget would be its own.
_REFUSED = _FINAL - {Reason.OVER_BUDGET}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What a target answered, with what the record wants to know of it."""

    value: T
    cost_microusd: int = 0
    usage: Usage | None = None
    model: str | None = None


Send = Callable[[Candidate, float], Awaitable[Answer[T]]]
"""Send to a candidate with that many seconds left; raises SendFailed."""


class Chain:
    """Spends a decision's limits, attempt by attempt, and reports each one as it ends."""

    def __init__(
        self,
        limits: ChainLimits,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        report: Callable[[Attempt], None],
    ) -> None:
        """Start the deadline now. `jitter` returns a random number from 0 to 1."""
        self._limits = limits
        self._clock = clock
        self._jitter = jitter
        self._report = report
        self._ends_s = clock.monotonic_s() + limits.deadline_s
        self._attempts = 0
        self._spent_microusd = 0
        self._failures: dict[str, Reason] = {}  # the last one of each target

    @property
    def left_s(self) -> float:
        """Return the seconds until the deadline, never less than zero."""
        return max(0.0, self._ends_s - self._clock.monotonic_s())

    async def run(self, candidates: tuple[Candidate, ...], send: Send[T]) -> tuple[str, Answer[T]]:
        """Return the first answer and the name of its target.

        The candidates are asked in order; those that failed in passing are asked again, after a
        pause with full jitter and not before the time that they asked for, until a limit is
        reached.

        Raises:
            DeadlineExceeded: the deadline passed first, or would before anybody may be asked.
            TargetsExhausted: no attempt is left.
            TargetsRefused: none could help: every target has refused.
        """
        due_s = dict.fromkeys(candidates, self._clock.monotonic_s())
        pause_s = BACKOFF_BASE_S

        while due_s:
            now_s = self._clock.monotonic_s()

            for candidate in [one for one, at_s in due_s.items() if at_s <= now_s]:
                failure = await self._one(candidate, send)

                if not isinstance(failure, SendFailed):
                    return candidate.target, failure

                self._failures[candidate.target] = failure.reason

                if failure.reason in _FINAL:
                    del due_s[candidate]
                else:
                    wait_s = failure.retry_after_s or 0.0
                    due_s[candidate] = self._clock.monotonic_s() + wait_s

            if due_s:
                first_s = min(due_s.values()) - self._clock.monotonic_s()
                await self._pause(max(first_s, pause_s * self._jitter()))
                pause_s = min(pause_s * 2, BACKOFF_CAP_S)

        raise self._exhausted()

    async def _one(self, candidate: Candidate, send: Send[T]) -> Answer[T] | SendFailed:
        """Send once within what is left, and report what became of it."""
        self._check_limits()

        if self._spent_microusd + candidate.estimated_microusd > self._limits.budget_microusd:
            return self._refuse(candidate)

        self._attempts += 1
        started_s = self._clock.monotonic_s()

        try:
            answer = await send(candidate, min(self.left_s, self._limits.attempt_timeout_s))
        except anyio.get_cancelled_exc_class():
            # The provider may bill it all the same, so the record has to know of it.
            self._report(
                Attempt(
                    target=candidate.target,
                    evidence=Evidence.UNKNOWN,
                    reason=Reason.CANCELLED,
                    latency_ms=self._since_ms(started_s),
                )
            )
            raise
        except SendFailed as failure:
            # A provider may bill an answer that we never got, so the estimate counts as spent.
            if failure.evidence is Evidence.UNKNOWN:
                self._spent_microusd += candidate.estimated_microusd

            self._report(
                Attempt(
                    target=candidate.target,
                    evidence=failure.evidence,
                    reason=failure.reason,
                    latency_ms=self._since_ms(started_s),
                    status=failure.status,
                )
            )

            return failure

        self._spent_microusd += answer.cost_microusd
        self._report(
            Attempt(
                target=candidate.target,
                evidence=Evidence.APPLIED,
                reason=Reason.OK,
                latency_ms=self._since_ms(started_s),
                cost_microusd=answer.cost_microusd,
                usage=answer.usage,
                model=answer.model,
            )
        )
        return answer

    def _refuse(self, candidate: Candidate) -> SendFailed:
        """Report a target that the rest of the budget cannot pay for; nothing is sent."""
        self._report(
            Attempt(
                target=candidate.target,
                evidence=Evidence.NOT_APPLIED,
                reason=Reason.OVER_BUDGET,
                latency_ms=0,
            )
        )
        return SendFailed(
            "The rest of the budget does not cover this target.",
            evidence=Evidence.NOT_APPLIED,
            reason=Reason.OVER_BUDGET,
        )

    def _check_limits(self) -> None:
        """Stop when the deadline or the attempt cap is reached."""
        if self.left_s <= 0:
            raise DeadlineExceeded("The call's deadline has passed.")

        if self._attempts >= self._limits.attempts:
            raise self._exhausted()

    def _exhausted(self) -> TargetError:
        """Return the error that says why no target answered, and whether to try again later."""
        told = ", ".join(f"{target}: {reason}" for target, reason in self._failures.items())

        if _REFUSED.issuperset(self._failures.values()):
            return TargetsRefused(f"Every target has refused ({told}).")

        return TargetsExhausted(f"Every attempt that the policy allows has failed ({told}).")

    async def _pause(self, seconds: float) -> None:
        """Wait before the next round, unless the deadline would pass meanwhile."""
        if self._attempts >= self._limits.attempts:
            raise self._exhausted()

        if seconds >= self.left_s:
            raise DeadlineExceeded("No target can answer before the call's deadline.")

        await self._clock.sleep(seconds)

    def _since_ms(self, started_s: float) -> int:
        """Return the milliseconds since then."""
        return round((self._clock.monotonic_s() - started_s) * 1000)
