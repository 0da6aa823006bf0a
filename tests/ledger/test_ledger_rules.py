"""Hypothesis looks for the order of events in which a promise of the ledger breaks.

Unlike the simulation, which throws dice by the million, this one searches and shrinks: every step
of every process, every fate of a request and every stroke of a clock is a rule. It runs the
router's walks, the reconciler's own `sweep` with its shield included, on a real event loop.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import closing
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from benchmarks.simulation.desk import REFUSING, Request, Truth
from benchmarks.simulation.loop import Loop
from benchmarks.simulation.store import UNDECIDED
from benchmarks.simulation.walks import LEASE_S, Asked, Caller, Sweeper
from benchmarks.simulation.watch import key_of
from benchmarks.simulation.weather import Fate
from benchmarks.simulation.world import asked_for
from mcp_router.domain.action import ARROWS, INITIAL, Action, ActionState, Outcome, Ref, Strategy
from mcp_router.errors import (
    IllegalTransition,
    LedgerDegraded,
    RouterError,
    StorageUnavailable,
)
from mcp_router.ledger.answer import kept_answer, write_answer
from mcp_router.ledger.ledger import Ledger
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryActions
from tests.ledger.gated import Gate, GatedDesk, GatedStore
from tests.storage.rows import record

KEYS = ("k0", "k1")
DECIDED = frozenset({ActionState.SUCCEEDED, ActionState.FAILED})
LATEST_S = 9 * 60
PERSON_WAITS_S = 10 * 60
SPANS_S = (0.4, 1.0, LEASE_S + 1, LATEST_S, 15 * 60, 111 * 60, 3 * 3600)


class LedgerRules(RuleBasedStateMachine):
    """Two processes, two keys, one desk, a person, and everything that may go wrong."""

    strategy = Strategy.CAS_MARKER
    truth = Truth

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.store = MemoryActions(self.clock)
        self.gate = Gate()
        self.desk_time = Loop(lambda process: None, None)
        self.desk = GatedDesk(
            self.truth("desk", self.strategy, self.desk_time), self.gate, self.clock
        )
        self.fates = [one for one in Fate if one is not Fate.TWICE or self.strategy in REFUSING]
        self.numbers = count(1)
        self.tasks: dict[asyncio.Task[None], int] = {}
        self.told: dict[str, str] = {}
        self.open_once: set[str] = set()
        self.moved_s: dict[str, tuple[int, float]] = {}
        self.lives = [0, 0]
        self.callers: list[Caller] = []
        self.sweepers: list[Sweeper] = []

    @initialize()
    def start_processes(self) -> None:
        for place in range(2):
            self.callers.append(self._caller(place))
            self.sweepers.append(self._sweeper(place))

    # What hosts and processes do.

    @rule(place=st.integers(0, 1), key=st.sampled_from(KEYS), variant=st.sampled_from((0, 0, 0, 1)))
    def call(self, place: int, key: str, variant: int) -> None:
        number = next(self.numbers)
        asked = asked_for(key, variant, call_id=f"call{number}", deadline_s=20.0)
        self._spawn(self._serve(self.callers[place], asked), place)

    @rule(place=st.integers(0, 1))
    def sweep(self, place: int) -> None:
        self._spawn(self._work(self._sweep_once(self.sweepers[place])), place)

    @rule(place=st.integers(0, 1))
    def beat(self, place: int) -> None:
        self._spawn(self._work(self.sweepers[place].beat()), place)

    @rule()
    def expire(self) -> None:
        self._spawn(self._work(self.sweepers[0].expire()), 0)

    @precondition(lambda self: self.gate.waiting)
    @rule(data=st.data(), steps=st.integers(1, 4))
    def step(self, data: st.DataObject, steps: int) -> None:
        self._go_on(data, steps)

    @precondition(lambda self: self.gate.waiting)
    @rule(data=st.data())
    def go_to_the_end(self, data: st.DataObject) -> None:
        self._go_on(data, 30)

    @precondition(lambda self: self.gate.waiting)
    @rule(data=st.data())
    def go_up_to_a_send(self, data: st.DataObject) -> None:
        self._go_on(data, 30, stop_at_send=True)

    @rule(place=st.integers(0, 1), shows=st.booleans())
    def crash(self, place: int, shows: bool) -> None:
        for task in [task for task, home in self.tasks.items() if home == place]:
            task.cancel()

        if shows:
            self.store.dead.add(self._process(place))

        self._settle()
        self.lives[place] += 1
        self.callers[place] = self._caller(place)
        self.sweepers[place] = self._sweeper(place)

    # What the world does.

    @rule(span_s=st.sampled_from(SPANS_S))
    def time_passes(self, span_s: float) -> None:
        self.desk.land_before(self.clock.monotonic_s() + span_s - LATEST_S)
        self._advance(span_s)

    @precondition(lambda self: self.desk.late)
    @rule(data=st.data())
    def late_lands(self, data: st.DataObject) -> None:
        self.desk.land(data.draw(st.sampled_from(self.desk.late)))

    @rule(what=st.sampled_from(("object", "desk", "store", "wall")))
    def something_changes(self, what: str) -> None:
        if what == "object":
            self.desk.truth.change(asked_for("k0", 0, call_id="", deadline_s=0).wish.write)
        elif what == "desk":
            self.desk.is_down = not self.desk.is_down
        elif what == "store":
            self.store.broken = not self.store.broken
        else:
            self.clock.jump(-24 * 3600)

    @rule()
    def person_decides_what_has_rested(self) -> None:
        for row in self._rows():
            rested_s = self.clock.monotonic_s() - self.moved_s[row.action_id][1]

            if row.state in UNDECIDED and rested_s >= PERSON_WAITS_S:
                self.runner.run(self._decide(row))

    # What must hold after every step.

    @invariant()
    def no_key_has_two_effects(self) -> None:
        assert max(self._effects().values(), default=0) <= 1

    @invariant()
    def what_is_decided_is_true(self) -> None:
        effects = self._effects()

        for row in self._rows():
            if row.state is ActionState.SUCCEEDED or row.ref is not None:
                assert effects[row.key] == 1
                assert row.ref is not None
                assert row.ref.id == f"made-by-{row.marker}"
            elif row.state in (ActionState.FAILED, ActionState.EXPIRED):
                assert effects[row.key] == 0

    @invariant()
    def every_transition_is_an_arrow_with_its_event(self) -> None:
        for row in self._rows():
            events = self.store.events(row.action_id)
            assert events[0].state in INITIAL
            assert (events[-1].state, events[-1].fence) == (row.state, row.fence)
            assert events[-1].attempts == row.attempts

            for one, following in pairwise(events):
                assert following.state in ARROWS[one.state]
                assert following.fence >= one.fence
                assert following.attempts >= one.attempts

            seen = self.moved_s.get(row.action_id, (0, 0.0))

            if seen[0] != len(events):
                self.moved_s[row.action_id] = (len(events), self.clock.monotonic_s())

    @invariant()
    def nothing_undecided_vanishes(self) -> None:
        rows = {row.action_id: row for row in self._rows()}
        assert self.open_once <= rows.keys()
        self.open_once |= {key for key, row in rows.items() if row.state in UNDECIDED}
        shown = sum(number for _, _, number in self.runner.run(self.store.counts()))
        assert shown == sum(row.state in UNDECIDED for row in rows.values())

    def teardown(self) -> None:
        """Let everything come to its end, and everything late land; then look once more."""
        with closing(self.runner):
            try:
                self._end()
            finally:
                for task in self.tasks:
                    task.cancel()

    def _end(self) -> None:
        self.gate.opened = True
        self.store.broken = self.desk.is_down = False

        for one in tuple(self.gate.waiting):
            one.passes.set_result(Fate.ANSWERED)

        self._settle()

        for request in tuple(self.desk.late):
            self.desk.land(request)

        self.no_key_has_two_effects()
        self.what_is_decided_is_true()

    # How it is done.

    def _process(self, place: int) -> str:
        return f"p{place}.{self.lives[place]}"

    def _ledger(self) -> Ledger:
        return Ledger(GatedStore(self.store, self.gate), self.clock, lease_s=LEASE_S)

    def _caller(self, place: int) -> Caller:
        self.ledger = self._ledger()
        return Caller(
            ledger=self.ledger,
            desks={"desk": self.desk},
            clock=self.clock,
            entropy=self._entropy,
            owner=self._process(place),
        )

    def _sweeper(self, place: int) -> Sweeper:
        return Sweeper.of(
            ledger=self.ledger,
            desks={"desk": self.desk},
            clock=self.clock,
            entropy=self._entropy,
            process=self._process(place),
        )

    def _entropy(self, size: int) -> bytes:
        return next(self.numbers).to_bytes(size, "big")

    def _go_on(self, data: st.DataObject, steps: int, *, stop_at_send: bool = False) -> None:
        """Let one task take some steps, each request with a fate of its own."""
        task = data.draw(st.sampled_from(self.gate.waiting)).task

        for _ in range(steps):
            mine = [one for one in self.gate.waiting if one.task is task]

            if not mine or (stop_at_send and mine[0].sends):
                return

            fate = data.draw(st.sampled_from(self.fates)) if mine[0].sends else Fate.ANSWERED
            mine[0].passes.set_result(fate)
            self._settle()

    def _spawn(self, work: Coroutine[object, object, None], place: int) -> None:
        async def begin() -> asyncio.Task[None]:
            return asyncio.create_task(work)

        self.tasks[self.runner.run(begin())] = place
        self._settle()

    def _settle(self) -> None:
        """Run until every task waits at a gate or is over; raise what one has come upon."""

        async def settle() -> None:
            for _ in range(1000):
                await asyncio.sleep(0)
                waiting = {one.task for one in self.gate.waiting if not one.passes.done()}

                if all(task.done() or task in waiting for task in self.tasks):
                    return

            raise AssertionError("a task neither waits nor ends")

        self.runner.run(settle())

        for task in [task for task in self.tasks if task.done()]:
            del self.tasks[task]

            if not task.cancelled():
                task.result()

        self._advance(0)

    def _advance(self, seconds: float) -> None:
        """Let time pass, also at the desk: its clock and ours run alike."""
        self.clock.advance(seconds)
        self.desk_time.now_ms = round(self.clock.monotonic_s() * 1000)

    async def _serve(self, caller: Caller, asked: Asked) -> None:
        """Carry one call out, and hold its answer against the desk and every answer before."""
        key = asked.key.text

        try:
            outcome, action = await caller.ask(asked)
        except IllegalTransition:
            raise
        except LedgerDegraded:
            assert self._effects()[key] == 1
        except RouterError:
            return
        else:
            self._heard(key, outcome, action)

    def _heard(self, key: str, outcome: Outcome, action: Action) -> None:
        done = self._effects()[key]
        assert outcome not in (Outcome.SUCCEEDED, Outcome.REPLAYED) or done == 1
        assert action.state is not ActionState.FAILED or done == 0

        if action.state in DECIDED:
            answer = write_answer(kept_answer(action))
            assert self.told.setdefault(key, answer) == answer

    async def _sweep_once(self, sweeper: Sweeper) -> None:
        await sweeper.keep_order()
        await sweeper.sweep(self.desk)

    async def _work(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except StorageUnavailable:
            return

    async def _decide(self, row: Action) -> None:
        ledger = Ledger(self.store, self.clock, lease_s=LEASE_S)

        try:
            ref = self.desk.truth.find(row.marker)
            await ledger.resolve(row, ref=ref, decided_by="erin: looked", event=record())
        except RouterError:
            return

    def _rows(self) -> tuple[Action, ...]:
        found = (self.runner.run(self.store.by_key("acme", key)) for key in KEYS)
        return tuple(row for row in found if row is not None)

    def _effects(self) -> Counter[str]:
        return Counter(key_of(request.write) for request in self.desk.truth.effects)


def look_for(name: str, strategy: Strategy, truth: type[Truth], *, fixed: bool = False) -> None:
    machine = type(name, (LedgerRules,), {"strategy": strategy, "truth": truth})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=fixed,
            phases=[Phase.generate] if fixed else list(Phase),
        ),
    )


@pytest.mark.parametrize("strategy", list(Strategy))
def test_no_order_of_events_breaks_a_promise(strategy: Strategy) -> None:
    look_for(f"Rules_{strategy}", strategy, Truth)


class Liar(Truth):
    """A desk that declares a key and keeps none: what the search must not be blind to."""

    def arrive(self, request: Request) -> Ref:
        self._known_ms.clear()
        return super().arrive(request)


def test_the_search_sees_a_duplicate_where_a_desk_lies() -> None:
    with pytest.raises(AssertionError):
        look_for("Lied_to", Strategy.NATIVE_KEY, Liar, fixed=True)
