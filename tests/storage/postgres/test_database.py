"""The database refuses, falls silent, goes away and comes back."""

import asyncio
import os
import sys
from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import DictRow

from mcp_router.domain.action import Action, ActionState
from mcp_router.errors import InvalidSettings, StorageUnavailable
from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.decisions import DecisionTable
from mcp_router.storage.postgres.extra import require_extra
from tests.storage.postgres.commits import (
    commits_that_wait_for_a_standby,
)
from tests.storage.postgres.server import running_server, wait_for_backend
from tests.storage.rows import action, record
from tests.storage.walks import as_it_is


async def test_a_restart_refuses_meanwhile_and_is_over_by_itself(url: str) -> None:
    server = running_server()
    database = Database(url, connections=3, connect_timeout_s=2)
    actions, decisions = ActionTable(database), DecisionTable(database)
    row = await actions.claim(action(), as_it_is, 60)
    await asyncio.to_thread(server.stop)

    try:
        with pytest.raises(StorageUnavailable) as refused:
            await actions.claim(action("2"), as_it_is, 60)

        with pytest.raises(StorageUnavailable):
            await decisions.append(record())
    finally:
        await asyncio.to_thread(server.ensure_postgres_running)

    assert (refused.value.code, refused.value.retryable) == ("storage_unavailable", True)

    assert (await once_it_is_back(actions)).action_id == "act_3"
    assert await actions.by_key("acme", "key-1") == row
    assert await actions.by_key("acme", "key-2") is None
    assert await decisions.append(record()) == 1
    await decisions.aclose()
    await database.aclose()


async def once_it_is_back(actions: ActionTable) -> Action:
    async with asyncio.timeout(15):
        while True:
            try:
                return await actions.claim(action("3"), as_it_is, 60)
            except StorageUnavailable:
                continue


