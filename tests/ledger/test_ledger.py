"""The ledger over its stores: one owner at a time, and the fence against those who were one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.domain.action import Action, ActionState, Ref, Strategy
from mcp_router.errors import IllegalTransition, LeaseLost, StorageUnavailable, UnknownAction
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.keys import WINDOW_MS
from mcp_router.ledger.ledger import LEASE_MS, ActionStore, Ledger
from mcp_router.storage.store import open_store
from mcp_router.testing.clock import NOON_MS, ManualClock
from mcp_router.testing.stores import MemoryActions
from tests.storage.rows import action

REF = Ref(id="4711")


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ActionStore]:
    if request.param == "memory":
        yield MemoryActions()
        return

    opened = open_store(f"sqlite:///{tmp_path / 'router.db'}")
    yield opened.actions
    await opened.aclose()


class Bench:
    """A ledger whose clock and whose dead are in the hands of the test."""

    def __init__(self, store: ActionStore) -> None:
        self.clock = ManualClock()
        self.dead: set[str] = set()
        self.ledger = Ledger(store, self.clock, lambda owner: owner not in self.dead)

    def wanted(self, caller: str, *, key: str = "key-1") -> Action:
        now_ms = self.clock.now_ms()
        return action(
            caller, key=key, owner=caller, created_ms=now_ms, lease_until_ms=now_ms + LEASE_MS
        )

    async def reserve(self, caller: str) -> tuple[Admission, Action]:
        return await self.ledger.reserve(self.wanted(caller))

    async def send(self, row: Action) -> Action:
        return await self.ledger.sending(
            row, target="zendesk", strategy=Strategy.CAS_MARKER, precondition=None
        )


@pytest.fixture
def bench(store: ActionStore) -> Bench:
    return Bench(store)


async def test_of_many_callers_at_once_one_proceeds_and_the_others_wait(bench: Bench) -> None:
    got = await asyncio.gather(*(bench.reserve(f"caller-{n}") for n in range(32)))

    owners = [row for admission, row in got if admission is Admission.PROCEED]
    assert len(owners) == 1
    assert [one for one in got if one[0] is not Admission.PROCEED] == [
        (Admission.IN_PROGRESS, owners[0])
    ] * 31


async def test_of_many_callers_after_a_crash_one_reconciles(bench: Bench) -> None:
    _, row = await bench.reserve("first")
    await bench.send(row)
    bench.dead.add("first")

    got = await asyncio.gather(*(bench.reserve(f"caller-{n}") for n in range(16)))

    assert sorted(admission for admission, _ in got) == (
        [Admission.IN_PROGRESS] * 15 + [Admission.RECONCILE]
    )
    assert {(one.state, one.fence) for _, one in got} == {(ActionState.UNKNOWN, 2)}


async def test_what_was_only_reserved_is_free_to_send_after_a_crash(bench: Bench) -> None:
    await bench.reserve("first")
    bench.dead.add("first")

    admission, row = await bench.reserve("second")

    assert (admission, row.state, row.fence) == (Admission.PROCEED, ActionState.RESERVED, 2)


async def test_a_slow_holder_that_lost_its_lease_cannot_settle(bench: Bench) -> None:
    _, row = await bench.reserve("slow")
    sending = await bench.send(row)
    bench.clock.advance(LEASE_MS / 1000)
    admission, taken = await bench.reserve("quick")
    assert admission is Admission.RECONCILE

    for settle in (
        bench.ledger.succeeded(sending, REF),
        bench.ledger.failed(sending, "desk_rejected"),
        bench.ledger.released(sending, "desk_unavailable"),
        bench.ledger.held(sending),
        bench.ledger.lost(sending, "outcome_unknown"),
        bench.ledger.let_go(sending),
    ):
        with pytest.raises(LeaseLost):
            await settle

    assert await bench.ledger.get("acme", row.action_id) == taken
    done = await bench.ledger.succeeded(taken, REF)
    assert await bench.ledger.get("acme", row.action_id) == done


async def test_a_slow_holder_that_never_sent_cannot_send_any_more(bench: Bench) -> None:
    _, row = await bench.reserve("slow")
    bench.clock.advance(LEASE_MS / 1000)
    await bench.reserve("quick")

    with pytest.raises(LeaseLost):
        await bench.send(row)


async def test_one_holder_cannot_send_the_same_row_twice(bench: Bench) -> None:
    _, row = await bench.reserve("one")

    got = await asyncio.gather(*(bench.send(row) for _ in range(8)), return_exceptions=True)

    assert [type(one) for one in got].count(Action) == 1
    assert [type(one) for one in got].count(LeaseLost) == 7


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
async def test_a_jump_of_the_wall_clock_never_frees_what_was_sent_to_be_sent_again(
    bench: Bench, jump_s: float
) -> None:
    _, row = await bench.reserve("first")
    await bench.send(row)
    bench.clock.jump(jump_s)

    admission, after = await bench.reserve("second")

    # Forward it may look as if the lease had run out: then the caller may ask, never send.
    assert admission in (Admission.IN_PROGRESS, Admission.RECONCILE)
    assert after.state in (ActionState.SENDING, ActionState.UNKNOWN)


async def test_what_was_let_go_is_the_next_callers_to_ask_about(bench: Bench) -> None:
    _, row = await bench.reserve("first")
    unknown = await bench.ledger.lost(await bench.send(row), "outcome_unknown")
    assert (await bench.reserve("second"))[0] is Admission.IN_PROGRESS

    await bench.ledger.let_go(unknown)

    assert (await bench.reserve("third"))[0] is Admission.RECONCILE


async def test_what_was_released_is_the_next_callers_to_send(bench: Bench) -> None:
    _, row = await bench.reserve("first")
    await bench.ledger.released(await bench.send(row), "desk_unavailable")

    admission, again = await bench.reserve("second")

    assert (admission, again.attempts) == (Admission.PROCEED, 1)


async def test_a_settled_action_is_replayed_and_never_moves_again(bench: Bench) -> None:
    _, row = await bench.reserve("first")
    done = await bench.ledger.succeeded(await bench.send(row), REF)

    assert await bench.reserve("second") == (Admission.REPLAY, done)

    with pytest.raises(IllegalTransition):
        await bench.ledger.failed(done, "x")


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
    _, row = await bench.reserve("first")

    assert await bench.ledger.get("acme", row.action_id) == row

    for tenant, action_id in (("other", row.action_id), ("acme", "act_none")):
        with pytest.raises(UnknownAction):
            await bench.ledger.get(tenant, action_id)


async def test_every_step_leaves_its_event() -> None:
    store = MemoryActions()
    bench = Bench(store)
    _, row = await bench.reserve("first")
    unknown = await bench.ledger.lost(await bench.send(row), "outcome_unknown")
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
    store = MemoryActions()
    bench = Bench(store)
    _, row = await bench.reserve("first")
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
