"""A reconciler on scripted desks, whose time passes when a test says so."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio
from anyio.lowlevel import checkpoint

from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.write import DeskWrite
from mcp_router.execute.reconciler import Chore, Counts, Pace, Reconciler
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.ledger.parcel import pack
from mcp_router.ledger.strategies import needs_version
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.desks import ScriptedDesk, Step
from tests.execute.shipping import PROCESS, WRITE, Dock, parcel

TURNS = 200
"""How often everybody may go on before time passes: more than any step of these tests takes."""

PACE = Pace(lease_s=LEASE_S, reconcile_every_s=5.0, retention_s=30 * 86_400.0)


class Notes:
    """A board that remembers what it was shown."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.reconciliations: list[tuple[str, ActionState]] = []
        self.shown: list[Counts] = []
        self.alarms: list[Action] = []

    def attempted(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def reconciled(self, target: str, state: ActionState) -> None:
        self.reconciliations.append((target, state))

    def undecided(self, counts: Counts) -> None:
        self.shown.append(counts)


class ParkedClock(ManualClock):
    """Time for background work: who sleeps waits until `pass_time` has come that far."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, int, anyio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait until that much time has passed."""
        self.slept_s.append(seconds)
        awake = anyio.Event()
        heapq.heappush(self._sleepers, (self.monotonic_s() + seconds, len(self.slept_s), awake))
        await awake.wait()

    async def pass_time(self, seconds: float) -> None:
        """Let that much time pass, waking each sleeper at its own moment."""
        end_s = self.monotonic_s() + seconds
        await self.settle()

        while self._sleepers and self._sleepers[0][0] <= end_s:
            at_s, _, awake = heapq.heappop(self._sleepers)
            self.advance(max(0.0, at_s - self.monotonic_s()))
            awake.set()
            await self.settle()

        self.advance(end_s - self.monotonic_s())

    async def settle(self) -> None:
        """Let everybody go on until they wait for time or for an event."""
        for _ in range(TURNS):
            await checkpoint()


class Watched(ScriptedDesk):
    """A desk that notes when it is asked, and at which a test can hold everything up."""

    clock: ManualClock
    gate: anyio.Event | None = None
    asked_s: list[float]

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        self.asked_s.append(self.clock.monotonic_s())

        if self.gate is not None:
            await self.gate.wait()

        return await super().probe(write, marker=marker, timeout_s=timeout_s)


def watched(name: str, strategy: Strategy, *script: Step) -> Watched:
    """Return a desk that nobody has asked yet."""
    desk = Watched(name, strategy, script)
    desk.asked_s = []
    return desk


def dock(*desks: Watched) -> tuple[Dock, ParkedClock]:
    """Return a dock of these desks, and the time of both."""
    clock = ParkedClock()

    for desk in desks:
        desk.clock = clock

    return Dock(desks=desks, clock=clock), clock


def reconciler(
    dock: Dock,
    notes: Notes,
    *,
    pace: Pace = PACE,
    process: str = PROCESS,
    chores: tuple[Chore, ...] = (),
) -> Reconciler:
    """Return a reconciler for a dock's desks and ledger."""
    drawn = itertools.count()
    return Reconciler(
        ledger=dock.ledger,
        desks={desk.name: desk for desk in dock.desks},
        clock=dock.clock,
        entropy=lambda size: next(drawn).to_bytes(size, "big"),
        process=process,
        pace=pace,
        board=notes,
        alarm=notes.alarms.append,
        chores=chores,
    )


async def leave_open(
    dock: Dock,
    name: str,
    desk: ScriptedDesk,
    *,
    applied: bool = False,
    held_by: str | None = None,
    write_json: str = pack(WRITE),
) -> Action:
    """Leave an action at a desk that was sent and is not decided; nobody's, or a process's."""
    strategy = desk.strategy(WRITE)
    stamp = Precondition(stamp="1", settled=True) if needs_version(strategy) else None
    owner = f"{held_by or 'boot:9:9'}#{name}"
    wanted = parcel(name, desk.name, key=name, owner=owner, clock=dock.clock)
    wanted = replace(wanted, strategy=strategy, write_json=write_json)
    _, row = await dock.ledger.reserve(wanted)
    row = await dock.ledger.sending(row, target=desk.name, strategy=strategy, precondition=stamp)

    if applied:
        desk.effects.append(row.marker)

    if held_by is not None:
        return row

    return await dock.ledger.let_go(await dock.ledger.lost(row, "outcome_unknown"))


async def state_of(dock: Dock, row: Action) -> ActionState:
    """Return how an action stands on disk."""
    found = await dock.store.by_key(row.tenant, row.key)
    assert found is not None
    return found.state


@asynccontextmanager
async def running(background: Reconciler) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a reconciler beside the test, and end it with the block; nothing may have broken it."""
    task = asyncio.create_task(background.run())

    try:
        yield task
    finally:
        task.cancel()

        with anyio.fail_after(10), suppress(asyncio.CancelledError):
            await task
