"""What every store promises, the fakes included: the ledger and the log rest on nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mcp_router.audit.log import RecordStore
from mcp_router.domain.action import (
    ARROWS,
    INITIAL,
    Action,
    ActionState,
    Precondition,
    Ref,
    Strategy,
)
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import IllegalTransition, LeaseLost
from mcp_router.ledger.ledger import ActionStore
from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.decisions import DecisionTable
from mcp_router.storage.store import open_store
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryActions, MemoryRecords
from tests.storage.hosts import ManualHost
from tests.storage.postgres.clock import ServerClock
from tests.storage.postgres.server import fresh_url
from tests.storage.rows import action, record
from tests.storage.walks import as_it_is, never, timeless, walked


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A store of one kind; `advance` lets that many seconds pass on its own clock."""

    actions: ActionStore
    records: RecordStore
    advance: Callable[[float], None]


@asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Opened]:
    clock = ManualClock()
    yield Opened(actions=MemoryActions(clock), records=MemoryRecords(), advance=clock.advance)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Opened]:
    host, database = ManualHost(), Database(folder / "router.db")
    yield Opened(
        actions=ActionTable(database, host),
        records=DecisionTable(database),
        advance=host.advance,
    )
    database.close()


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Opened]:
    url = fresh_url()
    store = open_store(url)
    await store.database.check()  # the tables are there from the first use on
    clock = ServerClock(url)
    yield Opened(actions=store.actions, records=store.decisions, advance=clock.advance)
    clock.close()
    await store.aclose()


@pytest.fixture(params=[memory, sqlite, postgres], ids=lambda kind: str(kind.__name__))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    opening: Callable[[Path], AbstractAsyncContextManager[Opened]] = request.param

    async with opening(tmp_path) as opened:
        yield opened


@pytest.fixture
def actions(store: Opened) -> ActionStore:
    return store.actions


@pytest.fixture
def records(store: Opened) -> RecordStore:
    return store.records


async def found(actions: ActionStore, row: Action) -> Action:
    now = await actions.by_key(row.tenant, row.key)
    assert now is not None
    return now


class Asked:
    """A judge that leaves the row as it is and notes whether it was held."""

    def __init__(self) -> None:
        self.held: list[bool] = []

    def __call__(self, row: Action, held: bool) -> Action:
        self.held.append(held)
        return row


def taken(owner: str) -> Callable[[Action, bool], Action]:
    """Return a judge that takes the row over, held or not."""
    return lambda row, held: replace(row, owner=owner, fence=row.fence + 1)


# --- Claiming


@pytest.mark.parametrize("state", sorted(INITIAL))
async def test_a_new_key_is_inserted_and_the_judge_is_not_asked(
    actions: ActionStore, state: ActionState
) -> None:
    wanted = action(state=state)
    got = await actions.claim(wanted, never, 60)

    assert timeless(got) == timeless(wanted)
    assert await actions.by_key("acme", "key-1") == got
    assert await actions.by_id("acme", "act_1") == got


@pytest.mark.parametrize("state", sorted(set(ActionState) - INITIAL))
async def test_no_action_begins_in_the_middle(actions: ActionStore, state: ActionState) -> None:
    with pytest.raises(IllegalTransition):
        await actions.claim(action(state=state), never, 60)

    assert await actions.by_key("acme", "key-1") is None


async def test_every_field_of_an_action_is_kept(actions: ActionStore) -> None:
    full = replace(
        action(run_id="run-1"),
        attempts=2,
        fence=7,
        precondition=Precondition(stamp="2026-11-20T10:00:00Z", settled=True),
        ref=Ref(id="4711", url="https://acme.example/4711"),
        error_code="outcome_unknown",
        decided_by="maya",
        write_json='{"kind":"reply","text":"schöne Grüße"}',
    )
    bare = replace(
        action("2", owner=None),
        object_id=None,
        precondition=Precondition(stamp="s", settled=False),
        ref=Ref(id="1"),
    )
    await actions.claim(full, never, 60)
    await actions.claim(bare, never, 60)

    assert timeless(await actions.by_id("acme", "act_1")) == timeless(full)
    assert timeless(await actions.by_id("acme", "act_2")) == timeless(bare)


