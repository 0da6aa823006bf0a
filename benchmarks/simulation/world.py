"""One schedule from its seed: processes, hosts, people and desks, and everything that goes wrong.

    play(seed, strategy) -> Verdict

The weather's dice say when each call, round of a reconciler, outage, jump of the wall clock and
look of a person begins, how long every step takes, and where a process ends or stands still. When
the last of it is over and every late request has landed, the weather turns calm: what is open must
then come to be decided, and every key is asked once more.
"""

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count

from benchmarks.simulation.checks import Broken, Check, Verdict
from benchmarks.simulation.desk import Truth, VirtualDesk
from benchmarks.simulation.loop import NOON_MS, Loop, Process, Task, Trace, VirtualClock, pause
from benchmarks.simulation.store import TENANT, UNDECIDED, VirtualActions
from benchmarks.simulation.walks import LEASE_S, Asked, Caller, Sweeper
from benchmarks.simulation.watch import Watch
from benchmarks.simulation.weather import HOUR_MS, MINUTE_MS, weather_of
from mcp_router.actions import Wish
from mcp_router.audit.heads import audit_record
from mcp_router.domain.action import Action, ActionState, Strategy
from mcp_router.domain.audit_event import AuditChange, AuditEvent
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Caller as Person
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.domain.record import Record
from mcp_router.domain.ticket import Visibility
from mcp_router.domain.write import NewComment, UpdateTicket
from mcp_router.errors import IllegalTransition, LeaseLost, RouterError
from mcp_router.ledger.keys import Intention, Key, KeySource, fingerprint
from mcp_router.ledger.ledger import Ledger

TOOL = "reply_to_ticket"
HOST = Person(tenant=TENANT, principal="host", scopes=frozenset(Scope), transport="stdio")
PERSON_WAITS_MS = 10 * MINUTE_MS
"""A person looks at a desk only when nothing that was sent can still be on its way."""

PERSON_THINKS_MS = 30 * MINUTE_MS
"""So much later a person says at most what they have seen; the wish may have moved on by then."""

ROUNDS = 12
_ROUND_MS = 11 * MINUTE_MS  # longer than the longest pause of a row

logging.getLogger("mcp_router.execute.reconciler").setLevel(logging.ERROR)


class Slot:
    """A place where one process runs after another."""

    def __init__(self, name: str, world: "World") -> None:
        """Start the first process."""
        self.name = name
        self._world = world
        self._lives = count(1)
        self.start()

    def start(self) -> None:
        """Start a process; nothing of the one before it is remembered."""
        world = self._world
        self.process = Process(f"{self.name}.{next(self._lives)}")
        self.ledger = Ledger(world.store, world.clock, lease_s=LEASE_S)
        self.caller = Caller(
            ledger=self.ledger,
            desks=world.desks,
            clock=world.clock,
            entropy=world.entropy,
            owner=self.process.name,
        )
        self.sweeper = Sweeper.of(
            ledger=self.ledger,
            desks=world.desks,
            clock=world.clock,
            entropy=world.entropy,
            process=self.process.name,
        )


