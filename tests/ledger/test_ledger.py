"""The ledger over its stores: one owner at a time, and the fence against those who were one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mcp_router.domain.action import Action, ActionState, Ref
from mcp_router.errors import (
    DeskRejected,
    IllegalTransition,
    LeaseLost,
    StorageUnavailable,
    UnknownAction,
)
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.keys import WINDOW_MS
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.ledger.machine import start
from mcp_router.testing.clock import NOON_MS, ManualClock
from mcp_router.testing.stores import MemoryActions
from tests.ledger.bench import Bench, as_read

REF = Ref(id="4711")
REFUSED = DeskRejected("The desk refused the request.")

# What the holder of a sent action may say of it.
WORDS: dict[str, Callable[[Bench, Action], Awaitable[Action]]] = {
    "succeeded": lambda bench, row: bench.ledger.succeeded(row, REF),
    "failed": lambda bench, row: bench.ledger.failed(row, REFUSED),
    "released": lambda bench, row: bench.ledger.released(row, "desk_unavailable"),
    "held": lambda bench, row: bench.ledger.held(row),
    "lost": lambda bench, row: bench.ledger.lost(row, "outcome_unknown"),
    "let_go": lambda bench, row: bench.ledger.let_go(row),
}


async def test_of_many_callers_at_once_one_proceeds_and_the_others_wait(bench: Bench) -> None:
    got = await asyncio.gather(*(bench.reserve(f"caller-{n}") for n in range(32)))

    owners = [row for admission, row in got if admission is Admission.PROCEED]
    assert len(owners) == 1
    assert [one for one in got if one[0] is not Admission.PROCEED] == [
        (Admission.IN_PROGRESS, owners[0])
    ] * 31


async def test_of_many_callers_after_a_crash_one_reconciles(bench: Bench) -> None:
    await bench.sending("first")
    bench.dead.add("first")

    got = await asyncio.gather(*(bench.reserve(f"caller-{n}") for n in range(16)))

    assert sorted(admission for admission, _ in got) == (
        [Admission.IN_PROGRESS] * 15 + [Admission.RECONCILE]
    )
    assert {(one.state, one.fence) for _, one in got} == {(ActionState.UNKNOWN, 2)}


async def test_what_was_only_reserved_is_free_to_send_after_a_crash(bench: Bench) -> None:
    await bench.reserved("first")
    bench.dead.add("first")

    admission, row = await bench.reserve("second")

    assert (admission, row.state, row.fence) == (Admission.PROCEED, ActionState.RESERVED, 2)


async def test_what_is_reserved_as_sending_is_its_makers_to_send_and_nobody_elses(
    bench: Bench,
) -> None:
    wanted = bench.wanted("first")
    sent = start(
        wanted,
        target=wanted.target,
        strategy=wanted.strategy,
        precondition=None,
        now_ms=wanted.created_ms,
    )

    admission, row = await bench.ledger.reserve(sent)
    assert (admission, row.state, row.attempts) == (Admission.PROCEED, ActionState.SENDING, 1)
    assert (await bench.reserve("second"))[0] is Admission.IN_PROGRESS

    # Whether its first byte left before it died is not known: sent it counts, and is asked about.
    bench.dead.add("first")
    admission, row = await bench.reserve("third")
    assert (admission, row.state, row.fence) == (Admission.RECONCILE, ActionState.UNKNOWN, 2)


async def test_a_holder_keeps_an_action_for_its_lease_and_no_longer(bench: Bench) -> None:
    await bench.sending("slow")
    bench.clock.advance(LEASE_S - 0.001)
    assert (await bench.reserve("early"))[0] is Admission.IN_PROGRESS

    bench.clock.advance(0.001)

    assert (await bench.reserve("late"))[0] is Admission.RECONCILE


async def test_a_process_that_says_it_lives_keeps_its_actions_however_slow(bench: Bench) -> None:
    await bench.sending("slow")

    for _ in range(4):
        bench.clock.advance(LEASE_S / 3)
        await bench.ledger.beat("slow")

    assert (await bench.reserve("quick"))[0] is Admission.IN_PROGRESS
    bench.end_lease()
    assert (await bench.reserve("quick"))[0] is Admission.RECONCILE


async def test_one_process_does_not_speak_for_another(bench: Bench) -> None:
    await bench.sending("slow")
    bench.clock.advance(LEASE_S / 2)

    for other in ("slo", "slow#call", "slower", ""):
        await bench.ledger.beat(other)

    bench.clock.advance(LEASE_S / 2)
    assert (await bench.reserve("quick"))[0] is Admission.RECONCILE


@pytest.mark.parametrize("word", WORDS)
async def test_a_slow_holder_that_lost_its_lease_cannot_say_what_became_of_it(
    bench: Bench, word: str
) -> None:
    sending = await bench.sending("slow")
    bench.end_lease()
    admission, taken = await bench.reserve("quick")
    assert admission is Admission.RECONCILE

    with pytest.raises(LeaseLost):
        await WORDS[word](bench, sending)

    assert as_read(await bench.row(sending)) == as_read(taken)
    done = await bench.ledger.succeeded(taken, REF)
    assert as_read(await bench.row(sending)) == as_read(done)


async def test_a_slow_holder_that_never_sent_cannot_send_any_more(bench: Bench) -> None:
    row = await bench.reserved("slow")
    bench.end_lease()
    await bench.reserve("quick")

    with pytest.raises(LeaseLost):
        await bench.send(row)


async def test_one_holder_cannot_send_the_same_row_twice(bench: Bench) -> None:
    row = await bench.reserved("one")

    got = await asyncio.gather(*(bench.send(row) for _ in range(8)), return_exceptions=True)

    assert [type(one) for one in got].count(Action) == 1
    assert [type(one) for one in got].count(LeaseLost) == 7


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
async def test_a_jump_of_the_wall_clock_frees_nothing_that_is_held(
    bench: Bench, jump_s: float
) -> None:
    sending = await bench.sending("first")
    bench.clock.jump(jump_s)

    admission, after = await bench.reserve("second")

    assert (admission, after.owner) == (Admission.IN_PROGRESS, sending.owner)
    assert after.state is ActionState.SENDING


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
async def test_how_long_ago_an_action_was_sent_is_told_by_a_clock_that_cannot_jump(
    bench: Bench, jump_s: float
) -> None:
    sending = await bench.sending("first")
    bench.clock.jump(jump_s)
    bench.clock.advance(7)

    assert (await bench.row(sending)).sent_ago_ms == 7_000


async def test_what_was_let_go_is_the_next_callers_to_ask_about(bench: Bench) -> None:
    unknown = await bench.ledger.lost(await bench.sending("first"), "outcome_unknown")
    assert (await bench.reserve("second"))[0] is Admission.IN_PROGRESS

    await bench.ledger.let_go(unknown)

    assert (await bench.reserve("third"))[0] is Admission.RECONCILE


async def test_what_was_released_is_the_next_callers_to_send(bench: Bench) -> None:
    await bench.ledger.released(await bench.sending("first"), "desk_unavailable")

    admission, again = await bench.reserve("second")

    assert (admission, again.state) == (Admission.PROCEED, ActionState.RESERVED)
    assert (again.attempts, again.precondition) == (1, None)


async def test_what_is_left_to_a_person_is_nobody_elses(bench: Bench) -> None:
    row = await bench.needs_human("first")

    admission, met = await bench.reserve("second")

    assert (admission, met.state) == (Admission.WAITS_FOR_PERSON, ActionState.NEEDS_HUMAN)
    assert await bench.ledger.take_over(row, "boot:9:9#rec") is None


async def test_a_settled_action_is_replayed_and_never_moves_again(bench: Bench) -> None:
    done = await bench.ledger.succeeded(await bench.sending("first"), REF)

    admission, met = await bench.reserve("second")
    assert (admission, as_read(met)) == (Admission.REPLAY, as_read(done))

    with pytest.raises(IllegalTransition):
        await bench.ledger.failed(done, REFUSED)


async def test_a_heuristic_key_of_the_earlier_window_stands_while_it_is_young(
    bench: Bench,
) -> None:
    await bench.ledger.reserve(bench.wanted("first", key="window-1"))
    bench.clock.advance((WINDOW_MS - 1) / 1000)

    admission, row = await bench.ledger.reserve(
        bench.wanted("second", key="window-2"), ("window-1",)
    )

    # Its lease has run out meanwhile, but the action itself is still the first one.
    assert (admission, row.action_id, row.key) == (Admission.PROCEED, "act_first", "window-1")


async def test_a_heuristic_key_of_the_earlier_window_stands_no_longer_than_a_window(
    bench: Bench,
) -> None:
    await bench.ledger.reserve(bench.wanted("first", key="window-1"))
    bench.clock.advance(WINDOW_MS / 1000)

    admission, row = await bench.ledger.reserve(
        bench.wanted("second", key="window-2"), ("window-1",)
    )

    assert (admission, row.action_id, row.key) == (Admission.PROCEED, "act_second", "window-2")


@pytest.mark.parametrize("first", ["window-1", "window-2"])
async def test_callers_on_both_sides_of_a_windows_edge_meet(bench: Bench, first: str) -> None:
    twins = {"window-1": ("window-0", "window-2"), "window-2": ("window-1", "window-3")}
    (second,) = twins.keys() - {first}

    met = await asyncio.gather(
        *(
            bench.ledger.reserve(bench.wanted(f"caller-{key}", key=key), twins[key])
            for key in (first, second)
        )
    )

    assert [admission for admission, _ in met] == [Admission.PROCEED, Admission.IN_PROGRESS]
    assert {row.action_id for _, row in met} == {f"act_caller-{first}"}


async def test_an_action_belongs_to_its_tenant(bench: Bench) -> None:
    row = await bench.reserved("first")

    assert await bench.ledger.get("acme", row.action_id) == row

    for tenant, action_id in (("other", row.action_id), ("acme", "act_none")):
        with pytest.raises(UnknownAction):
            await bench.ledger.get(tenant, action_id)


async def test_every_step_leaves_its_event() -> None:
    clock = ManualClock()
    store = MemoryActions(clock)
    bench = Bench(store, clock, store.dead)
    unknown = await bench.ledger.lost(await bench.sending("first"), "outcome_unknown")
    bench.clock.advance(1)
    await bench.ledger.succeeded(unknown, REF)

    assert [
        (event.at_ms - NOON_MS, event.state, event.fence, event.attempts, event.detail)
        for event in store.events("act_first")
    ] == [
        (0, "reserved", 1, 0, None),
        (0, "sending", 1, 1, None),
        (0, "unknown", 1, 1, "outcome_unknown"),
        (1000, "succeeded", 1, 1, None),
    ]


async def test_a_store_that_cannot_commit_leaves_the_row_as_it_was() -> None:
    clock = ManualClock()
    store = MemoryActions(clock)
    bench = Bench(store, clock, store.dead)
    row = await bench.reserved("first")
    store.broken = True

    with pytest.raises(StorageUnavailable):
        await bench.send(row)

    with pytest.raises(StorageUnavailable):
        await bench.reserve("second")

    store.broken = False
    assert await bench.ledger.get("acme", row.action_id) == row


async def test_the_facts_of_a_run_are_its_latest(bench: Bench) -> None:
    for n in range(25):
        wanted = replace(bench.wanted(f"c{n}", key=f"key-{n}"), run_id="run-1")
        await bench.ledger.reserve(wanted)

    latest = await bench.ledger.of_run("acme", "run-1", limit=20)

    assert [row.action_id for row in latest] == [f"act_c{n}" for n in range(5, 25)]