async def test_a_server_that_is_not_there_is_said_at_once_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database("postgresql://maya:hunter2@/nothing?host=/nowhere")

    for _ in range(2):
        with pytest.raises(StorageUnavailable) as caught:
            await database.open()

        assert caught.value.message == "The database cannot be reached."

    assert "/nowhere" in caplog.text
    assert "hunter2" not in caplog.text
    await database.aclose()


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_what_the_server_rolled_back_is_tried_again(database: Database, state: str) -> None:
    tries: list[bool] = []

    async def job(connection: Connection, again: bool) -> str:
        tries.append(again)

        if len(tries) < 3:
            await connection.execute(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$".encode())

        return "done"

    assert await database.run(job) == "done"
    assert tries == [False, False, False]


async def test_but_not_for_ever(database: Database) -> None:
    tries: list[bool] = []

    async def job(connection: Connection, again: bool) -> None:
        tries.append(again)
        await connection.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(StorageUnavailable) as caught:
        await database.run(job)

    assert len(tries) == 4
    assert caught.value.message == "The database cannot be used now (SerializationFailure)."


async def test_a_statement_that_takes_too_long_is_given_up(url: str) -> None:
    database = Database(url, statement_timeout_s=1)

    async def job(connection: Connection, again: bool) -> None:
        await connection.execute("SELECT pg_sleep(20)")

    with pytest.raises(StorageUnavailable) as caught:
        await database.run(job)

    assert caught.value.message == "The database cannot be used now (QueryCanceled)."
    await database.check()
    await database.aclose()


async def test_a_server_that_falls_silent_is_given_up_and_the_outcome_left_open(
    url: str, admin: psycopg.Connection[DictRow]
) -> None:
    database = Database(url, statement_timeout_s=1, connections=1)
    actions = ActionTable(database)
    row = await actions.claim(action(), as_it_is, 60)

    with commits_that_wait_for_a_standby(admin):
        with pytest.raises(StorageUnavailable) as caught:
            await actions.change(row, replace(row, state=ActionState.FAILED, owner=None))

        assert "not known" in caught.value.message

    now = await actions.by_key("acme", "key-1")
    assert now is not None
    assert now.state is ActionState.FAILED
    await database.aclose()


async def test_a_database_that_was_never_used_can_be_closed(url: str) -> None:
    await Database(url).aclose()


async def test_a_disk_that_is_full_is_a_storage_failure(database: Database) -> None:
    async def job(connection: Connection, again: bool) -> None:
        await connection.execute("DO $$ BEGIN RAISE 'secret 4711' USING ERRCODE = '53100'; END $$")

    with pytest.raises(StorageUnavailable) as caught:
        await database.run(job)

    assert caught.value.message == "The database cannot be used now (DiskFull)."
    assert caught.value.__suppress_context__


async def test_every_session_commits_durably_and_reads_what_is_committed(url: str) -> None:
    weak = url + "%20-csynchronous_commit%3Doff%20-cdefault_transaction_isolation%3Dserializable"
    strong = url + "%20-csynchronous_commit%3Dremote_apply"

    async def job(connection: Connection, again: bool) -> tuple[object, ...]:
        found = await connection.execute(
            "SELECT current_setting('synchronous_commit') AS commits, "
            "current_setting('transaction_isolation') AS isolation, "
            "current_setting('statement_timeout') AS timeout"
        )
        row = await found.fetchone()
        return tuple(row.values()) if row else ()

    for one, commits in ((weak, "on"), (strong, "remote_apply")):
        database = Database(one, statement_timeout_s=7)
        assert await database.run(job) == (commits, "read committed", "7s")
        await database.aclose()


async def test_a_caller_that_is_cancelled_gives_its_connection_back(
    url: str, admin: psycopg.Connection[DictRow]
) -> None:
    database = Database(url, connections=1)
    await database.open()

    async def job(connection: Connection, again: bool) -> None:
        await connection.execute("SELECT pg_sleep(20)")

    for _ in range(3):
        caller = asyncio.create_task(database.run(job))
        await asyncio.to_thread(wait_for_backend, admin, "wait_event = 'PgSleep'")
        caller.cancel()
        await asyncio.wait([caller])
        assert caller.cancelled()

    await database.check()
    await database.aclose()


async def test_a_closed_database_refuses(database: Database, actions: ActionTable) -> None:
    await database.open()
    await database.aclose()

    with pytest.raises(StorageUnavailable) as caught:
        await actions.by_key("acme", "key-1")

    assert caught.value.message == "The database is closed."


async def test_a_read_only_server_takes_no_writes_but_answers(
    actions: ActionTable, url: str
) -> None:
    row = await actions.claim(action(), as_it_is, 60)
    database = Database(url + "%20-cdefault_transaction_read_only%3Don")
    readers = ActionTable(database)

    with pytest.raises(StorageUnavailable) as caught:
        await readers.claim(action("2"), as_it_is, 60)

    assert caught.value.message == "The database cannot be used now (ReadOnlySqlTransaction)."
    assert await readers.by_key("acme", "key-1") == row
    await database.aclose()


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(InvalidSettings) as caught:
        Database("postgresql://maya:hunter2@[half/router")

    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("missing", ["psycopg", "psycopg_pool"])
def test_a_missing_driver_is_said_with_the_command_that_installs_it(missing: str) -> None:
    require_extra()

    with pytest.raises(InvalidSettings) as caught:
        require_extra(lambda package: None if package == missing else package)

    assert "mcp-support-router[postgres]" in caught.value.advice


WITHOUT_THE_DRIVER = """
import sys
sys.modules["psycopg"] = None
from mcp_router.errors import InvalidSettings
from mcp_router.storage.store import open_archive, open_store

for opening in (open_store, open_archive):
    try:
        opening("postgresql://db.example/router")
    except InvalidSettings as error:
        print(error.advice)
"""


async def test_everything_else_works_without_the_driver() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WITHOUT_THE_DRIVER,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    out, _ = await child.communicate()

    advice = "Run `pip install 'mcp-support-router[postgres]'` and start again."
    assert out.decode().splitlines() == [advice, advice]
