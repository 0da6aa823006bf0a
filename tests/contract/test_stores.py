"""What every store promises, the fakes included: the ledger and the log rest on nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.audit.log import RecordStore
from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import IllegalTransition
from mcp_router.ledger.ledger import ActionStore
from mcp_router.storage.store import open_store
from mcp_router.testing.stores import MemoryActions, MemoryRecords
from tests.storage.rows import action, record

TERMINAL = [ActionState.SUCCEEDED, ActionState.FAILED]


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[tuple[ActionStore, RecordStore]]:
    if kind == "memory":
        yield MemoryActions(), MemoryRecords()
        return

    store = open_store(f"sqlite:///{folder / 'router.db'}")

    try:
        yield store.actions, store.decisions
    finally:
        store.close()


@pytest.fixture(params=["sqlite", "memory"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[ActionStore, RecordStore]]:
    with opened(str(request.param), tmp_path) as both:
        yield both


@pytest.fixture
def actions(stores: tuple[ActionStore, RecordStore]) -> ActionStore:
    return stores[0]


@pytest.fixture
def records(stores: tuple[ActionStore, RecordStore]) -> RecordStore:
    return stores[1]


def as_it_is(row: Action) -> Action:
    return row


async def test_a_new_key_is_inserted_and_the_judge_is_not_asked(actions: ActionStore) -> None:
    def never(row: Action) -> Action:
        raise AssertionError(row)

    assert await actions.claim(action(), never) == action()
    assert await actions.by_key("acme", "key-1") == action()
    assert await actions.by_id("acme", "act_1") == action()


async def test_every_field_of_an_action_is_kept(actions: ActionStore) -> None:
    full = replace(
        action(run_id="run-1"),
        attempts=2,
        fence=7,
        precondition=Precondition(stamp="2026-11-20T10:00:00Z", settled=True),
        ref=Ref(id="4711", url="https://acme.example/4711"),
        error_code="outcome_unknown",
        decided_by="maya",
    )
    bare = replace(
        action("2", owner=None),
        object_id=None,
        precondition=Precondition(stamp="s", settled=False),
        ref=Ref(id="1"),
    )
    await actions.claim(full, as_it_is)
    await actions.claim(bare, as_it_is)

    assert await actions.by_id("acme", "act_1") == full
    assert await actions.by_id("acme", "act_2") == bare


async def test_the_judge_sees_the_row_of_the_key_and_its_word_is_written(
    actions: ActionStore,
) -> None:
    await actions.claim(action(), as_it_is)
    seen: list[Action] = []

    def take(row: Action) -> Action:
        seen.append(row)
        return replace(row, fence=2, owner="new")

    taken = await actions.claim(action("2", key="key-1"), take)

    assert seen == [action()]
    assert taken == replace(action(), fence=2, owner="new")
    assert await actions.by_id("acme", "act_1") == taken
    assert await actions.by_id("acme", "act_2") is None


async def test_a_judge_that_leaves_the_row_changes_nothing(actions: ActionStore) -> None:
    await actions.claim(action(), as_it_is)

    assert await actions.claim(action("2", key="key-1"), as_it_is) == action()
    assert await actions.by_key("acme", "key-1") == action()


async def test_one_of_many_callers_inserts_the_row_and_all_see_it(actions: ActionStore) -> None:
    wanted = [action(str(n), key="same", owner=f"owner-{n}") for n in range(20)]

    got = await asyncio.gather(*(actions.claim(one, as_it_is) for one in wanted))

    assert len(set(got)) == 1
    assert got[0] in wanted
    assert await actions.by_key("acme", "same") == got[0]


@pytest.mark.parametrize("column", ["state", "fence"])
async def test_a_change_needs_the_state_and_the_fence_that_it_was_made_from(
    actions: ActionStore, column: str
) -> None:
    await actions.claim(action(), as_it_is)
    stale = replace(action(), state=ActionState.UNKNOWN) if column == "state" else action()
    stale = replace(stale, fence=2) if column == "fence" else stale

    assert not await actions.change(stale, replace(stale, state=ActionState.FAILED))
    assert await actions.by_key("acme", "key-1") == action()


async def test_a_change_replaces_what_may_change(actions: ActionStore) -> None:
    await actions.claim(action(), as_it_is)
    new = replace(
        action(),
        target="zendesk-2",
        strategy=Strategy.NATIVE_KEY,
        state=ActionState.UNKNOWN,
        updated_ms=action().updated_ms + 5,
        attempts=1,
        fence=2,
        owner=None,
        lease_until_ms=0,
        precondition=Precondition(stamp="7", settled=False),
        ref=Ref(id="8", url="u"),
        error_code="outcome_unknown",
        decided_by="maya",
    )

    assert await actions.change(action(), new)
    assert await actions.by_key("acme", "key-1") == new


async def test_one_of_many_changes_from_the_same_row_wins(actions: ActionStore) -> None:
    await actions.claim(action(), as_it_is)
    targets = [replace(action(), fence=2, owner=f"owner-{n}") for n in range(10)]

    won = await asyncio.gather(*(actions.change(action(), one) for one in targets))

    assert won.count(True) == 1
    assert await actions.by_key("acme", "key-1") == targets[won.index(True)]


@pytest.mark.parametrize("state", TERMINAL)
@pytest.mark.parametrize("to", list(ActionState))
async def test_a_terminal_row_never_changes(
    actions: ActionStore, state: ActionState, to: ActionState
) -> None:
    done = action(state=state)
    await actions.claim(done, as_it_is)

    with pytest.raises(IllegalTransition):
        await actions.change(done, replace(done, state=to, error_code="other"))

    assert await actions.by_key("acme", "key-1") == done


async def test_a_change_of_a_row_that_is_not_there_says_so(actions: ActionStore) -> None:
    assert not await actions.change(action(), replace(action(), fence=2))
    assert await actions.by_key("acme", "key-1") is None


async def test_tenants_share_keys_but_see_nothing_of_each_other(actions: ActionStore) -> None:
    mine, theirs = action(run_id="r"), action("2", tenant="other", key="key-1", run_id="r")
    await actions.claim(mine, as_it_is)

    assert await actions.claim(theirs, as_it_is) == theirs
    assert await actions.by_key("other", "key-1") == theirs
    assert await actions.by_id("other", "act_1") is None
    assert await actions.of_run("other", "r", 10) == (theirs,)
    assert await actions.by_key("acme", "key-1") == mine


async def test_the_actions_of_a_run_come_in_the_order_of_their_reservation(
    actions: ActionStore,
) -> None:
    ours = [action(str(n), run_id="r", created_ms=1000 - n) for n in range(4)]
    await actions.claim(action("x", run_id="another"), as_it_is)
    await actions.claim(action("y"), as_it_is)

    for one in ours:
        await actions.claim(one, as_it_is)

    assert await actions.of_run("acme", "r", 10) == tuple(ours)
    assert await actions.of_run("acme", "r", 2) == tuple(ours[2:])
    assert await actions.of_run("acme", "none", 10) == ()


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
