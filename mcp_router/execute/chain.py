"""The attempts of one decision, under ONE deadline, ONE cost budget and ONE attempt cap.

This chain follows the fallback law's column for reads and completions: whatever the last attempt
left behind, the next target may be asked. Writes go through `actions.py` instead.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from mcp_router.clock import Clock, since_ms
from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.completion import Usage
from mcp_router.domain.decision import Candidate, ChainLimits
from mcp_router.errors import (
    BudgetExceeded,
    DeadlineExceeded,
    InvalidArguments,
    SendFailed,
    TargetError,
    TargetsExhausted,
    TargetsRefused,
)
from mcp_router.execute.gate import Gate, OpenGate
from mcp_router.execute.purse import FreePurse, Purse

T = TypeVar("T")
V = TypeVar("V")

BACKOFF_BASE_S = 0.2
BACKOFF_CAP_S = 5.0

# Trying the same target again cannot help where it has understood and refused; one whose answer
# broke the format checks would most likely break them again, for money.
_FINAL = frozenset(
    {
        Reason.UNAUTHORIZED,
        Reason.REJECTED,
        Reason.NOT_FOUND,
        Reason.REDIRECTED,
        Reason.OVER_BUDGET,
        Reason.CHECKS_FAILED,
    }
)

# An attempt that ran out of time ends like this.
_BY_TIME = frozenset({Reason.TIMEOUT, Reason.REFUSED, Reason.INCOMPLETE})
_SLACK_S = 0.01  # two clocks measure it

# These a later call would meet again; its budget would be its own, and its answer another one.
_REFUSED = _FINAL - {Reason.OVER_BUDGET, Reason.CHECKS_FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What a target answered, with what the record wants to know of it.

    `reason` is `ok`, or `incomplete` for an answer that broke off after a part of it was handed
    on. `failed_checks` names what the policy asks of an answer and this one has not.
    """

    value: T
    cost_microusd: int = 0
    usage: Usage | None = None
    model: str | None = None
    reason: Reason = Reason.OK
    failed_checks: tuple[str, ...] = ()

    def carrying(self, value: V, failed_checks: tuple[str, ...] = ()) -> "Answer[V]":
        """Return what it cost and how it ended, with what was made of the answer."""
        return Answer(
            value=value,
            cost_microusd=self.cost_microusd,
            usage=self.usage,
            model=self.model,
            reason=self.reason,
            failed_checks=failed_checks,
        )


Send = Callable[[Candidate, float], Awaitable[Answer[T]]]
"""Send to a candidate with that many seconds left; raises SendFailed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spell:
    """The time that one attempt has; `is_short` where the call's end comes before its limit."""

    began_s: float
    timeout_s: float
    is_short: bool


