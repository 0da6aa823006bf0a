"""The database goes away, comes back, and loses connections in the worst moment."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import DictRow

from mcp_router.domain.action import Action, ActionState
from mcp_router.errors import InvalidSettings, StorageUnavailable
from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.decisions import DecisionTable
from mcp_router.storage.postgres.extra import require_extra
from tests.storage.postgres.server import connect, rows, running_server, wait_for_backend
from tests.storage.postgres.test_actions import as_it_is
from tests.storage.rows import action, record

KILL = "SELECT pg_terminate_backend(%s, 5000)"


def never(row: Action, held: bool) -> Action:
    raise AssertionError(row)


@pytest.fixture
def admin() -> Iterator[psycopg.Connection[DictRow]]:
    with connect() as connection:
        connection.execute("SET synchronous_commit = local")
        yield connection


@contextmanager
def commits_that_wait_for_a_standby(admin: psycopg.Connection[DictRow]) -> Iterator[None]:
    """Within the block a commit is on disk, and then waits for an answer that never comes."""
    admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    admin.execute("SELECT pg_reload_conf()")

    try:
        wait_until_commits_wait(admin)
        yield
    finally:
        admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        admin.execute("SELECT pg_reload_conf()")


def wait_until_commits_wait(admin: psycopg.Connection[DictRow]) -> None:
    """Commit until one waits: the server takes its settings up in a while, and tells nobody."""
    given_up: list[errors.Diagnostic] = []

    with connect() as probe, ThreadPoolExecutor(max_workers=1) as thread:
        probe.add_notice_handler(given_up.append)

        def commit() -> None:
            while not given_up:
                probe.execute("SELECT pg_logical_emit_message(true, 'test', '')")

        committing = thread.submit(commit)

        while not committing.done():
            admin.execute(
                "SELECT pg_cancel_backend(pid), pg_sleep(0.005) FROM pg_stat_activity "
                "WHERE pid = %s AND wait_event = 'SyncRep'",
                (probe.info.backend_pid,),
            )

        committing.result()


@contextmanager
def commits_that_wait_to_begin(url: str, table: str) -> Iterator[None]:
    """Within the block a commit is asked for, and then waits before it does anything."""
    with connect(url) as connection:
        connection.execute(
            f"""
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $body$
            BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $body$;
            CREATE CONSTRAINT TRIGGER wait AFTER INSERT OR UPDATE ON {table}
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
            """.encode()
        )
        connection.execute("SELECT pg_advisory_lock(42)")
        yield
        connection.execute("SELECT pg_advisory_unlock(42)")


async def killed(admin: psycopg.Connection[DictRow], waiting_for: str) -> None:
    """Kill the session that waits, from another thread: the store goes on meanwhile."""
    condition = "wait_event = 'SyncRep'" if waiting_for == "standby" else "wait_event = 'advisory'"
    pid = await asyncio.to_thread(wait_for_backend, admin, condition)
    await asyncio.to_thread(admin.execute, KILL, (pid,))


async def test_an_idle_connection_that_died_is_replaced_without_a_word(
    actions: ActionTable, admin: psycopg.Connection[DictRow]
) -> None:
    await asyncio.gather(*(actions.claim(action(str(n)), as_it_is, 60) for n in range(8)))
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'mcp-router'"
    )

    got = await asyncio.gather(*(actions.claim(action(str(n)), never, 60) for n in range(8, 16)))

    assert [row.action_id for row in got] == [f"act_{n}" for n in range(8, 16)]


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
    assert await actions.by_key("acme", "key-1") == sending
    assert rows(url, "SELECT state FROM action_events ORDER BY seq") == [
        ("reserved",),
        ("sending",),
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


async def test_a_restart_refuses_meanwhile_and_is_over_by_itself(url: str) -> None:
    server = running_server()
    database = Database(url, connections=3, connect_timeout_s=0.3)
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


async def test_a_server_that_is_not_there_is_said_within_the_time_that_was_given() -> None:
    database = Database("postgresql://nobody@/nothing?host=/nowhere", connect_timeout_s=0.05)

    with pytest.raises(StorageUnavailable) as caught:
        await database.open()

    assert caught.value.message == "The database cannot be used now (PoolTimeout)."
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
    database = Database(url, statement_timeout_s=0.05)

    async def job(connection: Connection, again: bool) -> None:
        await connection.execute("SELECT pg_sleep(20)")

    with pytest.raises(StorageUnavailable) as caught:
        await database.run(job)

    assert caught.value.message == "The database cannot be used now (QueryCanceled)."
    await database.check()
    await database.aclose()


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