async def test_the_judge_sees_the_row_of_the_key_and_its_word_is_written(
    actions: ActionStore,
) -> None:
    first = await actions.claim(action(), never, 60)
    seen: list[tuple[Action, bool]] = []

    def take(row: Action, held: bool) -> Action:
        seen.append((row, held))
        return replace(row, fence=2, owner="new#1")

    got = await actions.claim(action("2", key="key-1"), take, 60)

    assert seen == [(first, True)]
    assert timeless(got) == timeless(replace(action(), fence=2, owner="new#1"))
    assert await actions.by_id("acme", "act_1") == got
    assert await actions.by_id("acme", "act_2") is None


async def test_a_judge_that_leaves_the_row_changes_nothing(store: Opened) -> None:
    first = await store.actions.claim(action(), never, 60)

    assert await store.actions.claim(action("2", key="key-1"), as_it_is, 3600) == first
    assert await store.actions.by_key("acme", "key-1") == first  # its lease included


async def test_what_a_judge_raises_is_raised_and_nothing_is_written(actions: ActionStore) -> None:
    first = await actions.claim(action(), never, 60)

    def refuse(row: Action, held: bool) -> Action:
        raise LeaseLost("not this one")

    with pytest.raises(LeaseLost, match="not this one"):
        await actions.claim(action("2", key="key-1"), refuse, 60)

    assert await actions.by_key("acme", "key-1") == first


async def test_a_judge_may_settle_the_row_with_its_answer(actions: ActionStore) -> None:
    row = await walked(actions, action(), ActionState.UNKNOWN)
    done = replace(
        row, state=ActionState.SUCCEEDED, owner=None, ref=Ref(id="8"), answer_json='{"id":"8"}'
    )

    got = await actions.claim(row, lambda row, held: done, 60)

    assert timeless(got) == timeless(done)
    assert got.lease_until_ms == 0
    assert await found(actions, row) == got


async def test_a_judge_may_only_draw_the_arrows_that_there_are(actions: ActionStore) -> None:
    await actions.claim(action(), never, 60)

    with pytest.raises(IllegalTransition):
        await actions.claim(
            action(), lambda row, held: replace(row, state=ActionState.SUCCEEDED), 60
        )

    assert timeless(await actions.by_key("acme", "key-1")) == timeless(action())


async def test_one_of_many_callers_inserts_the_row_and_all_see_it(actions: ActionStore) -> None:
    wanted = [action(str(n), key="same", owner=f"owner#{n}") for n in range(20)]

    got = await asyncio.gather(*(actions.claim(one, as_it_is, 60) for one in wanted))

    assert len({row.action_id for row in got}) == 1
    assert timeless(got[0]) in map(timeless, wanted)
    assert await actions.by_key("acme", "same") == got[0]


async def test_a_young_twin_stands_for_a_key_that_is_new(actions: ActionStore) -> None:
    async def meets(name: str, twins: tuple[str, ...], since_ms: int) -> str:
        wanted = action(name, key=name)
        return (await actions.claim(wanted, as_it_is, 60, twins=twins, since_ms=since_ms)).key

    await actions.claim(action("old", key="old", created_ms=1000), never, 60)
    await actions.claim(action("young", key="young", created_ms=2000), never, 60)

    assert await meets("a", ("old", "young"), 999) == "old"
    assert await meets("b", ("young", "old"), 999) == "young"
    assert await meets("c", ("old", "young"), 1000) == "young"
    assert await meets("d", ("old", "none"), 1000) == "d"
    assert await meets("old", ("young",), 0) == "old"


# --- Leases


async def test_an_owner_holds_a_row_until_its_lease_ends(store: Opened) -> None:
    asked = Asked()
    await store.actions.claim(action(owner="a#1"), never, 60)
    await store.actions.claim(action("free", owner=None), never, 60)

    await store.actions.claim(action(), asked, 60)
    store.advance(50)
    await store.actions.claim(action(), asked, 60)
    store.advance(20)
    await store.actions.claim(action(), asked, 60)
    await store.actions.claim(action("free"), asked, 60)

    assert asked.held == [True, True, False, False]


