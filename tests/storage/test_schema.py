"""What the database itself refuses, whoever asks: SQL by hand included."""

import asyncio
import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from mcp_router.domain.action import ActionState
from mcp_router.storage.sqlite.schema import migrate
from mcp_router.storage.store import open_store
from tests.storage.rows import action, record

MIGRATIONS = ["m001_decisions", "m002_actions", "m003_nothing_is_replaced"]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with one record, and one action in each state."""
    store = open_store(f"sqlite:///{tmp_path / 'router.db'}")
    await store.decisions.append(record())

    for state in ActionState:
        await store.actions.claim(action(state, state=state), lambda row: row)

    await store.aclose()
    return tmp_path / "router.db"


@pytest.fixture
def sql(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def dump(connection: sqlite3.Connection) -> list[str]:
    return list(connection.iterdump())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET outcome = 'ok'",
        "UPDATE decisions SET record = '{}' WHERE seq = 1",
        "DELETE FROM decisions",
        "INSERT OR REPLACE INTO decisions SELECT * FROM decisions",
        "REPLACE INTO decisions SELECT 99, decision_id, 0, 't', 't', 'x', '', '', '', '', '', '', "
        "'', '', 0, 0, '{}' FROM decisions",
        "UPDATE action_events SET state = 'failed'",
        "DELETE FROM action_events",
        "INSERT OR REPLACE INTO action_events SELECT * FROM action_events",
        "DELETE FROM actions",
        "DELETE FROM actions WHERE state = 'reserved'",
        "UPDATE actions SET state = 'sending' WHERE state = 'succeeded'",
        "UPDATE actions SET ref_id = '1' WHERE state = 'succeeded'",
        "UPDATE actions SET state = 'reserved' WHERE state = 'failed'",
        "UPDATE actions SET fence = fence + 1 WHERE state = 'failed'",
        "INSERT OR REPLACE INTO actions SELECT * FROM actions WHERE state = 'failed'",
        "UPDATE OR REPLACE actions SET key = 'key-failed' WHERE state = 'reserved'",
        "UPDATE actions SET fingerprint = '1:bb' WHERE state = 'reserved'",
        "UPDATE actions SET marker = 'x' WHERE state = 'sending'",
        "UPDATE actions SET state = 'sent' WHERE state = 'sending'",
        "UPDATE actions SET state = NULL WHERE state = 'sending'",
    ],
)
def test_the_database_refuses_to_rewrite_what_happened(
    sql: sqlite3.Connection, statement: str
) -> None:
    before = dump(sql)

    with pytest.raises(sqlite3.IntegrityError):
        sql.execute(statement)

    assert dump(sql) == before


@pytest.mark.parametrize("state", ["reserved", "sending", "unknown", "needs_human"])
def test_what_is_not_decided_may_still_change(sql: sqlite3.Connection, state: str) -> None:
    done = sql.execute("UPDATE actions SET fence = fence + 1 WHERE state = ?", (state,))

    assert done.rowcount == 1


def test_migrating_again_changes_nothing(sql: sqlite3.Connection) -> None:
    before = dump(sql)

    migrate(sql)

    assert dump(sql) == before
    applied = [name for (name,) in sql.execute("SELECT name FROM _sqlite_migrations")]
    assert applied == MIGRATIONS


async def test_a_database_that_is_up_to_date_is_opened_while_another_process_writes(
    sql: sqlite3.Connection, path: Path
) -> None:
    sql.execute("BEGIN IMMEDIATE")

    await open_store(f"sqlite:///{path}").aclose()

    sql.execute("ROLLBACK")


async def test_every_change_leaves_an_event_in_its_transaction(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    old = await store.actions.by_id("acme", "act_reserved")
    assert old is not None
    new = replace(old, state=ActionState.SENDING, attempts=1, updated_ms=old.updated_ms + 1)
    assert await store.actions.change(old, new)
    assert not await store.actions.change(old, replace(new, attempts=2))
    await store.aclose()

    with closing(sqlite3.connect(path)) as sql:
        seen = sql.execute(
            "SELECT at_ms - ?, state, fence, attempts FROM action_events WHERE action_id = ?",
            (old.updated_ms, "act_reserved"),
        ).fetchall()

    assert seen == [(0, "reserved", 1, 0), (1, "sending", 1, 1)]


def open_at_once(url: str, barrier: Barrier) -> None:
    barrier.wait(20)
    asyncio.run(open_store(url).aclose())


def test_processes_that_open_a_new_file_at_once_all_get_a_whole_store(tmp_path: Path) -> None:
    # Measured before this was mended: more than half of the processes failed, on the switch to
    # WAL or on a table of migrations that another one had just written.
    spawn = multiprocessing.get_context("forkserver")
    barrier = spawn.Barrier(4)
    url = f"sqlite:///{tmp_path / 'new' / 'router.db'}"
    workers = [spawn.Process(target=open_at_once, args=(url, barrier)) for _ in range(4)]

    for worker in workers:
        worker.start()

    for worker in workers:
        worker.join(40)

    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]

    with closing(sqlite3.connect(tmp_path / "new" / "router.db")) as sql:
        names = [name for (name,) in sql.execute("SELECT name FROM _sqlite_migrations")]

    assert names == MIGRATIONS

    for worker in workers:
        worker.close()
