"""Whatever the desk does, in whatever order: at most one effect, and the truth told of it."""

import asyncio
from collections.abc import Awaitable
from enum import StrEnum
from typing import assert_never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.domain.action import ActionState, Precondition, Ref, Strategy
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import RouterError
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.ledger.strategies import NATIVE_KEY_MS
from mcp_router.testing.desks import ScriptedDesk, Step, lost_answer
from tests.execute.reconciling import PACE, Notes, reconciler
from tests.execute.shipping import Dock

DECIDED = (ActionState.SUCCEEDED, ActionState.FAILED)
HONOURED = [Strategy.NATIVE_KEY, Strategy.UNIQUE_INDEX, Strategy.CAS_MARKER]


class Event(StrEnum):
    """What happens between the sends."""

    CALL = "call"
    TWO_CALLS = "two_calls"  # at the same time
    BROKEN_STORE = "broken_store"  # a call whose store cannot commit any more once it has sent
    UNREADABLE = "unreadable"  # a call while the desk cannot be asked
    LEASE_ENDS = "lease_ends"
    LATE_LANDS = "late_lands"
    BACKGROUND = "background"  # the reconciler looks at every desk
    CALL_AND_BACKGROUND = "call_and_background"  # at the same time
    CRASH_BEFORE = "crash_before"  # the process ends before the first byte of its send leaves
    CRASH_AFTER = "crash_after"  # it ends when the desk has done what it does with the send
    HOURS_PASS = "hours_pass"  # so many that a desk may have forgotten a key


class Crash(Exception):
    """The end of a process."""


class Sabotage(ScriptedDesk):
    """A desk at whose next write the store breaks or the process ends, where the test says so."""

    dock: Dock
    event: Event | None = None

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        self.dock.store.broken = self.event is Event.BROKEN_STORE

        if self.event is Event.CRASH_BEFORE:
            raise Crash

        try:
            return await super().write(
                write, marker=marker, precondition=precondition, timeout_s=timeout_s
            )
        finally:
            if self.event is Event.CRASH_AFTER:
                raise Crash


def build(
    strategies: list[Strategy], scripts: list[list[Step]], settled: bool, late_after: int
) -> Dock:
    desks = tuple(
        Sabotage(f"desk-{n}", strategy, script, settled=settled, late_after=late_after)
        for n, (strategy, script) in enumerate(zip(strategies, scripts, strict=True))
    )
    dock = Dock(desks=desks)

    for desk in desks:
        desk.dock = dock

    return dock


async def happen(dock: Dock, event: Event) -> None:
    desks = [desk for desk in dock.desks if isinstance(desk, Sabotage)]

    for desk in desks:
        desk.event = event
        desk.unreadable = lost_answer() if event is Event.UNREADABLE else None

    match event:
        case Event.LEASE_ENDS:
            dock.clock.advance(LEASE_S)
        case Event.CRASH_BEFORE | Event.CRASH_AFTER:
            await at_once(dock.call())
            dock.restart()
        case Event.HOURS_PASS:
            dock.clock.advance(NATIVE_KEY_MS / 1000)
        case Event.LATE_LANDS:
            dock.effects()
        case Event.BACKGROUND:
            dock.clock.advance(PACE.reconcile_every_s)
            await at_once(*sweeps(dock))
        case Event.TWO_CALLS:
            await at_once(dock.call(), dock.call())
        case Event.CALL_AND_BACKGROUND:
            dock.clock.advance(PACE.reconcile_every_s)
            await at_once(dock.call(), *sweeps(dock))
        case Event.CALL | Event.BROKEN_STORE | Event.UNREADABLE:
            await at_once(dock.call())
        case _:
            assert_never(event)

    dock.store.broken = False


def sweeps(dock: Dock) -> list[Awaitable[object]]:
    """Return one look of another process at each desk."""
    background = reconciler(dock, Notes(), process="boot:7:7")
    return [background.sweep(desk) for desk in dock.desks]


async def at_once(*work: Awaitable[object]) -> None:
    """Do it all at the same time; each may end in a coded error, and nothing else gets out."""
    got = await asyncio.gather(*work, return_exceptions=True)
    errors = [one for one in got if isinstance(one, BaseException)]
    assert all(isinstance(one, RouterError | Crash) for one in errors)


async def play(dock: Dock, events: list[Event]) -> None:
    for event in events:
        await happen(dock, event)
        assert sum(len(desk.effects) for desk in dock.desks) <= 1

    row = await dock.store.by_key("acme", "key")
    effects = dock.effects()
    assert effects <= 1

    if row is None:
        assert effects == 0
        return

    if row.state is ActionState.SUCCEEDED:
        assert effects == 1
        assert row.ref is not None
        assert row.ref.id == f"made-by-{row.marker}"

    if row.state in (ActionState.FAILED, ActionState.RESERVED):
        assert effects == 0

    assert (row.answer_json is not None) == (row.state in DECIDED)

    states = [event.state for event in dock.store.events(row.action_id)]
    assert ActionState.SENDING in states or sum(dock.sends()) == 0


# A request that is repeated on its way is two requests: only a desk that tells versions apart, or
# keeps keys, can make one effect of them.
ECHOES = st.lists(st.sampled_from(list(Step)), max_size=6)
STEPS = st.lists(st.sampled_from([step for step in Step if step is not Step.ECHO]), max_size=6)
EVENTS = st.lists(st.sampled_from(list(Event)), min_size=1, max_size=7)


@given(st.sampled_from(HONOURED), STEPS, EVENTS, st.booleans(), st.integers(1, 6))
@settings(max_examples=500, deadline=None)
def test_one_desk_that_honours_its_strategy_is_written_to_once(
    strategy: Strategy, script: list[Step], events: list[Event], settled: bool, late_after: int
) -> None:
    asyncio.run(play(build([strategy], [script], settled, late_after), events))


@given(st.sampled_from(HONOURED), ECHOES, EVENTS, st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_what_repeats_requests_on_their_way_makes_no_second_effect(
    strategy: Strategy, script: list[Step], events: list[Event], late_after: int
) -> None:
    asyncio.run(play(build([strategy], [script], True, late_after), events))


@given(
    st.lists(st.sampled_from(list(Strategy)), min_size=2, max_size=3),
    st.lists(STEPS, min_size=3, max_size=3),
    EVENTS,
    st.booleans(),
    st.integers(1, 6),
)
@settings(max_examples=500, deadline=None)
def test_a_pool_of_desks_of_any_kind_is_written_to_once(
    strategies: list[Strategy],
    scripts: list[list[Step]],
    events: list[Event],
    settled: bool,
    late_after: int,
) -> None:
    dock = build(strategies, scripts[: len(strategies)], settled, late_after)

    asyncio.run(play(dock, events))


class Liar(ScriptedDesk):
    """A desk that declares a key and keeps none: what this harness must not be blind to."""

    def _arrive(self, arrival: tuple[str, Precondition | None]) -> Ref:
        self.effects.append(arrival[0])
        return Ref(id=f"made-by-{arrival[0]}")


def test_the_harness_sees_a_duplicate_where_a_desk_lies() -> None:
    desk = Liar("first", Strategy.NATIVE_KEY, [Step.LATE], late_after=99)
    dock = Dock(desks=(desk,))

    with pytest.raises(AssertionError):
        asyncio.run(play(dock, [Event.CALL]))

    assert len(desk.effects) == 2