async def test_what_a_row_says_of_its_own_lease_counts_for_nothing(store: Opened) -> None:
    asked = Asked()
    await store.actions.claim(action(lease_until_ms=0), never, 60)
    await store.actions.claim(action("2", lease_until_ms=2**52), never, 60)
    store.advance(70)
    await store.actions.claim(action("3", lease_until_ms=0), never, 60)

    for name in ("1", "2", "3"):
        await store.actions.claim(action(name), asked, 60)

    assert asked.held == [False, False, True]


async def test_a_row_that_is_taken_over_has_a_lease_of_its_own(store: Opened) -> None:
    asked = Asked()
    await store.actions.claim(action(owner="a#1"), never, 60)
    store.advance(70)
    await store.actions.claim(action(), taken("b#1"), 60)
    store.advance(50)
    await store.actions.claim(action(), asked, 60)

    assert asked.held == [True]


async def test_a_change_keeps_the_lease_of_its_owner_and_ends_it_without_one(
    store: Opened,
) -> None:
    asked = Asked()
    row = await store.actions.claim(action(), never, 60)
    sending = replace(row, state=ActionState.SENDING, attempts=1, lease_until_ms=7)
    await store.actions.change(row, sending)
    await store.actions.claim(action(), asked, 60)
    reserved = replace(sending, state=ActionState.RESERVED, owner=None)
    await store.actions.change(sending, reserved)
    await store.actions.claim(action(), asked, 60)

    assert asked.held == [True, False]
    assert (await found(store.actions, row)).lease_until_ms == 0


async def test_a_process_renews_its_own_leases_and_no_others(store: Opened) -> None:
    for name, owner in (("1", "a%:1#1"), ("2", "a%:12#1"), ("3", "ab:1#1"), ("4", "b#1")):
        await store.actions.claim(action(name, owner=owner), never, 60)

    await walked(store.actions, action("5", owner="a%:1#2"), ActionState.UNKNOWN)
    await walked(store.actions, action("6", owner="a%:1#3"), ActionState.SUCCEEDED)
    store.advance(50)

    assert await store.actions.renew("a%:1", 60) == 2
    assert await store.actions.renew("nobody", 60) == 0

    store.advance(20)
    asked = Asked()

    for name in ("1", "2", "3", "4", "5"):
        await store.actions.claim(action(name), asked, 60)

    assert asked.held == [True, False, False, False, True]


# --- Changing


@pytest.mark.parametrize("column", ["state", "fence"])
async def test_a_change_needs_the_state_and_the_fence_that_it_was_made_from(
    actions: ActionStore, column: str
) -> None:
    row = await actions.claim(action(), never, 60)
    stale = replace(row, state=ActionState.UNKNOWN) if column == "state" else row
    stale = replace(stale, fence=2) if column == "fence" else stale

    assert not await actions.change(stale, replace(stale, state=ActionState.FAILED))
    assert await actions.by_key("acme", "key-1") == row


async def test_a_change_replaces_what_may_change(actions: ActionStore) -> None:
    row = await walked(actions, action(), ActionState.SENDING)
    new = replace(
        row,
        target="zendesk-2",
        strategy=Strategy.NATIVE_KEY,
        state=ActionState.SUCCEEDED,
        updated_ms=row.updated_ms + 5,
        attempts=2,
        fence=3,
        owner=None,
        precondition=Precondition(stamp="7", settled=False),
        ref=Ref(id="8", url="u"),
        error_code="outcome_unknown",
        decided_by="maya",
        answer_json='{"b":1,"a":"ü"}',
    )

    assert await actions.change(row, new)
    assert timeless(await actions.by_key("acme", "key-1")) == timeless(new)


async def test_one_of_many_changes_from_the_same_row_wins(actions: ActionStore) -> None:
    row = await actions.claim(action(), never, 60)
    targets = [replace(row, fence=2, owner=f"owner#{n}") for n in range(10)]

    won = await asyncio.gather(*(actions.change(row, one) for one in targets))

    assert won.count(True) == 1
    assert await actions.by_key("acme", "key-1") == targets[won.index(True)]


