"""What nobody is left to ask about is asked about in the background, gently and for ever."""

import asyncio

import anyio
import pytest

from mcp_router.domain.action import ActionState, Ref, Strategy
from mcp_router.domain.attempt import Evidence
from mcp_router.execute.reconciler import BATCH, DISCOURAGED
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.ledger.strategies import NATIVE_KEY_MS
from mcp_router.testing.desks import ScriptedDesk, lost_answer
from tests.execute.reconciling import (
    PACE,
    Notes,
    dock,
    leave_open,
    reconciler,
    running,
    state_of,
    watched,
)
from tests.execute.shipping import PROCESS

NATIVE, CAS, PROBE = Strategy.NATIVE_KEY, Strategy.CAS_MARKER, Strategy.MARKER_PROBE
SUCCEEDED, FAILED = ActionState.SUCCEEDED, ActionState.FAILED
SENDING, UNKNOWN = ActionState.SENDING, ActionState.UNKNOWN
NEEDS_HUMAN, EXPIRED = ActionState.NEEDS_HUMAN, ActionState.EXPIRED
EVERY_S = PACE.reconcile_every_s


@pytest.mark.parametrize(
    ("strategy", "applied", "state", "sends"),
    [
        *((one, True, SUCCEEDED, 0) for one in (NATIVE, Strategy.UNIQUE_INDEX, CAS, PROBE)),
        *((one, False, SUCCEEDED, 1) for one in (NATIVE, Strategy.UNIQUE_INDEX, CAS)),
        (PROBE, False, UNKNOWN, 0),
        (Strategy.NONE, True, NEEDS_HUMAN, 0),
    ],
)
async def test_what_a_former_process_left_is_decided_at_the_start(
    strategy: Strategy, applied: bool, state: ActionState, sends: int
) -> None:
    desk = watched("a", strategy)
    one, clock = dock(desk)
    row = await leave_open(one, "1", desk, applied=applied, held_by="boot:8:8")
    one.store.dead.add("boot:8:8")
    clock.advance(EVERY_S)
    notes = Notes()

    async with running(reconciler(one, notes)):
        await clock.settle()

    assert await state_of(one, row) is state
    assert (desk.sends, one.effects()) == (sends, int(applied or sends))
    assert notes.reconciliations == [("a", state)]
    assert [attempt.evidence for attempt in notes.attempts] == [Evidence.APPLIED] * sends
    still_open = [row.action_id] if state in (UNKNOWN, NEEDS_HUMAN) else []
    assert [one.action_id for one in notes.alarms] == still_open


async def test_what_its_call_has_left_unknown_is_no_news_to_anybody() -> None:
    desk = watched("a", PROBE)
    one, clock = dock(desk)
    row = await leave_open(one, "1", desk)
    clock.advance(EVERY_S)
    notes = Notes()

    await reconciler(one, notes).sweep(desk)

    assert await state_of(one, row) is UNKNOWN
    assert notes.reconciliations == [("a", UNKNOWN)]
    assert notes.alarms == []


async def test_what_is_found_out_in_the_background_is_what_a_replay_says() -> None:
    desk = watched("a", CAS)
    one, clock = dock(desk)
    row = await leave_open(one, "key", desk, applied=True)
    clock.advance(EVERY_S)

    await reconciler(one, Notes()).sweep(desk)
    settled = await one.call()

    assert settled.action.action_id == row.action_id
    assert settled.action.ref == Ref(id=f"made-by-{row.marker}")
    assert settled.action.answer_json is not None
    assert desk.sends == 0


async def test_a_write_that_others_have_overtaken_at_the_desk_is_never_applied() -> None:
    desk = watched("a", CAS)
    one, clock = dock(desk)
    row = await leave_open(one, "1", desk)
    await desk.write(one.shipment().write, marker="somebody", precondition=None, timeout_s=1)
    clock.advance(EVERY_S)

    await reconciler(one, Notes()).sweep(desk)

    after = await one.ledger.get(row.tenant, row.action_id)
    assert (after.state, after.error_code) == (FAILED, "ticket_changed")
    assert desk.effects == ["somebody"]


async def test_a_key_that_the_desk_may_have_forgotten_goes_to_a_person() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    row = await leave_open(one, "1", desk)
    clock.advance(NATIVE_KEY_MS / 1000)

    await reconciler(one, Notes()).sweep(desk)

    assert (await state_of(one, row), desk.sends) == (NEEDS_HUMAN, 0)


async def test_what_somebody_holds_is_left_alone() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    row = await leave_open(one, "1", desk, held_by="boot:8:8")
    notes = Notes()

    async with running(reconciler(one, notes)):
        await clock.pass_time(LEASE_S - 1)
        assert (await state_of(one, row), desk.asked_s) == (SENDING, [])
        assert notes.reconciliations == []

        await clock.pass_time(EVERY_S + 1)

    # Its lease has run out meanwhile.
    assert await state_of(one, row) is SUCCEEDED


async def test_what_was_only_reserved_is_no_business_of_the_background() -> None:
    desk = watched("a", CAS)
    one, clock = dock(desk)
    _, row = await one.ledger.reserve(one.wanted())
    one.store.dead.add(PROCESS)
    clock.advance(3600)

    done = await reconciler(one, Notes()).sweep(desk)

    assert (done.states, await state_of(one, row)) == ([], ActionState.RESERVED)


