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
from sqlite_utils import Database as Tables

from mcp_router.domain.action import ARROWS, ActionState
from mcp_router.storage.sqlite.schema import migrate, migrations
from mcp_router.storage.store import open_store
from tests.storage.rows import LOG_KEY, action, record, signed_head
from tests.storage.walks import walked

MIGRATIONS = [
    "m001_decisions",
    "m002_actions",
    "m003_nothing_is_replaced",
    "m004_the_ledger_recovers",
    "m005_budgets",
    "m006_estimates",
    "m007_health",
    "m008_stages",
    "m009_alerts",
    "m010_privacy",
    "m011_chain",
]
FORMER_COLUMNS = (
    "tenant, key, action_id, principal, tool, target, strategy, fingerprint, arguments, state, "
    "created_ms, updated_ms, attempts, fence, owner, lease_until_ms, marker, run_id, object_id, "
    "stamp, stamp_settled, ref_id, ref_url, error_code, decided_by"
)
FORMER = (
    f"INSERT INTO actions ({FORMER_COLUMNS}) VALUES ('acme', ?, ?, 'copilot', 'reply', 'zendesk', "
    "'cas_marker', '1:aa', '{}', ?, ?, 2, 0, 1, 'o#1', 3, 'm', 'r', '7', 's', 1, '8', 'u', 'e', "
    "'maya')"
)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A pruned store with a record and its key's event, and one action in each state."""
    store = open_store(f"sqlite:///{tmp_path / 'router.db'}")
    await store.decisions.append(record())
    await store.heads.add_key(LOG_KEY, record("key"))
    [first] = await store.heads.rows(0, 1)
    signed = signed_head(1, first.chain)
    assert await store.heads.add_head(signed)
    await store.heads.prune(signed, record("pruned"))
    assert await store.heads.sweep(9) == 1
    await walked(store.actions, action("expired", created_ms=1), ActionState.EXPIRED)

    for state in set(ActionState) - {ActionState.EXPIRED}:
        await walked(store.actions, replace(action(state), attempts=1), state)

    await store.aclose()
    return tmp_path / "router.db"


