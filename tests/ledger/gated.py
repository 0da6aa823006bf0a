"""Edges of the ledger that let nobody pass until a rule says so, in front of the memory store."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.simulation.desk import Request, Truth, lost_answer, refusal
from benchmarks.simulation.weather import Fate
from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.attempt import Reason
from mcp_router.domain.record import Record
from mcp_router.domain.ticket import Customer, CustomerQuery
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import SendFailed
from mcp_router.ledger.ledger import Judge
from mcp_router.testing.stores import MemoryActions

T = TypeVar("T")


@dataclass(slots=True, kw_only=True, eq=False)
class Waiting:
    """A task at a gate; `sends` says that a request with an effect is what it waits to do."""

    task: "asyncio.Task[None]"
    passes: "asyncio.Future[Fate]"
    sends: bool


@dataclass(slots=True, kw_only=True)
class Gate:
    """Where every step of every process waits; `opened` lets everybody through."""

    waiting: list[Waiting] = field(default_factory=list)
    opened: bool = False

    async def wait(self, *, sends: bool = False) -> Fate:
        """Wait for the word to go on, and for what becomes of a request."""
        task = asyncio.current_task()
        assert task is not None

        if self.opened:
            return Fate.ANSWERED

        mine = Waiting(task=task, passes=asyncio.get_running_loop().create_future(), sends=sends)
        self.waiting.append(mine)

        try:
            return await mine.passes
        finally:
            self.waiting = [one for one in self.waiting if one is not mine]


class GatedStore:
    """A store with a gate before and after each of its transactions."""

    def __init__(self, store: MemoryActions, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    async def _through(self, work: Callable[[], Awaitable[T]]) -> T:
        await self._gate.wait()
        result = await work()
        await self._gate.wait()
        return result

    async def claim(
        self,
        wanted: Action,
        judge: Judge,
        lease_s: float,
        *,
        twins: tuple[str, ...] = (),
        since_ms: int = 0,
        event: Record | None = None,
    ) -> Action:
        return await self._through(
            lambda: self._store.claim(
                wanted, judge, lease_s, twins=twins, since_ms=since_ms, event=event
            )
        )

    async def change(self, old: Action, new: Action) -> bool:
        return await self._through(lambda: self._store.change(old, new))

    async def renew(self, owner_process: str, lease_s: float) -> int:
        return await self._through(lambda: self._store.renew(owner_process, lease_s))

    async def by_key(self, tenant: str, key: str) -> Action | None:
        return await self._through(lambda: self._store.by_key(tenant, key))

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        return await self._through(lambda: self._store.by_id(tenant, action_id))

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        return await self._through(lambda: self._store.of_run(tenant, run_id, limit))

    async def unsettled(self, target: str, limit: int, pause_ms: int) -> tuple[Action, ...]:
        return await self._through(lambda: self._store.unsettled(target, limit, pause_ms))

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        return await self._through(self._store.counts)

    async def expire(self, older_than_s: float, limit: int) -> int:
        return await self._through(lambda: self._store.expire(older_than_s, limit))


class GatedDesk:
    """A desk whose every request and answer waits for a rule, which also decides its fate.

    `late` are requests whose senders have given up, and which have not arrived.
    """

    def __init__(self, truth: Truth, gate: Gate, clock: Clock) -> None:
        self.truth = truth
        self._clock = clock
        self._sent: list[tuple[float, Request]] = []
        self.late: list[Request] = []
        self.is_down = False
        self._gate = gate

    @property
    def name(self) -> str:
        return self.truth.name

    def strategy(self, write: DeskWrite) -> Strategy:
        return self.truth.strategy

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        if self.truth.strategy is not Strategy.CAS_MARKER:
            return None

        await self._reach()
        version = self.truth.version(write)
        await self._gate.wait()
        return version

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        await self._reach()
        found = self.truth.find(marker)
        await self._gate.wait()
        return found

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        request = Request(write=write, marker=marker, based_on=precondition, sender=None)
        self._sent.append((self._clock.monotonic_s(), request))
        self.late.append(request)  # it may land from now on, whatever becomes of its sender
        fate = await self._gate.wait(sends=True)
        under_way = any(one is request for one in self.late)
        unsent = self.is_down or fate in (Fate.UNREACHED, Fate.BUSY, Fate.REJECTED)

        if unsent and under_way:
            self._forget(request)
            raise _refusal(Fate.UNREACHED if self.is_down else fate)

        if fate is Fate.LATE or unsent:
            raise lost_answer()

        if fate is Fate.LOST:
            self._forget(request)
            raise lost_answer()

        answer = self.land(request)

        if fate is Fate.TWICE and under_way:  # its second copy is not later than the latest
            answer = self._arrive(request)

        await self._gate.wait()

        if fate in (Fate.ANSWER_LOST, Fate.ERROR):
            raise lost_answer()

        if isinstance(answer, SendFailed):
            raise answer

        return answer

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        return ()

    async def check(self, *, timeout_s: float) -> str:
        return "gated"

    async def aclose(self) -> None:
        return None

    def land(self, request: Request) -> Ref | SendFailed:
        """Let a request arrive, unless it has."""
        if all(one is not request for one in self.late):
            return request.answers[-1]

        self._forget(request)
        return self._arrive(request)

    def land_before(self, sent_s: float) -> None:
        """Let everything arrive that was sent before that moment and is still late."""
        for at_s, request in self._sent:
            if at_s < sent_s and any(one is request for one in self.late):
                self.land(request)

    def _arrive(self, request: Request) -> Ref | SendFailed:
        try:
            request.answers.append(self.truth.arrive(request))
        except SendFailed as refused:
            request.answers.append(refused)

        return request.answers[-1]

    def _forget(self, request: Request) -> None:
        self.late = [one for one in self.late if one is not request]

    async def _reach(self) -> None:
        await self._gate.wait()

        if self.is_down:
            raise refusal(Reason.REFUSED)


def _refusal(fate: Fate) -> SendFailed:
    if fate is Fate.BUSY:
        return refusal(Reason.RATE_LIMITED, 429)

    return refusal(Reason.REJECTED, 422) if fate is Fate.REJECTED else refusal(Reason.REFUSED)
