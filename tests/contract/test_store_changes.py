"""What every store promises of changes, of finding rows again and of the decision log."""

import asyncio
from dataclasses import replace

import pytest

from mcp_router.audit.log import RecordStore
from mcp_router.domain.action import (
    ARROWS,
    ActionState,
    Precondition,
    Ref,
    Strategy,
)
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import IllegalTransition
from mcp_router.ledger.ledger import ActionStore
from tests.contract.opened import Opened, found
from tests.storage.rows import action, record
from tests.storage.walks import as_it_is, never, timeless, walked

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