@pytest.fixture
def sql(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def dump(connection: sqlite3.Connection) -> list[str]:
    return list(connection.iterdump())


OPEN = "UPDATE actions SET {} WHERE key = 'key-unknown'"
DONE = "UPDATE actions SET {} WHERE key = 'key-succeeded'"
TOMB = "state = 'expired', arguments = '', write = '', answer = NULL"
COLUMNS = (
    "tenant, key, action_id, principal, tool, target, strategy, fingerprint, state, created_ms, "
    "updated_ms, attempts, fence, owner, lease_until_ms, marker, sent_boot, sent_ms, arguments, "
    "write"
)

REFUSED = [
    "UPDATE decisions SET outcome = 'ok'",
    "UPDATE decisions SET record = '{}' WHERE seq = 2",
    "DELETE FROM decisions",
    "INSERT OR REPLACE INTO decisions SELECT * FROM decisions",
    "REPLACE INTO decisions SELECT 99, decision_id, 0, 't', 't', 'x', '', '', '', '', '', '', "
    "'', '', 0, 0, '{}', leaf, chain FROM decisions",
    *(
        "INSERT INTO decisions SELECT " + place + ", 'new', 0, 't', 't', 'x', '', '', '', '', '', "
        "'', '', '', 0, 0, '{}', " + links + " FROM decisions WHERE seq = 2"
        for place, links in (
            ("5", "leaf, chain"),
            ("NULL", "leaf, chain"),
            ("4", "leaf, NULL"),
            ("4", "x'00', chain"),
            ("4", "hex(leaf), chain"),
        )
    ),
    "DELETE FROM decisions WHERE seq = 2",
    "UPDATE decisions SET chain = leaf",
    "UPDATE tree_heads SET signature = ''",
    "DELETE FROM tree_heads",
    "INSERT OR REPLACE INTO tree_heads SELECT * FROM tree_heads",
    *(
        f"INSERT INTO tree_heads SELECT {size}, {previous}, root, {chain}, 0, key_id, '', '', '' "
        "FROM tree_heads"
        for size, previous, chain in (
            (2, 1, "chain"),
            (4, 1, "chain"),
            (2, 0, "(SELECT lower(hex(chain)) FROM decisions WHERE seq = 2)"),
            (1, 1, "chain"),
        )
    ),
    "UPDATE log_keys SET public_key = ''",
    "DELETE FROM log_keys",
    "INSERT OR REPLACE INTO log_keys SELECT key_id, 'other', 0, NULL, NULL, NULL FROM log_keys",
    "INSERT INTO prunings VALUES (2, 0)",
    "INSERT INTO prunings VALUES (0, 0)",
    "UPDATE prunings SET size = 2",
    "DELETE FROM prunings",
    "INSERT OR REPLACE INTO prunings VALUES (1, 9)",
    "UPDATE action_events SET state = 'failed'",
    "DELETE FROM action_events",
    "INSERT OR REPLACE INTO action_events SELECT * FROM action_events",
    "DELETE FROM actions",
    "DELETE FROM actions WHERE state = 'reserved'",
    *(
        OPEN.format(change)
        for change in (
            "place = 99",
            "rowid = 99",
            "tenant = 'x'",
            "key = 'x'",
            "action_id = 'x'",
            "principal = 'x'",
            "tool = 'x'",
            "fingerprint = 'x'",
            "arguments = 'x'",
            "arguments = ''",
            "write = 'x'",
            "created_ms = 1",
            "marker = 'x'",
            "run_id = 'x'",
            "object_id = NULL",
            "fence = fence - 1",
            "attempts = attempts - 1",
            "answer = 'x'",
            "sent_ms = sent_ms + 1",
            "sent_ms = NULL",
            "sent_boot = 'x'",
            "state = 'reserved'",
            "state = 'sent'",
            "state = NULL",
            TOMB,
        )
    ),
    *(
        DONE.format(change)
        for change in (
            "state = 'sending'",
            "place = 99",
            "target = 'x'",
            "strategy = 'x'",
            "updated_ms = 1",
            "attempts = 5",
            "fence = fence + 1",
            "owner = 'x'",
            "lease_until_ms = 1",
            "stamp = 'x'",
            "stamp_settled = 1",
            "ref_id = 'x'",
            "ref_url = 'x'",
            "error_code = 'x'",
            "decided_by = 'x'",
            "sent_boot = 'x'",
            "sent_ms = 1",
            "touched_ms = 1",
            "arguments = ''",
            "write = 'x'",
            "answer = 'x'",
            "answer = NULL",
            "state = 'expired'",
            "state = 'expired', arguments = '', write = 'x', answer = NULL",
            "state = 'expired', arguments = '', write = ''",
            f"{TOMB}, ref_id = 'x'",
            f"{TOMB}, fence = 9",
            f"{TOMB}, lease_until_ms = 9",
            f"{TOMB}, sent_ms = 9",
        )
    ),
    "UPDATE actions SET answer = 'x' WHERE key = 'key-failed'",
    "UPDATE actions SET state = 'reserved' WHERE key = 'key-failed'",
    "UPDATE actions SET ref_id = 'x' WHERE key = 'key-expired'",
    "UPDATE actions SET lease_until_ms = 9 WHERE key = 'key-expired'",
    "UPDATE actions SET arguments = 'x' WHERE key = 'key-expired'",
    "UPDATE actions SET state = 'sending', sent_ms = NULL WHERE key = 'key-reserved'",
    "UPDATE actions SET ref_id = 'x' WHERE key = 'key-needs_human'",
    "UPDATE actions SET attempts = 2 WHERE key = 'key-sending'",
    *(
        f"UPDATE OR {how} actions SET fence = 0 WHERE state = 'unknown'"
        for how in ("IGNORE", "REPLACE", "FAIL", "ABORT")
    ),
    "UPDATE OR REPLACE actions SET key = 'key-failed' WHERE state = 'reserved'",
    "UPDATE OR REPLACE actions SET place = 1 WHERE state = 'reserved'",
    "INSERT OR REPLACE INTO actions SELECT * FROM actions WHERE state = 'sending'",
    *(
        f"{how} INTO actions ({COLUMNS}) SELECT tenant, {same}, principal, tool, target, "
        "strategy, fingerprint, 'sending', created_ms, updated_ms, attempts, fence, owner, "
        "lease_until_ms, marker, 'b', 1, arguments, write FROM actions WHERE state = 'failed'"
        for how in ("REPLACE", "INSERT", "INSERT OR IGNORE")
        for same in ("key, 'new'", "'new', action_id")
    ),
    f"REPLACE INTO actions (place, {COLUMNS}) SELECT place, tenant, 'new', 'new', principal, tool, "
    "target, strategy, fingerprint, 'sending', created_ms, updated_ms, attempts, fence, owner, "
    "lease_until_ms, marker, 'b', 1, arguments, write FROM actions WHERE state = 'failed'",
    *(
        f"INSERT INTO actions ({COLUMNS}) SELECT tenant, 'new', 'new', principal, tool, target, "
        f"strategy, fingerprint, {begins}, created_ms, updated_ms, attempts, fence, owner, "
        "lease_until_ms, marker, 'b', 1, arguments, write FROM actions WHERE state = 'sending'"
        for begins in ("'unknown'", "'succeeded'", "'expired'", "'reserved'", "NULL")
    ),
    f"INSERT INTO actions ({COLUMNS}) SELECT tenant, 'new', 'new', principal, tool, target, "
    "strategy, fingerprint, 'sending', created_ms, updated_ms, attempts, fence, owner, "
    "lease_until_ms, marker, NULL, NULL, arguments, write FROM actions WHERE state = 'sending'",
]


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_the_database_refuses_to_rewrite_what_happened(
    sql: sqlite3.Connection, recursive: str
) -> None:
    sql.execute(f"PRAGMA recursive_triggers = {recursive}")
    before = dump(sql)

    assert [statement for statement in REFUSED if accepts(sql, statement)] == []
    assert dump(sql) == before


def accepts(connection: sqlite3.Connection, statement: str) -> bool:
    try:
        connection.execute(statement)
    except sqlite3.IntegrityError:
        return False

    return True


def test_the_database_has_the_arrows_of_the_ledger_and_no_others(sql: sqlite3.Connection) -> None:
    def draws(old: ActionState, new: ActionState) -> bool:
        blank = ", arguments = '', write = '', answer = NULL" if new == "expired" else ""
        sql.execute("BEGIN")
        drawn = accepts(
            sql,
            f"UPDATE actions SET state = '{new}', sent_ms = coalesce(sent_ms, 1){blank} "
            f"WHERE key = 'key-{old}'",
        )
        sql.execute("ROLLBACK")
        return drawn

    drawn = {old: frozenset(new for new in ActionState if draws(old, new)) for old in ActionState}

    assert drawn == dict(ARROWS)


@pytest.mark.parametrize("state", ["reserved", "sending", "unknown", "needs_human"])
def test_the_lease_of_what_is_not_decided_is_renewed_without_an_event(
    sql: sqlite3.Connection, state: str
) -> None:
    before = sql.execute("SELECT count(*) FROM action_events").fetchone()

    done = sql.execute("UPDATE actions SET lease_until_ms = 9 WHERE state = ?", (state,))

    assert done.rowcount == 1
    assert sql.execute("SELECT count(*) FROM action_events").fetchone() == before


def test_whoever_moves_an_action_leaves_an_event(sql: sqlite3.Connection) -> None:
    sql.execute(
        f"INSERT INTO actions ({COLUMNS}) SELECT tenant, 'new', 'new', principal, tool, target, "
        "strategy, fingerprint, 'reserved', created_ms, 1, 0, 1, NULL, 0, '', NULL, NULL, '', '' "
        "FROM actions WHERE state = 'sending'"
    )
    sql.execute("UPDATE actions SET fence = 2, updated_ms = 2 WHERE key = 'new'")
    sql.execute(
        "UPDATE actions SET state = 'failed', updated_ms = 3, error_code = 'rejected', "
        "decided_by = 'maya' WHERE key = 'new'"
    )
    sql.execute(f"UPDATE actions SET {TOMB}, updated_ms = 4 WHERE key = 'new'")

    assert sql.execute(
        "SELECT at_ms, state, fence, attempts, detail FROM action_events WHERE action_id = 'new'"
    ).fetchall() == [
        (1, "reserved", 1, 0, None),
        (2, "reserved", 2, 0, None),
        (3, "failed", 2, 0, "maya"),
        (4, "expired", 2, 0, "maya"),
    ]


def test_a_database_of_the_former_version_keeps_its_actions(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "router.db", isolation_level=None)) as old:
        migrations.apply(Tables(old), stop_before="m004_the_ledger_recovers")
        old.execute("BEGIN")

        for place, state in enumerate(ActionState, start=1):
            if state is not ActionState.EXPIRED:
                old.execute(FORMER, (state, f"act_{state}", state, place))

        old.execute("COMMIT")
        before = old.execute(f"SELECT rowid, {FORMER_COLUMNS} FROM actions").fetchall()
        events = old.execute("SELECT * FROM action_events").fetchall()

        migrate(old)

        assert old.execute(f"SELECT place, {FORMER_COLUMNS} FROM actions").fetchall() == before
        assert old.execute("SELECT * FROM action_events").fetchall() == events
        assert old.execute(
            "SELECT state, write, answer, sent_boot, sent_ms, touched_ms FROM actions"
        ).fetchall() == [
            ("reserved", "", None, None, None, None),
            ("sending", "", None, "", 0, None),
            ("unknown", "", None, "", 0, None),
            ("needs_human", "", None, "", 0, None),
            ("succeeded", "", None, "", 0, None),
            ("failed", "", None, "", 0, None),
        ]
        assert not accepts(old, DONE.format("ref_id = 'x'").replace("key-", ""))


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
