"""The reconciler beside its main work: leases, ends, broken stores, tombstones and its board."""

from dataclasses import replace

import anyio

from mcp_router.domain.action import ActionState, Ref, Strategy
from mcp_router.errors import StorageUnavailable
from mcp_router.execute.reconciler import EXPIRE_BATCH, EXPIRE_EVERY_S, Chore
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.testing.desks import lost_answer
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
from tests.storage.rows import record

NATIVE = Strategy.NATIVE_KEY
SUCCEEDED, SENDING, UNKNOWN = ActionState.SUCCEEDED, ActionState.SENDING, ActionState.UNKNOWN
NEEDS_HUMAN, EXPIRED = ActionState.NEEDS_HUMAN, ActionState.EXPIRED
EVERY_S = PACE.reconcile_every_s


async def test_a_process_keeps_what_its_own_calls_are_at() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    mine = await leave_open(one, "mine", desk, held_by=PROCESS)

    async with running(reconciler(one, Notes())):
        await clock.pass_time(4 * LEASE_S)

    admission, _ = await one.ledger.reserve(one.wanted("mine"))
    assert (admission, await state_of(one, mine)) == (Admission.IN_PROGRESS, SENDING)
    assert desk.asked_s == []


async def test_a_send_under_way_is_finished_before_the_background_ends() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    desk.gate = anyio.Event()
    row = await leave_open(one, "1", desk)
    other = await leave_open(one, "2", desk)
    clock.advance(EVERY_S)

    async with running(reconciler(one, Notes())) as task:
        await clock.settle()
        assert desk.asked_s == [EVERY_S]
        task.cancel()
        await clock.settle()
        assert not task.done()

        desk.gate.set()
        await clock.settle()
        assert task.cancelled()

    # Asked, not found, sent again and settled; nothing new was begun.
    assert [await state_of(one, each) for each in (row, other)] == [SUCCEEDED, UNKNOWN]
    assert (desk.sends, len(desk.effects)) == (1, 1)


async def test_the_background_ends_at_once_where_nothing_is_under_way() -> None:
    one, clock = dock(watched("a", NATIVE))

    async with running(reconciler(one, Notes())) as task:
        await clock.settle()
        task.cancel()
        await clock.settle()
        assert task.cancelled()


async def test_a_store_that_is_away_is_waited_for() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    row = await leave_open(one, "1", desk, applied=True)
    clock.advance(EVERY_S)
    one.store.broken = True

    async with running(reconciler(one, Notes())) as task:
        await clock.pass_time(300)
        assert not task.done()
        assert (await state_of(one, row), desk.asked_s) == (UNKNOWN, [])

        one.store.broken = False
        await clock.pass_time(60)

    assert (await state_of(one, row), desk.sends) == (SUCCEEDED, 0)


async def test_a_store_that_breaks_while_a_write_is_looked_after_is_told_later() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    desk.gate = anyio.Event()
    row = await leave_open(one, "1", desk, applied=True)
    clock.advance(EVERY_S)

    async with running(reconciler(one, Notes())):
        await clock.settle()
        one.store.broken = True
        desk.gate.set()
        await clock.pass_time(30)
        assert await state_of(one, row) is UNKNOWN

        one.store.broken = False
        await clock.pass_time(120)

    assert (await state_of(one, row), desk.sends) == (SUCCEEDED, 0)


async def test_what_a_call_could_not_say_on_disk_is_said_when_the_store_is_back() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    row = await leave_open(one, "1", desk, applied=True, held_by=PROCESS)
    one.ledger.abandon(row)

    async with running(reconciler(one, Notes())):
        await clock.settle()
        left = await one.ledger.get(row.tenant, row.action_id)
        assert (left.state, left.owner) == (UNKNOWN, None)
        await clock.pass_time(EVERY_S)

    assert await state_of(one, row) is SUCCEEDED


async def test_what_was_decided_long_ago_becomes_a_tombstone() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    names = [f"old-{n}" for n in range(EXPIRE_BATCH + 1)]
    old = [await leave_open(one, name, desk, applied=True) for name in names]

    for row in old:
        await one.ledger.resolve(
            row, ref=Ref(id="1"), decided_by="dana: saw it", event=record(row.action_id)
        )

    undecided = await leave_open(one, "undecided", desk)
    desk.unreadable = lost_answer()
    clock.advance(PACE.retention_s - EXPIRE_EVERY_S)
    young = (await one.call()).action

    seldom = replace(PACE, lease_s=EXPIRE_EVERY_S, reconcile_every_s=EXPIRE_EVERY_S)

    async with running(reconciler(one, Notes(), pace=seldom)):
        await clock.settle()
        assert {await state_of(one, row) for row in old} == {SUCCEEDED}
        await clock.pass_time(EXPIRE_EVERY_S)

    # All of them, however many; and never what is young or undecided.
    assert {await state_of(one, row) for row in old} == {EXPIRED}
    assert await state_of(one, young) is SUCCEEDED
    assert await state_of(one, undecided) is UNKNOWN


async def test_the_board_shows_what_is_open_until_nothing_is() -> None:
    desk, other = watched("a", NATIVE), watched("b", Strategy.NONE)
    one, clock = dock(desk, other)
    await leave_open(one, "1", desk, applied=True)
    await leave_open(one, "2", desk, held_by="boot:8:8")
    await leave_open(one, "3", other)
    notes = Notes()

    async with running(reconciler(one, notes)):
        await clock.settle()
        assert notes.shown == [
            (("a", SENDING, 1), ("a", UNKNOWN, 1), ("b", UNKNOWN, 1)),
        ]
        await clock.pass_time(2 * LEASE_S)

    assert notes.shown[-1] == (("b", NEEDS_HUMAN, 1),)
    assert sorted(notes.reconciliations) == [
        ("a", SUCCEEDED),
        ("a", SUCCEEDED),
        ("b", NEEDS_HUMAN),
    ]


async def test_a_row_of_an_older_version_goes_to_a_person() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    row = await leave_open(one, "old", desk, write_json="")
    clock.advance(EVERY_S)

    async with running(reconciler(one, Notes())):
        await clock.settle()

    assert (await state_of(one, row), desk.asked_s, desk.sends) == (NEEDS_HUMAN, [], 0)


async def test_a_row_of_a_newer_version_is_left_to_it_and_stops_nothing() -> None:
    desk = watched("a", NATIVE)
    one, clock = dock(desk)
    newer = await leave_open(one, "new", desk, write_json='{"kind":"merge","write":{}}')
    known = await leave_open(one, "known", desk, applied=True)
    clock.advance(EVERY_S)

    async with running(reconciler(one, Notes())) as task:
        await clock.pass_time(EVERY_S)
        assert not task.done()

    left = await one.ledger.get(newer.tenant, newer.action_id)
    assert (left.state, left.owner) == (UNKNOWN, None)
    assert await state_of(one, known) is SUCCEEDED


async def test_other_chores_are_done_at_their_own_pace_and_outlive_a_store_that_is_away() -> None:
    one, clock = dock(watched("a", NATIVE))
    done_s: list[float] = []

    async def chore() -> None:
        done_s.append(clock.monotonic_s())

        if len(done_s) == 2:
            raise StorageUnavailable("Away for a test.")

    async with running(reconciler(one, Notes(), chores=(Chore(work=chore, every_s=4.0),))):
        await clock.pass_time(12.0)

    assert done_s == [0.0, 4.0, 8.0, 12.0]