async def test_one_round_takes_up_no_more_than_a_batch() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    rows = [await leave_open(one, str(n), desk, applied=True) for n in range(BATCH + 5)]
    clock.advance(EVERY_S)
    background = reconciler(one, Notes())

    first, second = await background.sweep(desk), await background.sweep(desk)

    assert [len(done.states) for done in (first, second)] == [BATCH, 5]
    assert {await state_of(one, row) for row in rows} == {SUCCEEDED}


async def test_a_desk_that_is_down_is_soon_left_alone_and_holds_up_no_other() -> None:
    down, up = watched("down", NATIVE), watched("up", NATIVE)
    one, clock = dock(down, up)
    down.unreadable = lost_answer()
    stuck = [await leave_open(one, f"down-{n}", down) for n in range(10)]
    fine = [await leave_open(one, f"up-{n}", up, applied=True) for n in range(10)]
    clock.advance(EVERY_S)

    async with running(reconciler(one, Notes())):
        await clock.settle()

    assert len(down.asked_s) == DISCOURAGED
    assert {await state_of(one, row) for row in stuck} == {UNKNOWN}
    assert {await state_of(one, row) for row in fine} == {SUCCEEDED}


async def test_a_desk_that_does_not_answer_holds_up_no_other() -> None:
    hangs, up = watched("hangs", NATIVE), watched("up", NATIVE)
    one, clock = dock(hangs, up)
    hangs.gate = anyio.Event()
    stuck = await leave_open(one, "hangs", hangs, applied=True)
    fine = await leave_open(one, "up", up, applied=True)
    clock.advance(EVERY_S)

    async with running(reconciler(one, Notes())):
        await clock.settle()
        assert [await state_of(one, row) for row in (stuck, fine)] == [UNKNOWN, SUCCEEDED]
        hangs.gate.set()
        await clock.settle()

    assert await state_of(one, stuck) is SUCCEEDED


async def test_after_some_that_stay_unknown_the_next_round_takes_up_the_others() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    desk.unreadable = lost_answer()
    rows = [await leave_open(one, str(n), desk, applied=True) for n in range(DISCOURAGED + 1)]
    clock.advance(EVERY_S)
    background = reconciler(one, Notes())

    assert (await background.sweep(desk)).is_vain
    desk.unreadable = None
    assert (await background.sweep(desk)).states == [SUCCEEDED]

    assert await state_of(one, rows[-1]) is SUCCEEDED


async def test_what_stays_unknown_is_asked_about_more_and_more_seldom() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    desk.unreadable = lost_answer()
    await leave_open(one, "1", desk)

    async with running(reconciler(one, Notes())):
        await clock.pass_time(700)

    assert desk.asked_s == [5.0, 15.0, 35.0, 75.0, 155.0, 315.0, 635.0]


async def test_a_desk_that_is_down_is_left_alone_for_longer_and_longer() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    desk.unreadable = lost_answer()
    rows = [await leave_open(one, str(n), desk, applied=True) for n in range(100)]

    async with running(reconciler(one, Notes())):
        await clock.pass_time(300)
        rounds = [5.0, 15.0, 35.0, 75.0, 135.0, 195.0, 255.0]
        assert desk.asked_s == [at_s for at_s in rounds for _ in range(DISCOURAGED)]

        desk.unreadable = None
        await clock.pass_time(15 + 3 * EVERY_S)

    # Back again, it is asked at the usual pace, a batch at a time.
    assert sorted(set(desk.asked_s))[len(rounds) :] == [315.0, 320.0, 325.0, 330.0]
    assert {await state_of(one, row) for row in rows} == {SUCCEEDED}


async def test_a_desk_that_answers_again_is_asked_at_the_usual_pace() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    desk.unreadable = lost_answer()
    await leave_open(one, "1", desk, applied=True)

    async with running(reconciler(one, Notes())):
        await clock.pass_time(40)  # asked at 5, 15 and 35 s: the next time would be at 75
        desk.unreadable = None
        await clock.pass_time(35)
        assert desk.asked_s == [5.0, 15.0, 35.0, 75.0]

        row = await leave_open(one, "2", desk, applied=True)
        await clock.pass_time(EVERY_S)

    assert await state_of(one, row) is SUCCEEDED
    assert desk.asked_s[-1] == 80.0


async def test_two_reconcilers_never_take_up_the_same_write() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    desk.gate = anyio.Event()
    await leave_open(one, "1", desk)
    clock.advance(EVERY_S)
    notes = Notes()
    sweeps = [
        asyncio.create_task(reconciler(one, notes, process=f"boot:{n}:1").sweep(desk))
        for n in range(5)
    ]
    await clock.settle()
    desk.gate.set()

    done = await asyncio.gather(*sweeps)

    assert sorted(len(each.states) for each in done) == [0, 0, 0, 0, 1]
    assert (desk.sends, len(desk.effects)) == (1, 1)


async def test_a_desk_that_is_no_longer_configured_is_not_asked() -> None:
    desk, gone = watched("a", NATIVE), ScriptedDesk("gone", NATIVE)
    one, clock = dock(desk)
    row = await leave_open(one, "1", gone, applied=True)
    notes = Notes()

    async with running(reconciler(one, notes)):
        await clock.pass_time(60)

    assert await state_of(one, row) is UNKNOWN
    assert notes.shown[-1] == (("gone", UNKNOWN, 1),)
