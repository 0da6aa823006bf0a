"""One trial: a write, its fault, and a host that goes on until it knows."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping

from benchmarks.torture.account import Account, Word
from benchmarks.torture.host import Host
from benchmarks.torture.orders import Deed, Order
from benchmarks.torture.place import LEASE_S
from benchmarks.torture.plan import Kind, Situation, Step, Trial
from benchmarks.torture.server import Server
from benchmarks.torture.subjects import make_errand
from benchmarks.torture.trouble import Trouble
from benchmarks.torture.world import World

_CALL_S = 0.08  # about what one call takes: random moments are drawn from it
_DAY_MS = 86_400_000
_STOPPED_S = 10.0
_LOOK_S = 0.003
_AWAY_S = 0.02  # by then a lock is held, and the others have begun
_OVERSLEPT_S = 0.3


async def perform(world: World, trial: Trial) -> Account:
    """Carry out a trial; its account is judged when the world is closed."""
    account = Account(
        trial=trial,
        errand=make_errand(
            trial.subject, f"{world.name}-{trial.number}", world.desks, fresh=trial.fresh
        ),
    )
    world.accounts.append(account)
    scene = Scene(world, account)

    try:
        await _SCENES[trial.kind](scene)
    finally:
        scene.trouble.call_off()

    return account


class Scene:
    """One trial under way."""

    def __init__(self, world: World, account: Account) -> None:
        """Set it up; nothing happens yet."""
        self.world = world
        self.account = account
        self.trial = account.trial
        self.trouble = Trouble(world.desks, world.landing, account.trial)
        self.host = Host(world, account)

    async def crash(self) -> None:
        """Kill the process at a step, and maybe its successor at a step of the recovery."""
        server = await self.world.server()
        match self.trial.situation:
            case Situation.ANSWER_LOST:
                self.trouble.lose_answer()
            case Situation.REQUEST_LOST:
                self.trouble.lose_request()
            case Situation.AFTER_CRASH_BEFORE:
                server = await self._fell(server, "write.before")
            case Situation.AFTER_CRASH_AFTER:
                server = await self._fell(server, "write.after")
            case Situation.CLEAN:
                pass

        word = await self._strike(server, self.trial.step)
        await self._colleague()

        if self.trial.second is not None and word is None:
            word = await self._strike(await self.world.server(), self.trial.second)

        await self.host.until_decided(word)

    async def kill(self) -> None:
        """Kill the process from outside at a random moment of the call."""
        server = await self.world.server()
        call = asyncio.create_task(self.host.once(server))
        await asyncio.wait({call}, timeout=self.trial.amount * _CALL_S)

        if not call.done():
            self.account.strike()

        await server.kill()
        await self._colleague()
        await self.host.until_decided(await call)

    async def terminate(self) -> None:
        """Let the process be asked to end at a step; it may finish what it writes."""
        server = await self.world.server()
        await self.host.until_decided(await self._strike(server, self.trial.step))
        # The one that was asked to end ends; a host does not wait for it.
        await self.world.replace()

    async def cut(self) -> None:
        """Cut or hold the line, in the whole call or just before the write."""
        await self._meanwhile(self.trouble.cut, at_write=self.trial.restart)

    async def disturb_desk(self) -> None:
        """Arm a fault of the desk and call."""
        arms: Mapping[Kind, Callable[[], None]] = {
            Kind.ANSWER_LOST: self.trouble.lose_answer,
            Kind.REQUEST_LOST: self.trouble.lose_request,
            Kind.BAD_ANSWER: self.trouble.answer_badly,
            Kind.LATE: self.trouble.commit_late,
            Kind.TWICE: self.trouble.deliver_twice,
        }
        await self._meanwhile(arms[self.trial.kind], at_write=False)

    async def many_callers(self) -> None:
        """Let several processes call with one key at the same time."""
        if self.trial.rival or self.trial.restart:
            self.trouble.lose_answer()

        servers = [await self.world.server(index) for index in range(self.trial.callers)]
        self.account.strike()
        hosts = [Host(self.world, self.account, index) for index in range(len(servers))]
        calls = [
            asyncio.create_task(host.once(server))
            for host, server in zip(hosts, servers, strict=True)
        ]

        if self.trial.patient:  # one of them dies among the others
            await asyncio.sleep(self.trial.amount * _CALL_S)
            await servers[-1].kill()

        words = await asyncio.gather(*calls)
        await asyncio.gather(
            *(host.until_decided(word) for host, word in zip(hosts, words, strict=True))
        )

    async def oversleep(self) -> None:
        """Stop the holder at a step for longer than its lease; another takes over meanwhile."""
        holder = await self.world.server()

        if await self._stopped_at(holder, self.trial.step):
            await self.host.until_decided(await self._first)
            return

        self.account.strike()
        sleeper = self._first
        other = Host(self.world, self.account, 1)
        taking = asyncio.create_task(other.until_decided())
        await asyncio.wait({taking}, timeout=LEASE_S + self.trial.amount * 2)
        await self._colleague()
        await asyncio.sleep(_OVERSLEPT_S if taking.done() else 0)
        holder.signal(signal.SIGCONT)
        await sleeper
        await taking
        await self.host.until_decided()

    async def jump(self) -> None:
        """Move the wall clock by a day at a step, with or without a lost answer."""
        server = await self.world.server()

        if self.trial.amount < 0.4:
            self.trouble.lose_answer()
        elif self.trial.amount < 0.8:
            self.trouble.lose_request()

        shift_ms = _DAY_MS if self.trial.patient else -_DAY_MS
        word = await self._strike(server, self.trial.step, deed=Deed.SHIFT, shift_ms=shift_ms)

        if self.trial.restart:
            await self.world.replace()

        await self.host.until_decided(word)

    async def fill_disk(self) -> None:
        """Let every write to a file fail from a step on, for a while."""
        database = self.world.database

        async def fill(server: Server) -> None:
            await database.fill(server.pid)
            server.signal(signal.SIGCONT)
            await asyncio.sleep(self.trial.amount)
            await database.make_room(server.pid)

        await self._interlude(fill)

    async def disturb_database(self) -> None:
        """Take the database away at a step, for a while."""
        database = self.world.database
        ways: Mapping[Kind, Callable[[float], Awaitable[None]]] = {
            Kind.LOCKED: database.lock,
            Kind.SESSION_ENDED: database.end_sessions,
            Kind.READ_ONLY: database.forbid_writing,
            Kind.RESTARTED: lambda _: database.restart(),
        }
        take_away = ways[self.trial.kind]

        async def disturb(server: Server) -> None:
            away = asyncio.ensure_future(take_away(self.trial.amount))
            await asyncio.sleep(_AWAY_S)
            server.signal(signal.SIGCONT)
            await away

        await self._interlude(disturb)

    async def _fell(self, server: Server, point: str) -> Server:
        """Let a first process die at a point of its write; return the next one."""
        await self._strike(server, Step(point=point, nth=1))
        await self._colleague()
        await self.world.forget_the_dead()
        return await self.world.server()

    async def _strike(
        self, server: Server, step: Step | None, *, deed: Deed | None = None, shift_ms: int = 0
    ) -> Word | None:
        """Call while a deed waits at a step; return what was heard, None if the process died."""
        assert step is not None
        order = Order(
            point=step.point, nth=step.nth, deed=deed or self.trial.deed, shift_ms=shift_ms
        )
        server.order(order)
        word = await self.host.once(server)

        if server.hit.is_set():
            self.account.strike()
            self.account.note(f"{order.deed} at {step.point} {step.nth}")
        else:
            self.account.injected = False  # it takes the last strike to count

        return word

    async def _meanwhile(self, arm: Callable[[], None], *, at_write: bool) -> None:
        """Call with something armed, from the beginning or from just before the write."""
        server = await self.world.server()
        first: asyncio.Task[Word | None]

        if at_write:
            await self._stopped_at(server, Step(point="write.before", nth=1))
            first = self._first
            arm()
            server.signal(signal.SIGCONT)
        else:
            arm()
            first = asyncio.create_task(self.host.once(server))

        while not first.done() and not self.trouble.happened():
            await asyncio.wait({first}, timeout=_LOOK_S)

        if self.trouble.happened():
            self.account.strike()

        await self._colleague()
        word = await first

        if self.trial.patient and word is not Word.DONE:
            await self.world.replace()

        await self.host.until_decided(word)

    async def _interlude(self, act: Callable[[Server], Awaitable[None]]) -> None:
        """Stop the process at a step, act, and let it go on."""
        server = await self.world.server()

        if not await self._stopped_at(server, self.trial.step):
            self.account.strike()
            acting = asyncio.ensure_future(act(server))
            word = await self._first
            await acting
        else:
            word = await self._first

        if self.trial.restart:
            await self.world.replace()

        await self.host.until_decided(word)

    async def _stopped_at(self, server: Server, step: Step | None) -> bool:
        """Begin the first call and wait for its stop; true if it was answered without one."""
        assert step is not None
        server.order(Order(point=step.point, nth=step.nth, deed=Deed.STOP))
        self._first = asyncio.create_task(self.host.once(server))
        stopped = asyncio.create_task(server.hit.wait())
        await asyncio.wait(
            {self._first, stopped}, timeout=_STOPPED_S, return_when=asyncio.FIRST_COMPLETED
        )
        missed = not stopped.done()
        stopped.cancel()

        if not missed:
            await server.asleep()

        return missed

    async def _colleague(self) -> None:
        """Change the ticket beside the router, if the trial wants it."""
        ticket_id = self.account.errand.ticket_id

        if self.trial.rival and ticket_id is not None:
            self.account.note("a colleague changes the ticket")
            await asyncio.to_thread(self.world.desks.edit, ticket_id, "I have looked at it.")


_SCENES: Mapping[Kind, Callable[[Scene], Awaitable[None]]] = {
    Kind.CRASH: Scene.crash,
    Kind.KILL: Scene.kill,
    Kind.TERM: Scene.terminate,
    Kind.CUT_REQUEST: Scene.cut,
    Kind.CUT_ANSWER: Scene.cut,
    Kind.HELD: Scene.cut,
    Kind.ANSWER_LOST: Scene.disturb_desk,
    Kind.REQUEST_LOST: Scene.disturb_desk,
    Kind.BAD_ANSWER: Scene.disturb_desk,
    Kind.LATE: Scene.disturb_desk,
    Kind.TWICE: Scene.disturb_desk,
    Kind.CALLERS: Scene.many_callers,
    Kind.SLOW_HOLDER: Scene.oversleep,
    Kind.CLOCK: Scene.jump,
    Kind.DISK_FULL: Scene.fill_disk,
    Kind.LOCKED: Scene.disturb_database,
    Kind.SESSION_ENDED: Scene.disturb_database,
    Kind.READ_ONLY: Scene.disturb_database,
    Kind.RESTARTED: Scene.disturb_database,
}
