"""The ledger's table on PostgreSQL: what replicas at one database can rely on."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mcp_router.domain.action import INITIAL, Action, ActionState, Ref
from mcp_router.errors import IllegalTransition, InvalidArguments
from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.database import Database
from tests.storage.postgres.clock import ServerClock
from tests.storage.postgres.server import connect, rows
from tests.storage.rows import action
from tests.storage.walks import as_it_is, never, timeless, walked

RACER = Path(__file__).with_name("racer.py")


@pytest.fixture
async def replicas(url: str) -> AsyncIterator[tuple[ActionTable, ...]]:
    databases = [Database(url, connections=4) for _ in range(3)]
    yield tuple(ActionTable(one) for one in databases)

    for one in databases:
        await one.aclose()


async def test_of_many_replicas_that_race_for_a_key_one_owns_it(
    replicas: tuple[ActionTable, ...], url: str
) -> None:
    for round_number in range(8):
        key = f"key-{round_number}"
        wanted = [action(f"{key}-{n}", key=key, owner=f"process-{n % 3}#{n}") for n in range(12)]

        got = await asyncio.gather(
            *(replicas[n % 3].claim(one, as_it_is, 60) for n, one in enumerate(wanted))
        )

        assert len({row.action_id for row in got}) == 1
        assert len({row.owner for row in got}) == 1

    assert rows(url, "SELECT count(*) FROM action_events") == [(8,)]


async def test_of_many_processes_that_race_for_keys_each_key_has_one_owner(
    database: Database, url: str
) -> None:
    await database.open()
    racers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            str(RACER),
            url,
            name,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in ("one", "two", "three")
    ]
    heard = [json.loads((await racer.communicate())[0]) for racer in racers]

    owners = {str(row[0]): row[1] for row in rows(url, "SELECT key, owner FROM actions")}
    assert len(owners) == 60
    assert heard == [owners, owners, owners]
    assert rows(url, "SELECT count(*), max(fence) FROM action_events") == [(60, 1)]


async def test_replicas_that_race_for_twins_make_one_action(
    replicas: tuple[ActionTable, ...], url: str
) -> None:
    for round_number in range(8):
        keys = [f"{round_number}-{edge}" for edge in ("before", "after")]

        got = await asyncio.gather(
            *(
                replicas[n % 3].claim(
                    action(f"{round_number}-{n}", key=keys[n % 2], owner=f"process#{n}"),
                    as_it_is,
                    60,
                    twins=("nobody's", keys[1 - n % 2]),
                )
                for n in range(12)
            )
        )

        assert len({row.action_id for row in got}) == 1

    assert rows(url, "SELECT count(*) FROM actions") == [(8,)]


async def test_one_of_many_takes_over_what_nobody_holds(
    replicas: tuple[ActionTable, ...],
) -> None:
    def take(n: int, row: Action, held: bool) -> Action:
        return row if held else replace(row, owner=f"new#{n}", fence=row.fence + 1)

    await replicas[0].claim(action(owner="gone#1"), as_it_is, -1)

    got = await asyncio.gather(
        *(replicas[n % 3].claim(action(), partial(take, n), 60) for n in range(12))
    )

    assert len({row.owner for row in got}) == 1
    assert {row.fence for row in got} == {2}


async def test_the_databases_clock_alone_says_whether_an_owner_holds_on(
    actions: ActionTable,
) -> None:
    heard: list[bool] = []

    def hear(row: Action, held: bool) -> Action:
        heard.append(held)
        return row

    # What the rows themselves say of their lease is another machine's word: it counts for nothing.
    await actions.claim(action("held", lease_until_ms=0), as_it_is, 60)
    await actions.claim(action("past", lease_until_ms=2**52), as_it_is, -1)
    await actions.claim(action("free", lease_until_ms=2**52, owner=None), as_it_is, 60)

    for name in ("held", "past", "free"):
        await actions.claim(action(name), hear, 60)

    assert heard == [True, False, False]


async def test_a_lease_is_counted_from_the_databases_now(actions: ActionTable, url: str) -> None:
    row = await actions.claim(action(), as_it_is, 60)

    assert await actions.by_key("acme", "key-1") == row
    left = rows(url, "SELECT lease_until_ms - mcp_router_now_ms() FROM actions")[0][0]
    assert isinstance(left, int)
    assert 50_000 < left <= 60_000


async def test_an_action_may_begin_with_its_send_on_disk_in_one_commit(
    actions: ActionTable, url: str
) -> None:
    wanted = replace(
        action(state=ActionState.SENDING), attempts=1, write_json='{"kind":"reply","body":"ü"}'
    )

    row = await actions.claim(wanted, never, 60)

    assert row == replace(wanted, lease_until_ms=row.lease_until_ms, sent_ago_ms=0)
    assert rows(url, "SELECT state, attempts FROM action_events") == [("sending", 1)]
    assert timeless(await actions.by_key("acme", "key-1")) == timeless(wanted)


@pytest.mark.parametrize("state", sorted(set(ActionState) - INITIAL))
async def test_no_action_begins_in_the_middle(
    actions: ActionTable, state: ActionState, url: str
) -> None:
    good, bad, other = await asyncio.gather(
        actions.claim(action("good"), never, 60),
        actions.claim(action("bad", state=state), never, 60),
        actions.claim(action("other"), never, 60),
        return_exceptions=True,
    )

    assert isinstance(bad, IllegalTransition)
    assert rows(url, "SELECT key FROM actions ORDER BY key") == [("key-good",), ("key-other",)]
    assert [getattr(one, "action_id", None) for one in (good, other)] == ["act_good", "act_other"]


async def test_an_answer_is_kept_with_the_state_that_it_belongs_to(
    actions: ActionTable, url: str
) -> None:
    answer = '{"b":1,"a":"\\u0000 ü"}'
    row = await walked(actions, action(), ActionState.SENDING)

    with pytest.raises(IllegalTransition):
        await actions.change(row, replace(row, state=ActionState.UNKNOWN, answer_json=answer))

    done = replace(
        row, state=ActionState.SUCCEEDED, owner=None, ref=Ref(id="7"), answer_json=answer
    )
    assert await actions.change(row, done)
    assert timeless(await actions.by_key("acme", "key-1")) == timeless(done)
    assert rows(url, "SELECT count(*) FROM action_events") == [(3,)]


async def test_nobody_can_tell_how_long_ago_it_was_when_the_servers_clock_was_set_back(
    database: Database, actions: ActionTable, url: str
) -> None:
    await database.open()
    clock = ServerClock(url)
    await walked(actions, action(), ActionState.SENDING)
    told: list[int | None] = []

    for seconds in (60, -120, 180):
        clock.advance(seconds)
        row = await actions.by_key("acme", "key-1")
        assert row is not None
        told.append(row.sent_ago_ms)

    clock.close()
    assert told == [60_000, None, 120_000]


async def test_a_change_that_the_machine_does_not_know_is_refused(actions: ActionTable) -> None:
    row = await actions.claim(action(), as_it_is, 60)

    with pytest.raises(IllegalTransition) as caught:
        await actions.change(row, replace(row, state=ActionState.SUCCEEDED))

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert await actions.by_key("acme", "key-1") == row


@pytest.mark.parametrize("key", ["half \ud800", "nul \0"])
async def test_what_cannot_be_stored_is_the_callers_fault(actions: ActionTable, key: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await actions.claim(action(key=key), as_it_is, 60)

    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("meanwhile", "owner", "fence"),
    [("fence = 2, owner = 'fast#1',", "fast#1", 2), ("", "gone#1", 1)],
    ids=["taken by another", "renewed by its owner"],
)
async def test_a_judge_is_asked_again_when_the_row_moves_under_it(
    actions: ActionTable, url: str, meanwhile: str, owner: str, fence: int
) -> None:
    await actions.claim(action(owner="gone#1"), as_it_is, -1)
    seen: list[tuple[str | None, int, bool]] = []

    def slow(row: Action, held: bool) -> Action:
        seen.append((row.owner, row.fence, held))

        if len(seen) == 1:
            lease = "lease_until_ms = mcp_router_now_ms() + 60000"

            with connect(url) as other:
                other.execute(f"UPDATE actions SET {meanwhile} {lease}".encode())

        return row if held else replace(row, owner="slow#1", fence=row.fence + 1)

    row = await actions.claim(action(), slow, 60)

    assert seen == [("gone#1", 1, False), (owner, fence, True)]
    assert (row.owner, row.fence) == (owner, fence)