class World:
    """Everything of one schedule."""

    def __init__(self, seed: int, strategy: Strategy | None, trace: Trace | None) -> None:
        """Build it; nothing happens before `live`."""
        self.weather, self.dice = weather_of(seed, strategy)
        self.loop = Loop(self._disturb, trace)
        self.clock = VirtualClock(self.loop)
        self.watch = Watch(self.loop)
        self.store = VirtualActions(self.loop, self.weather, self.dice, self.watch.moved)
        self._numbers = count(1)
        self._calm = False
        self.loop.note(f"{self.weather}")
        self.desks: dict[str, VirtualDesk] = {}

        for place, kind in enumerate(self.weather.strategies):
            truth = Truth(f"desk-{place}", kind, self.loop)
            self.watch.truths += (truth,)
            self.desks[truth.name] = VirtualDesk(
                truth, self.loop, self.weather, self.dice, self.watch
            )

        self.slots = [Slot(f"p{place}", self) for place in range(self.weather.processes)]

    def entropy(self, size: int) -> bytes:
        """Return bytes that never come twice."""
        return next(self._numbers).to_bytes(size, "big")

    def live(self) -> None:
        """Let the whole schedule happen.

        Raises:
            Broken: a promise was broken.
        """
        self._plan()
        self.loop.run()
        self._clear_up()
        self.loop.run()
        self._decide()
        self._ask_again()
        self.watch.ends()

    def _plan(self) -> None:
        """Say when everything begins."""
        weather, when = self.weather, self._when

        for _ in range(weather.calls):
            self._plan_call(when(), self._asked())

        for _ in range(weather.sweeps):
            self.loop.at(when(), lambda: self._sweep(self.dice.choice(self.slots)))

        for _ in range(weather.people):
            self.loop.at(when(), lambda: self._run("person", self._person(), None))

        for _ in range(weather.outages):
            self.loop.at(when(), self._go_away)

        for _ in range(weather.jumps):
            self.loop.at(when(), self._jump)

        if weather.expires:
            self.loop.at(when() + HOUR_MS, lambda: self._expire(self.slots[0]))

    def _plan_call(self, at_ms: int, asked: Asked) -> None:
        """Say when a host calls, and perhaps when somebody else has his hands on its object."""
        self.loop.at(at_ms, lambda: self._call(self.dice.choice(self.slots), asked))

        if self.dice.random() < self.weather.meddling:
            for desk in self.desks.values():
                for _ in range(3):
                    near_ms = at_ms + int(self.dice.random() * 2500)
                    self.loop.at(near_ms, partial(desk.meddle, asked.wish.write))

    def _clear_up(self) -> None:
        """Let the weather turn calm: everything works, and everybody is there."""
        self.loop.note("-- calm --")
        self._calm = self.store.calm = True
        self.store.down_until_ms = 0

        for desk in self.desks.values():
            desk.calm = True
            desk.down_until_ms = 0

        for slot in self.slots:
            slot.process.still_until_ms = 0

            if not slot.process.alive:
                slot.start()

    def _decide(self) -> None:
        """Sweep until nothing is open that a reconciler can decide, then let a person decide.

        Raises:
            Broken: something stays open.
        """
        for _ in range(ROUNDS):
            states = {row.state for row in self.store.rows.values()}

            if not states & UNDECIDED:
                return

            self.loop.pass_by(_ROUND_MS)
            self._sweep(self.slots[0])
            self.loop.run()

            if ActionState.NEEDS_HUMAN in states:
                self._run("person", self._person(), None)
                self.loop.run()

    def _ask_again(self) -> None:
        """Ask for every key once more: what never was sent is sent now, the rest is repeated."""
        for number in range(self.weather.keys):
            self._call(self.slots[-1], self._asked_for(f"k{number}", 0))
            self.loop.run()

    def _asked(self) -> Asked:
        """Return one host's call: for one of few keys, now and then with other arguments."""
        variant = 0 if self.dice.random() < 0.85 else 1
        return self._asked_for(f"k{self.dice.randrange(self.weather.keys)}", variant)

    def _asked_for(self, key: str, variant: int) -> Asked:
        """Return the call for a key with one choice of arguments."""
        number = next(self._numbers)
        deadline_s = self.weather.deadline_s
        seen = "first" if self.dice.random() < 0.8 else "later"
        return asked_for(key, variant, call_id=f"call{number}", deadline_s=deadline_s, seen=seen)

    def _call(self, slot: Slot, asked: Asked) -> None:
        """Let a host call."""
        if slot.process.alive:
            self._run(asked.call.call_id, self._serve(slot.caller, asked), slot.process)

    def _sweep(self, slot: Slot) -> None:
        """Let a reconciler do one round."""
        if slot.process.alive:
            self._run("reconciler", self._work(slot.sweeper.round), slot.process)

    def _expire(self, slot: Slot) -> None:
        """Let a process make tombstones."""
        if slot.process.alive:
            self._run("expiry", self._work(slot.sweeper.expire), slot.process)

    def _run(self, name: str, work: Coroutine[int, None, None], process: Process | None) -> None:
        """Begin a task now."""
        label = f"{process.name} {name}" if process else name
        self.loop.at(self.loop.now_ms, Task(label, work, process))

    async def _serve(self, caller: Caller, asked: Asked) -> None:
        """Carry one call out, and hold what its host is told against the truth."""
        key = asked.key.text

        try:
            outcome, action = await caller.ask(asked)
        except IllegalTransition as error:
            raise Broken(Check.WRONG_ARROW, error.message) from error
        except RouterError as error:
            self.watch.raised(key, error)
        else:
            self.watch.answered(key, outcome, action)

    async def _work(self, work: Callable[[], Coroutine[int, None, None]]) -> None:
        """Do what no host waits for; a store that is away comes back."""
        try:
            await work()
        except (IllegalTransition, LeaseLost) as error:
            raise Broken(Check.WRONG_ARROW, error.message) from error
        except RouterError as error:
            self.loop.note(f"stops: {error.code}")

    async def _person(self) -> None:
        """Look at the desks for what has been open for long, and decide it as it is seen."""
        ledger = Ledger(self.store, self.clock, lease_s=LEASE_S)

        for row in tuple(self.store.rows.values()):
            idle_ms = self.loop.now_ms - self.store.touched_ms[row.action_id]

            if row.state in UNDECIDED and idle_ms >= PERSON_WAITS_MS:
                await self._look_and_decide(ledger, row)

    async def _look_and_decide(self, ledger: Ledger, row: Action) -> None:
        """Decide one action."""
        found = (truth.find(row.marker) for truth in self.watch.truths)
        ref = next((one for one in found if one is not None), None)
        self.loop.note(f"sees {'it done' if ref else 'nothing'}")
        await pause(0 if self._calm else int(self.dice.random() * PERSON_THINKS_MS))

        try:
            await ledger.resolve(row, ref=ref, decided_by="agent", event=self._verdict(row))
        except RouterError as error:
            self.loop.note(f"cannot decide: {error.code}")

    def _verdict(self, row: Action) -> Record:
        """Return what the decision log would be told."""
        event = AuditEvent(
            change=AuditChange.ACTION_RESOLVED, who="agent", action_id=row.action_id, tenant=TENANT
        )
        return audit_record(event, self.clock, self.entropy)

    def _go_away(self) -> None:
        """Let the store or a desk be away for a while."""
        until_ms = self.loop.now_ms + int(self.dice.random() * self.weather.span_ms)
        edges: tuple[VirtualActions | VirtualDesk, ...] = (self.store, *self.desks.values())
        away = self.dice.choice(edges)
        away.down_until_ms = until_ms
        self.loop.note(f"{type(away).__name__} is away until {until_ms / 1000:.3f} s")

    def _jump(self) -> None:
        """Set the wall clock."""
        by_ms = self.dice.choice((-24, -1, 1, 24)) * HOUR_MS
        self.loop.wall_ms = max(NOON_MS // 2, self.loop.wall_ms + by_ms)
        self.loop.note(f"the wall clock jumps by {by_ms / HOUR_MS:.0f} h")

    def _disturb(self, process: Process) -> None:
        """Perhaps end a process, or let it stand still, right before one of its steps."""
        if self._calm or not process.alive:
            return

        if self.dice.random() < self.weather.crash:
            self.loop.note("CRASH")
            process.alive = False
            slot = next(one for one in self.slots if one.process is process)
            self.loop.at(self.loop.now_ms + int(self.dice.random() * 2000), slot.start)

            if self.weather.deaths_show:
                self.store.dead.add(process.name)
        elif self.dice.random() < self.weather.stall and self.loop.now_ms >= process.still_until_ms:
            process.still_until_ms = self.loop.now_ms + int(
                self.dice.random() * self.weather.stall_ms
            )
            self.loop.note(f"stands still until {process.still_until_ms / 1000:.3f} s")

    def _when(self) -> int:
        """Return a moment within the span."""
        return int(self.dice.random() * self.weather.span_ms)


def asked_for(
    key: str, variant: int, *, call_id: str, deadline_s: float, seen: str = "first"
) -> Asked:
    """Return a call for one of the keys `k0` and `k1`, with one choice of arguments.

    `seen` is what was read while the write was prepared: the arguments say nothing of it.
    """
    arguments = f"{key}|{variant}"
    write = UpdateTicket(
        ticket_id="7",
        comment=NewComment(body=f"{arguments}|{seen}", visibility=Visibility.PUBLIC),
    )
    return Asked(
        call=Call(call_id=call_id, tool=TOOL, caller=HOST, received_ms=0),
        wish=Wish(
            write=write,
            effect=Effect.NON_IDEMPOTENT_WRITE,
            arguments=arguments,
            object_id="7",
            dry_run=False,
        ),
        key=Key(text=key, source=KeySource.EXPLICIT),
        intention=Intention(
            tenant=TENANT,
            principal="host",
            tool=TOOL,
            effect=Effect.NON_IDEMPOTENT_WRITE,
            object_id="7",
            run_id=None,
            fingerprint=_FINGERPRINTS[arguments],
        ),
        deadline_s=deadline_s,
    )


def play(seed: int, strategy: Strategy | None = None, trace: Trace | None = None) -> Verdict:
    """Let one schedule happen, and say whether every promise was kept."""
    world = World(seed, strategy, trace)

    try:
        world.live()
    except Broken as broken:
        world.loop.note(f"BROKEN: {broken}")
        world.loop.close()
        return Verdict(seed=seed, check=broken.check, detail=broken.detail)

    return Verdict(seed=seed)


_FINGERPRINTS = {
    f"k{key}|{variant}": fingerprint(TOOL, f"k{key}|{variant}")
    for key in range(2)
    for variant in range(2)
}
