"""The database itself refuses what must not happen, whoever asks; replicas may start together."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow, dict_row

from mcp_router.domain.action import ARROWS, INITIAL, ActionState
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.database import Database
from mcp_router.storage.postgres.decisions import DecisionTable
from mcp_router.storage.postgres.heads import HeadTable
from mcp_router.storage.postgres.schema import MIGRATIONS, Migration, migrate
from tests.storage.postgres.server import connect, rows
from tests.storage.rows import LOG_KEY, action, record, signed_head
from tests.storage.walks import walked

OPEN = "UPDATE actions SET {} WHERE key = 'key-unknown'"
DONE = "UPDATE actions SET {} WHERE key = 'key-succeeded'"
TOMB = "state = 'expired', arguments = '', write = '', answer = NULL"

REFUSED = [
    "DELETE FROM actions",
    "TRUNCATE actions CASCADE",
    *(
        OPEN.format(change)
        for change in (
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
            "place = DEFAULT",
            TOMB,
        )
    ),
    *(
        DONE.format(change)
        for change in (
            "ref_id = 'x'",
            "owner = 'x'",
            "fence = fence + 1",
            "lease_until_ms = 1",
            "updated_ms = 1",
            "error_code = 'x'",
            "decided_by = 'x'",
            "attempts = 5",
            "answer = 'x'",
            "answer = NULL",
            "sent_ms = 1",
            "stored_ms = 1",
            "state = 'expired'",
            "state = 'expired', arguments = '', write = 'x'",
            f"{TOMB}, ref_id = 'x'",
            f"{TOMB}, fence = 9",
        )
    ),
    "UPDATE actions SET answer = 'x' WHERE key = 'key-failed'",
    "UPDATE actions SET ref_id = 'x' WHERE key = 'key-expired'",
    "UPDATE actions SET state = 'sending', sent_ms = NULL WHERE key = 'key-reserved'",
    "UPDATE actions SET ref_id = 'x' WHERE key = 'key-needs_human'",
    "UPDATE actions SET attempts = 2 WHERE key = 'key-sending'",
    "INSERT INTO actions OVERRIDING SYSTEM VALUE SELECT * FROM actions "
    "ON CONFLICT (tenant, key) DO UPDATE SET key = 'x'",
    "UPDATE action_events SET fence = 9",
    "DELETE FROM action_events",
    "TRUNCATE action_events",
    "UPDATE decisions SET tenant = 'x'",
    "DELETE FROM decisions",
    "TRUNCATE decisions",
    "INSERT INTO decisions SELECT * FROM decisions ON CONFLICT (seq) DO UPDATE SET tenant = 'x'",
    "UPDATE decisions_head SET last = last + 1",
    "UPDATE decisions_head SET last = 0",
    "DELETE FROM decisions_head",
    "TRUNCATE decisions_head",
    "INSERT INTO decisions_head (one, last) VALUES (false, 7)",
    "INSERT INTO decisions SELECT (jsonb_populate_record(d, "
    """'{"seq": 9, "decision_id": "gap"}')).* FROM decisions d WHERE seq = 2""",
    "UPDATE decisions_head SET chain = sha256('x')",
    "DELETE FROM decisions WHERE seq = 3",
    "UPDATE tree_heads SET signature = ''",
    "DELETE FROM tree_heads",
    "TRUNCATE tree_heads CASCADE",
    *(
        f"INSERT INTO tree_heads SELECT {size}, {previous}, root, {chain}, 0, key_id, '', '', '' "
        "FROM tree_heads"
        for size, previous, chain in (
            (2, 1, "chain"),
            (9, 1, "chain"),
            (1, 1, "chain"),
            (3, 0, "(SELECT encode(chain, 'hex') FROM decisions WHERE seq = 3)"),
        )
    ),
    "INSERT INTO tree_heads SELECT * FROM tree_heads ON CONFLICT (size) DO UPDATE SET root = ''",
    "UPDATE log_keys SET public_key = ''",
    "DELETE FROM log_keys",
    "TRUNCATE log_keys",
    "INSERT INTO prunings VALUES (2, 0)",
    "INSERT INTO prunings VALUES (1, 9) ON CONFLICT (size) DO UPDATE SET size = 3",
    "UPDATE prunings SET size = 2",
    "DELETE FROM prunings",
    "TRUNCATE prunings",
]


@pytest.fixture
async def filled(actions: ActionTable, decisions: DecisionTable, database: Database) -> None:
    heads = HeadTable(database)
    await walked(actions, action("expired"), ActionState.SUCCEEDED)
    await actions.expire(0, 1)

    for state in set(ActionState) - {ActionState.EXPIRED}:
        await walked(actions, replace(action(state), attempts=1), state)

    await decisions.append(record("1"))
    await decisions.append(record("2"))
    [first] = await heads.rows(0, 1)
    signed = signed_head(1, first.chain)
    assert await heads.add_head(signed)
    assert await heads.add_key(LOG_KEY, record("key"))
    await heads.prune(signed, record("pruned"))
    assert await heads.sweep(9) == 1


@pytest.fixture
def raw(filled: None, url: str) -> Iterator[psycopg.Connection[DictRow]]:
    with connect(url) as connection:
        yield connection


def everything(connection: psycopg.Connection[DictRow]) -> list[DictRow]:
    return [
        row
        for table in (
            b"actions",
            b"action_events",
            b"decisions",
            b"decisions_head",
            b"tree_heads",
            b"log_keys",
            b"prunings",
        )
        for row in connection.execute(b"SELECT * FROM " + table + b" ORDER BY 1").fetchall()
    ]


def is_accepted(connection: psycopg.Connection[DictRow], statement: str) -> bool:
    try:
        connection.execute(statement.encode())
    except errors.IntegrityError:
        return False

    return True


async def test_sql_typed_by_hand_cannot_break_a_promise(
    raw: psycopg.Connection[DictRow],
) -> None:
    before = everything(raw)

    assert [statement for statement in REFUSED if is_accepted(raw, statement)] == []
    assert everything(raw) == before


async def test_the_database_knows_the_arrows_of_the_ledger_and_no_other(
    raw: psycopg.Connection[DictRow],
) -> None:
    found = {
        old: frozenset(new for new in ActionState if has_arrow(raw, old, new))
        for old in ActionState
    }

    assert found == ARROWS


def has_arrow(raw: psycopg.Connection[DictRow], old: ActionState, new: ActionState) -> bool:
    with raw.transaction(force_rollback=True):
        return is_accepted(
            raw,
            f"UPDATE actions SET {TOMB} WHERE key = 'key-{old}'"
            if new is ActionState.EXPIRED and old in (ActionState.SUCCEEDED, ActionState.FAILED)
            else f"UPDATE actions SET state = '{new}', error_code = 'e', answer = NULL, "
            f"sent_ms = coalesce(sent_ms, 1) WHERE key = 'key-{old}'",
        )


async def test_an_action_begins_as_the_ledger_lets_it(raw: psycopg.Connection[DictRow]) -> None:
    def begins(state: ActionState) -> bool:
        fields = f'{{"state": "{state}", "action_id": "new", "key": "new", "place": 99}}'

        with raw.transaction(force_rollback=True):
            return is_accepted(
                raw,
                "INSERT INTO actions OVERRIDING SYSTEM VALUE SELECT "
                f"(jsonb_populate_record(a, '{fields}')).* FROM actions a "
                "WHERE key = 'key-unknown'",
            )

    assert {state for state in ActionState if begins(state)} == INITIAL


async def test_what_is_allowed_by_hand_leaves_its_event(
    raw: psycopg.Connection[DictRow],
) -> None:
    before = len(raw.execute("SELECT FROM action_events").fetchall())
    raw.execute("UPDATE actions SET lease_until_ms = 9 WHERE key = 'key-sending'")
    raw.execute(f"UPDATE actions SET {TOMB} WHERE key = 'key-succeeded'".encode())
    raw.execute(
        "UPDATE actions SET state = 'failed', decided_by = 'maya' WHERE key = 'key-needs_human'"
    )

    events = raw.execute("SELECT action_id, state, detail FROM action_events ORDER BY seq")
    assert [tuple(row.values()) for row in events.fetchall()[before:]] == [
        ("act_succeeded", "expired", None),
        ("act_needs_human", "failed", "maya"),
    ]


async def test_replicas_may_start_on_a_new_database_together(url: str) -> None:
    databases = [Database(url, connections=2) for _ in range(6)]

    await asyncio.gather(*(one.open() for one in databases))

    for one in databases:
        await one.aclose()

    assert rows(url, "SELECT number, name, digest FROM mcp_router_migrations ORDER BY number") == [
        (one.number, one.name, one.digest) for one in MIGRATIONS
    ]


async def connected(url: str) -> AsyncConnection[DictRow]:
    return await AsyncConnection.connect(url, autocommit=True, row_factory=dict_row)


async def test_a_migration_that_fails_leaves_nothing_and_the_next_start_repeats_it(
    url: str,
) -> None:
    good = Migration(number=1, name="good", sql="CREATE TABLE good (n int)")
    bad = Migration(number=2, name="bad", sql="CREATE TABLE bad (n int); SELECT 1/0")
    mended = Migration(number=2, name="mended", sql="CREATE TABLE mended (n int)")

    async with await connected(url) as connection:
        with pytest.raises(errors.DivisionByZero):
            await migrate(connection, (good, bad))

        await migrate(connection, (good, mended))

    assert rows(url, "SELECT to_regclass('bad') AS bad, to_regclass('mended')::text AS kept") == [
        (None, "mended")
    ]
    assert rows(url, "SELECT name FROM mcp_router_migrations ORDER BY number") == [
        ("good",),
        ("mended",),
    ]


@pytest.mark.parametrize(
    "now",
    [
        (Migration(number=1, name="first", sql="SELECT 2"),),
        (),
    ],
    ids=["another text", "an older version"],
)
async def test_a_database_of_another_version_is_not_touched(
    url: str, now: tuple[Migration, ...]
) -> None:
    async with await connected(url) as connection:
        await migrate(connection, (Migration(number=1, name="first", sql="SELECT 1"),))

        with pytest.raises(StorageUnavailable):
            await migrate(connection, now)


async def test_a_database_that_is_up_to_date_is_only_read(database: Database, url: str) -> None:
    await database.open()

    async with await connected(url) as connection:
        await connection.execute("SET default_transaction_read_only = on")
        await migrate(connection)