class Chain:
    """Spends a decision's limits, attempt by attempt, and reports each one as it ends."""

    def __init__(
        self,
        limits: ChainLimits,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        report: Callable[[Attempt], None],
        gate: Gate | None = None,
        purse: Purse | None = None,
        began_s: float | None = None,
    ) -> None:
        """Start the deadline now, or when the call `began_s` (monotonic).

        `jitter` returns a random number from 0 to 1. Without a `gate` every target may be asked,
        without a `purse` the limits' budget is the only one.
        """
        self._limits = limits
        self._clock = clock
        self._jitter = jitter
        self._report = report
        self._gate = gate or OpenGate()
        self._purse = purse or FreePurse()
        self._ends_s = limits.deadline_s + (clock.monotonic_s() if began_s is None else began_s)
        self._attempts = 0
        self._spent_microusd = 0
        self._failures: dict[str, Reason] = {}  # the last one of each target
        self._short: BudgetExceeded | None = None

    @property
    def left_s(self) -> float:
        """Return the seconds until the deadline, never less than zero."""
        return max(0.0, self._ends_s - self._clock.monotonic_s())

    @property
    def spent_microusd(self) -> int:
        """Return what was billed, and what may have been: for lost answers the estimate."""
        return self._spent_microusd

    async def run(self, candidates: tuple[Candidate, ...], send: Send[T]) -> tuple[str, Answer[T]]:
        """Return the first answer that passes its checks, and the name of its target.

        The candidates are asked in order; those that failed in passing are asked again, after a
        pause with full jitter and not before the time that they asked for, until a limit is
        reached.

        Raises:
            DeadlineExceeded: the deadline passed first, or would before anybody may be asked.
            BudgetExceeded: a budget beyond the call's own covers none of them.
            TargetsExhausted: no attempt is left.
            TargetsRefused: none could help: every target has refused.
        """
        due_s = dict.fromkeys(candidates, self._clock.monotonic_s())
        pause_s = BACKOFF_BASE_S

        while due_s:
            now_s = self._clock.monotonic_s()

            for candidate in [one for one, at_s in due_s.items() if at_s <= now_s]:
                failure = await self.once(candidate, send, Purpose.ANSWER)

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

        raise self._none_left()

    async def once(
        self, candidate: Candidate, send: Send[T], purpose: Purpose
    ) -> Answer[T] | SendFailed:
        """Return what one attempt comes to within what the limits leave, after reporting it.

        Raises:
            DeadlineExceeded, TargetsExhausted: they leave nothing.
        """
        self._check_limits()

        if refusal := await self._refusal(candidate, purpose):
            return refusal

        self._attempts += 1
        spell = self._spell()

        try:
            answer = await send(candidate, spell.timeout_s)
        except InvalidArguments:
            # It cannot be written in the target's format, so nothing was sent; but it may have
            # been admitted as the one probe.
            await self._let_go(candidate, purpose)
            raise
        except SendFailed as failure:
            await self._failed(candidate, failure, purpose, spell)
            return failure
        except BaseException:
            # Cancelled, or a fault of ours: the provider may bill it all the same, so the record
            # has to know of it.
            self._spent_microusd += candidate.estimated_microusd

            with anyio.CancelScope(shield=True):
                await self._ended(
                    Attempt(
                        target=candidate.target,
                        evidence=Evidence.UNKNOWN,
                        reason=Reason.CANCELLED,
                        latency_ms=since_ms(self._clock, spell.began_s),
                        purpose=purpose,
                    )
                )

            raise

        return await self._answered(candidate, answer, purpose, spell)

    def _spell(self) -> _Spell:
        """Return the time that an attempt has, from now on."""
        return _Spell(
            began_s=self._clock.monotonic_s(),
            timeout_s=min(self.left_s, self._limits.attempt_timeout_s),
            is_short=self.left_s < self._limits.attempt_timeout_s,
        )

    async def _failed(
        self, candidate: Candidate, failure: SendFailed, purpose: Purpose, spell: _Spell
    ) -> None:
        """Report an attempt that has brought no answer."""
        # A provider may bill an answer that we never got, so the estimate counts as spent.
        if failure.evidence is Evidence.UNKNOWN:
            self._spent_microusd += candidate.estimated_microusd

        await self._ended(
            Attempt(
                target=candidate.target,
                evidence=failure.evidence,
                reason=failure.reason,
                latency_ms=since_ms(self._clock, spell.began_s),
                status=failure.status,
                purpose=purpose,
            ),
            retry_after_s=failure.retry_after_s,
            cut_short=self._has_cut(spell, failure.reason),
        )

    async def _answered(
        self, candidate: Candidate, answer: Answer[T], purpose: Purpose, spell: _Spell
    ) -> Answer[T] | SendFailed:
        """Report an answer, and return it if it passes; it has cost what it cost either way."""
        self._spent_microusd += answer.cost_microusd
        await self._ended(
            Attempt(
                target=candidate.target,
                evidence=Evidence.APPLIED,
                reason=Reason.CHECKS_FAILED if answer.failed_checks else answer.reason,
                latency_ms=since_ms(self._clock, spell.began_s),
                cost_microusd=answer.cost_microusd,
                usage=answer.usage,
                model=answer.model,
                purpose=purpose,
                failed_checks=answer.failed_checks,
            ),
            cut_short=self._has_cut(spell, answer.reason),
        )

        if not answer.failed_checks:
            return answer

        return SendFailed(
            "The answer does not pass the policy's checks.",
            evidence=Evidence.APPLIED,
            reason=Reason.CHECKS_FAILED,
        )

    def _has_cut(self, spell: _Spell, reason: Reason) -> bool:
        """Return whether the call's own end, and not the target, has ended an attempt."""
        took_s = self._clock.monotonic_s() - spell.began_s
        return spell.is_short and reason in _BY_TIME and took_s + _SLACK_S > spell.timeout_s

    async def _ended(
        self, attempt: Attempt, *, retry_after_s: float | None = None, cut_short: bool = False
    ) -> None:
        """Tell the record of an attempt that was sent, and the gate."""
        self._report(attempt)
        await self._gate.observe(attempt, retry_after_s=retry_after_s, cut_short=cut_short)

    async def _let_go(self, candidate: Candidate, purpose: Purpose) -> None:
        """Tell the gate of an attempt that it has admitted and that is not sent."""
        unsent = Attempt(
            target=candidate.target,
            evidence=Evidence.NOT_APPLIED,
            reason=Reason.CANCELLED,
            latency_ms=0,
            purpose=purpose,
        )
        await self._gate.observe(unsent, cut_short=True)

    async def _refusal(self, candidate: Candidate, purpose: Purpose) -> SendFailed | None:
        """Return why the candidate is not to be asked now, after reporting it; None if it is."""
        total_microusd = self._spent_microusd + candidate.estimated_microusd

        if total_microusd > self._limits.budget_microusd:
            return self._refuse(candidate, purpose, Reason.OVER_BUDGET)

        try:
            await self._purse.cover(total_microusd)
        except BudgetExceeded as short:
            self._short = short
            return self._refuse(candidate, purpose, Reason.OVER_BUDGET)

        self._check_deadline()  # the purse may have waited for its store

        # Last, for a probe that was admitted has to be sent.
        if not await self._gate.admit(candidate.target):
            return self._refuse(candidate, purpose, Reason.BREAKER_OPEN)

        try:
            self._check_deadline()
        except DeadlineExceeded:
            await self._let_go(candidate, purpose)
            raise

        return None

    def _refuse(self, candidate: Candidate, purpose: Purpose, reason: Reason) -> SendFailed:
        """Report a target that is not asked, once for each time that this is news."""
        if self._failures.get(candidate.target) is not reason:
            self._report(
                Attempt(
                    target=candidate.target,
                    evidence=Evidence.NOT_APPLIED,
                    reason=reason,
                    latency_ms=0,
                    purpose=purpose,
                )
            )

        return SendFailed("Not asked.", evidence=Evidence.NOT_APPLIED, reason=reason)

    def _check_limits(self) -> None:
        """Stop when the deadline or the attempt cap is reached."""
        self._check_deadline()

        if self._attempts >= self._limits.attempts:
            raise self._worn_out()

    def _check_deadline(self) -> None:
        """Stop when no time is left: a target that cannot answer would be blamed for it."""
        if self.left_s <= 0:
            raise DeadlineExceeded("The call's deadline has passed.")

    def _none_left(self) -> TargetError:
        """Return the error that says why no target is left, and whether to try again later."""
        reasons = set(self._failures.values())

        if self._short is not None and reasons == {Reason.OVER_BUDGET}:
            return self._short

        if reasons <= _REFUSED:
            return TargetsRefused(f"Every target has refused ({self._told_failures()}).")

        return self._worn_out()

    def _worn_out(self) -> TargetsExhausted:
        """Return the error that says that no attempt is left; others might still have answered."""
        told = self._told_failures()
        return TargetsExhausted(f"Every attempt that the policy allows has failed ({told}).")

    def _told_failures(self) -> str:
        """Return how each target has failed last."""
        return ", ".join(f"{target}: {reason}" for target, reason in self._failures.items())

    async def _pause(self, seconds: float) -> None:
        """Wait before the next round, unless the deadline would pass meanwhile."""
        if self._attempts >= self._limits.attempts:
            raise self._worn_out()

        if seconds >= self.left_s:
            raise DeadlineExceeded("No target can answer before the call's deadline.")

        await self._clock.sleep(seconds)
