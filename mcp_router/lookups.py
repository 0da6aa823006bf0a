"""The walk of a read at a desk, readable top to bottom.

arguments -> signals -> policy version -> decide -> chain of attempts -> record -> result
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from mcp_router.audit.log import DecisionLog, Draft
from mcp_router.clock import Clock
from mcp_router.domain.attempt import Reason
from mcp_router.domain.call import Call
from mcp_router.domain.decision import Candidate
from mcp_router.errors import NotFound, SendFailed
from mcp_router.execute.chain import Answer, Chain
from mcp_router.execute.judge import Judge, require_candidates
from mcp_router.execute.targets import Desk, Targets

T = TypeVar("T")


class Lookups:
    """Serves reads from the desks; any target of the pool may answer."""

    def __init__(
        self,
        *,
        judge: Judge,
        targets: Targets,
        log: DecisionLog,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        """Bring the rooms below together; `jitter` returns a random number from 0 to 1."""
        self._judge = judge
        self._targets = targets
        self._log = log
        self._clock = clock
        self._jitter = jitter

    async def read(
        self,
        call: Call,
        ask: Callable[[Desk, float], Awaitable[T | None]],
        *,
        ticket_id: str | None = None,
    ) -> tuple[str, T]:
        """Return the name of the desk that answered and its answer.

        `ask` sends one read to the desk it is given, within that many seconds; None says that
        the thing does not exist.

        Raises:
            NotFound: the desk answered that the thing does not exist.
            NoTarget: no configured desk may serve the call.
            TargetsExhausted, DeadlineExceeded: no desk answered within the rule's limits.
            TargetsRefused: no desk will, as the call and the credentials are.
            StorageUnavailable: the record cannot be kept.
        """
        async with self._log.record(call, may_owe=True) as draft:
            draft.ticket_id = ticket_id
            draft.decision = await self._judge.desk(call)
            return await self.ask(call, draft, ask)

    async def ask(
        self,
        call: Call,
        draft: Draft,
        ask: Callable[[Desk, float], Awaitable[T | None]],
        *,
        tool: str | None = None,
        ends_s: float = math.inf,
    ) -> tuple[str, T]:
        """Read as a part of another walk, into its draft, by the rule of `tool`; as `read` does.

        `ends_s` is that walk's own deadline, on the clock's monotonic scale.
        """
        decision = await self._judge.desk(call if tool is None else replace(call, tool=tool))
        require_candidates(decision)
        left_s = max(0.0, ends_s - self._clock.monotonic_s())
        limits = replace(decision.limits, deadline_s=min(decision.limits.deadline_s, left_s))

        async def send(candidate: Candidate, timeout_s: float) -> Answer[T | None]:
            return await _answer(ask(self._targets.desks[candidate.target], timeout_s))

        chain = Chain(limits, clock=self._clock, jitter=self._jitter, report=draft.attempted)
        target, answer = await chain.run(decision.candidates, send)
        draft.target = target

        if answer.value is None:
            raise NotFound("The desk has nothing of that id.")

        return target, answer.value


async def _answer(asked: Awaitable[T | None]) -> Answer[T | None]:
    """Return what the desk said; that a thing does not exist is an answer, not a failure."""
    try:
        return Answer(value=await asked)
    except SendFailed as failure:
        if failure.reason is not Reason.NOT_FOUND:
            raise

        return Answer(value=None)
