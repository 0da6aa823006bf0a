"""A connection is lost in the worst moment; what is answered is what the database holds."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import DictRow

from mcp_router.domain.action import ActionState
from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.decisions import DecisionTable
from tests.storage.postgres.cable import cable_to
from tests.storage.postgres.commits import (
    commits_that_wait_for_a_standby,
    commits_that_wait_to_begin,
)
from tests.storage.postgres.server import connect, rows, wait_for_backend
from tests.storage.rows import action, record
from tests.storage.walks import as_it_is, never, timeless

KILL = "SELECT pg_terminate_backend(%s, 5000)"


async def killed(admin: psycopg.Connection[DictRow], waiting_for: str) -> None:
    """Kill the session that waits, from another thread: the store goes on meanwhile."""
    condition = "wait_event = 'SyncRep'" if waiting_for == "standby" else "wait_event = 'advisory'"
    pid = await asyncio.to_thread(wait_for_backend, admin, condition)
    await asyncio.to_thread(admin.execute, KILL, (pid,))


async def test_idle_connections_that_died_are_replaced_without_a_word(
    database: Database, actions: ActionTable, admin: psycopg.Connection[DictRow]
) -> None:
    async def job(connection: Connection, again: bool) -> None:
        await connection.execute("SELECT pg_sleep(0.05)")

    await asyncio.gather(*(database.run(job) for _ in range(12)))
    ended = admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'mcp-router'"
    )

    assert len(ended.fetchall()) > 4  # more than one call would try
    assert (await actions.claim(action(), never, 60)).action_id == "act_1"


async def test_a_claim_that_committed_before_its_connection_died_is_known_as_ours(
    actions: ActionTable, admin: psycopg.Connection[DictRow], url: str
) -> None:
    await actions.by_key("acme", "none")  # the tables are there before commits begin to wait

    with commits_that_wait_for_a_standby(admin):
        claim = asyncio.create_task(actions.claim(action(), never, 60))
        await killed(admin, "standby")
        row = await claim

    assert row == await actions.by_key("acme", "key-1")
    assert (row.action_id, row.owner, row.fence) == ("act_1", "boot:1:2#call", 1)
    assert rows(url, "SELECT count(*) FROM action_events") == [(1,)]


async def test_a_claim_that_was_rolled_back_with_its_connection_is_made_again(
    actions: ActionTable, admin: psycopg.Connection[DictRow], url: str
) -> None:
    await actions.by_key("acme", "none")

    with commits_that_wait_to_begin(url, "actions"):
        claim = asyncio.create_task(actions.claim(action(), never, 60))
        await killed(admin, "lock")

    assert (await claim).action_id == "act_1"
    assert rows(url, "SELECT count(*) FROM action_events") == [(1,)]


@pytest.mark.parametrize("moment", ["standby", "lock"])
async def test_a_change_that_lost_its_connection_is_answered_as_it_stands(
    actions: ActionTable, admin: psycopg.Connection[DictRow], url: str, moment: str
) -> None:
    row = await actions.claim(action(), as_it_is, 60)
    sending = replace(row, state=ActionState.SENDING, attempts=1)
    committed = commits_that_wait_for_a_standby(admin)

    with committed if moment == "standby" else commits_that_wait_to_begin(url, "actions"):
        change = asyncio.create_task(actions.change(row, sending))
        await killed(admin, moment)

    assert await change
    assert timeless(await actions.by_key("acme", "key-1")) == timeless(sending)
    assert rows(url, "SELECT state FROM action_events ORDER BY seq") == [
        ("reserved",),
        ("sending",),
    ]


async def test_a_change_that_keeps_the_state_is_not_made_twice(
    actions: ActionTable, admin: psycopg.Connection[DictRow], url: str
) -> None:
    row = await actions.claim(action(), as_it_is, 60)

    with commits_that_wait_for_a_standby(admin):
        change = asyncio.create_task(actions.change(row, replace(row, owner=None)))
        await killed(admin, "standby")

    assert await change
    assert rows(url, "SELECT count(*) FROM action_events") == [(2,)]


async def test_what_is_still_being_committed_when_its_connection_is_cut_is_waited_for(
    admin: psycopg.Connection[DictRow], url: str
) -> None:
    async with cable_to(url) as (cable, through):
        database = Database(through)
        actions, decisions = ActionTable(database), DecisionTable(database)
        row = await actions.claim(action(), as_it_is, 60)
        sending = replace(row, state=ActionState.SENDING, attempts=1)
        done: list[object] = []

        for call in (
            lambda: actions.claim(action("2"), never, 60),
            lambda: actions.change(row, sending),
            lambda: decisions.append(record()),
        ):
            with commits_that_wait_for_a_standby(admin):
                under_way = asyncio.create_task(call())
                await asyncio.to_thread(wait_for_backend, admin, "wait_event = 'SyncRep'")
                cable.cut()
                await asyncio.to_thread(wait_for_backend, admin, "wait_event_type = 'Lock'")

            done.append(await under_way)

        assert done == [await actions.by_key("acme", "key-2"), True, 1]
        assert timeless(await actions.by_key("acme", "key-1")) == timeless(sending)
        await decisions.aclose()
        await database.aclose()

    assert rows(url, "SELECT action_id, state FROM action_events ORDER BY seq") == [
        ("act_1", "reserved"),
        ("act_2", "reserved"),
        ("act_1", "sending"),
    ]


async def test_a_change_that_was_overtaken_after_its_connection_died_has_not_happened(
    actions: ActionTable, admin: psycopg.Connection[DictRow], url: str
) -> None:
    row = await actions.claim(action(), as_it_is, -1)

    with connect(url) as faster, faster.transaction():
        faster.execute("UPDATE actions SET fence = 2, owner = 'faster#1'")
        change = asyncio.create_task(
            actions.change(row, replace(row, state=ActionState.SENDING, attempts=1))
        )
        condition = "wait_event = 'transactionid'"
        pid = await asyncio.to_thread(wait_for_backend, admin, condition)
        await asyncio.to_thread(admin.execute, KILL, (pid,))
        await asyncio.to_thread(wait_for_backend, admin, condition)

    assert not await change
    assert rows(url, "SELECT state, fence FROM actions") == [("reserved", 2)]


@pytest.mark.parametrize("moment", ["standby", "lock"])
async def test_records_whose_connection_died_in_the_commit_are_kept_once(
    decisions: DecisionTable, admin: psycopg.Connection[DictRow], url: str, moment: str
) -> None:
    await decisions.append(record("first"))
    committed = commits_that_wait_for_a_standby(admin)

    with committed if moment == "standby" else commits_that_wait_to_begin(url, "decisions"):
        appends = [asyncio.create_task(decisions.append(record("a")))]
        await killed(admin, moment)

    assert await asyncio.gather(*appends) == [2]
    assert await decisions.append(record("c")) == 3
    assert rows(url, "SELECT seq FROM decisions ORDER BY seq") == [(1,), (2,), (3,)]