@pytest.mark.parametrize("to", [state for state in ActionState if state != ActionState.EXPIRED])
@pytest.mark.parametrize("state", list(ActionState))
async def test_a_change_is_one_of_the_arrows_or_refused(
    actions: ActionStore, state: ActionState, to: ActionState
) -> None:
    row = await walked(actions, action(), state)
    before = await actions.by_key("acme", "key-1")
    new = replace(row, state=to, fence=2, answer_json=None)

    if to in ARROWS[state]:
        assert await actions.change(row, new)
        assert timeless(await actions.by_key("acme", "key-1")) == timeless(new)
        return

    with pytest.raises(IllegalTransition):
        await actions.change(row, new)

    assert await actions.by_key("acme", "key-1") == before


@pytest.mark.parametrize("down", ["fence", "attempts"])
async def test_what_counts_up_never_goes_down(actions: ActionStore, down: str) -> None:
    wanted = replace(action(), attempts=3, fence=3)
    row = await actions.claim(wanted, never, 60)
    new = replace(row, fence=2) if down == "fence" else replace(row, attempts=2)

    with pytest.raises(IllegalTransition):
        await actions.change(row, new)

    assert await actions.by_key("acme", "key-1") == row


async def test_a_change_of_a_row_that_is_not_there_says_so(actions: ActionStore) -> None:
    assert not await actions.change(action(), replace(action(), fence=2))
    assert await actions.by_key("acme", "key-1") is None


async def test_how_long_ago_it_was_first_sent_is_told_by_the_store(store: Opened) -> None:
    row = await store.actions.claim(action(created_ms=1), never, 60)
    assert row.sent_ago_ms is None
    assert (await found(store.actions, row)).sent_ago_ms is None

    sending = replace(row, state=ActionState.SENDING, attempts=1)
    await store.actions.change(row, sending)
    store.advance(100)
    unknown = replace(sending, state=ActionState.UNKNOWN)
    await store.actions.change(sending, unknown)
    await store.actions.change(unknown, replace(unknown, state=ActionState.SENDING, attempts=2))
    told = (await found(store.actions, row)).sent_ago_ms

    assert told is not None
    assert 100_000 <= told < 130_000


async def test_an_action_that_begins_with_its_send_was_sent_just_now(store: Opened) -> None:
    row = await store.actions.claim(action(state=ActionState.SENDING), never, 60)
    assert row.sent_ago_ms == 0

    store.advance(100)
    got = await store.actions.claim(action(), as_it_is, 60)

    assert got.sent_ago_ms is not None
    assert 100_000 <= got.sent_ago_ms < 130_000


# --- Finding


async def test_tenants_share_keys_but_see_nothing_of_each_other(actions: ActionStore) -> None:
    mine, theirs = action(run_id="r"), action("2", tenant="other", key="key-1", run_id="r")
    await actions.claim(mine, never, 60)
    await actions.claim(theirs, never, 60)

    assert timeless(await actions.by_key("other", "key-1")) == timeless(theirs)
    assert await actions.by_id("other", "act_1") is None
    assert [row.action_id for row in await actions.of_run("other", "r", 10)] == ["act_2"]
    assert timeless(await actions.by_key("acme", "key-1")) == timeless(mine)


async def test_the_actions_of_a_run_come_in_the_order_of_their_reservation(
    actions: ActionStore,
) -> None:
    await actions.claim(action("x", run_id="another"), never, 60)
    await actions.claim(action("y"), never, 60)

    for n in range(4):
        await actions.claim(action(str(n), run_id="r", created_ms=1000 - n), never, 60)

    async def names(run_id: str, limit: int) -> list[str]:
        return [row.action_id for row in await actions.of_run("acme", run_id, limit)]

    assert await names("r", 10) == ["act_0", "act_1", "act_2", "act_3"]
    assert await names("r", 2) == ["act_2", "act_3"]
    assert await names("none", 10) == []


