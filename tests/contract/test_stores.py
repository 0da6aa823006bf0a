"""What every store promises, the fakes included: the ledger and the log rest on nothing else."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from mcp_router.domain.action import (
    INITIAL,
    Action,
    ActionState,
    Precondition,
    Ref,
)
from mcp_router.errors import IllegalTransition, LeaseLost
from mcp_router.ledger.ledger import ActionStore
from tests.contract.opened import Opened, found
from tests.storage.rows import action, record
from tests.storage.walks import as_it_is, never, timeless, walked


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


async def test_an_event_of_a_claim_is_in_the_log_if_the_claim_is(store: Opened) -> None:
    event = record("verdict", tool="audit")
    await store.actions.claim(action(), never, 60, event=event)

    [kept] = await store.heads.rows(0, 10)
    assert await store.records.find("acme", event.decision_id) is not None

    def refuse(row: Action, held: bool) -> Action:
        raise LeaseLost("not this one")

    with pytest.raises(LeaseLost):
        await store.actions.claim(action(), refuse, 60, event=record("refused"))

    await store.actions.claim(action(), taken("b#1"), 60, event=record("second"))
    second = await found(store.actions, action())
    assert (second.owner, second.fence) == ("b#1", 2)
    assert [row.seq for row in await store.heads.rows(0, 10)] == [kept.seq, kept.seq + 1]
    assert await store.records.find("acme", "dec_refused") is None


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