async def test_what_may_have_been_applied_and_nobody_holds_comes_longest_untouched_first(
    store: Opened,
) -> None:
    for name, state, lease_s in (
        ("b", ActionState.UNKNOWN, 1.0),
        ("a", ActionState.SENDING, 1.0),
        ("held", ActionState.UNKNOWN, 3600.0),
        ("reserved", ActionState.RESERVED, 1.0),
        ("person", ActionState.NEEDS_HUMAN, 1.0),
        ("done", ActionState.SUCCEEDED, 1.0),
    ):
        await walked(store.actions, action(name), state, lease_s=lease_s)
        store.advance(2)

    await walked(store.actions, action("free", owner=None), ActionState.UNKNOWN)
    elsewhere = replace(action("far", owner=None), target="salesforce")
    await walked(store.actions, elsewhere, ActionState.UNKNOWN)

    async def names(target: str, limit: int) -> list[str]:
        return [row.action_id for row in await store.actions.unsettled(target, limit, 0)]

    assert await names("zendesk", 10) == ["act_b", "act_a", "act_free"]
    assert await names("zendesk", 1) == ["act_b"]
    assert await names("salesforce", 10) == ["act_far"]
    assert await names("nowhere", 10) == []
    assert await store.actions.counts() == (
        ("salesforce", ActionState.UNKNOWN, 1),
        ("zendesk", ActionState.NEEDS_HUMAN, 1),
        ("zendesk", ActionState.SENDING, 1),
        ("zendesk", ActionState.UNKNOWN, 3),
    )


@pytest.mark.parametrize(
    ("fence", "pause_s"), [(1, 100), (2, 200), (4, 800), (8, 12_800), (99, 12_800)]
)
async def test_a_row_rests_twice_as_long_with_each_owner(
    store: Opened, fence: int, pause_s: float
) -> None:
    wanted = replace(action(owner=None, state=ActionState.SENDING), fence=fence)
    await store.actions.claim(wanted, never, 60)

    store.advance(pause_s - 50)
    assert await store.actions.unsettled("zendesk", 10, 100_000) == ()

    store.advance(50)
    assert [row.fence for row in await store.actions.unsettled("zendesk", 10, 100_000)] == [fence]


async def test_a_renewed_lease_does_not_count_as_a_touch(store: Opened) -> None:
    await store.actions.claim(action(owner="a#1", state=ActionState.SENDING), never, 60)
    store.advance(50)
    await store.actions.renew("a", 60)
    store.advance(70)

    assert len(await store.actions.unsettled("zendesk", 10, 110_000)) == 1


# --- Expiring


async def test_settled_actions_become_tombstones_after_their_time(store: Opened) -> None:
    for name, state in (
        ("done", ActionState.SUCCEEDED),
        ("failed", ActionState.FAILED),
        ("unknown", ActionState.UNKNOWN),
        ("person", ActionState.NEEDS_HUMAN),
        ("reserved", ActionState.RESERVED),
    ):
        wanted = replace(action(name, run_id="r"), write_json="{}", updated_ms=action().updated_ms)
        await walked(store.actions, wanted, state)

    done = await store.actions.by_id("acme", "act_done")
    assert done is not None
    store.advance(100)

    assert await store.actions.expire(200, 10) == 0
    assert await store.actions.expire(50, 1) == 1
    assert await store.actions.expire(50, 10) == 1
    assert await store.actions.expire(50, 10) == 0

    rows = await store.actions.of_run("acme", "r", 10)
    assert [row.state for row in rows] == [
        ActionState.EXPIRED,
        ActionState.EXPIRED,
        ActionState.UNKNOWN,
        ActionState.NEEDS_HUMAN,
        ActionState.RESERVED,
    ]
    assert timeless(rows[0]) == timeless(
        replace(
            done,
            state=ActionState.EXPIRED,
            arguments_json="",
            write_json="",
            answer_json=None,
            updated_ms=rows[0].updated_ms,
        )
    )


# --- The decision log


async def test_records_are_counted_from_one_and_found_within_their_tenant(
    records: RecordStore,
) -> None:
    assert [await records.append(record(name)) for name in ("a", "b", "c")] == [1, 2, 3]
    assert await records.find("acme", "dec_b") == StoredRecord(seq=2, record=record("b"))
    assert await records.find("other", "dec_b") is None
    assert await records.find("acme", "dec_z") is None


async def test_records_appended_together_get_places_without_gaps(records: RecordStore) -> None:
    places = await asyncio.gather(*(records.append(record(str(n))) for n in range(30)))

    assert sorted(places) == list(range(1, 31))
