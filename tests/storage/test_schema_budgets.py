"""What the database itself refuses of budgets and lessons, whoever asks."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mcp_router.domain.learning import Lesson, LessonKind
from mcp_router.storage.store import open_store
from tests.contract.test_budgets import MONTH, TICKET, hold

REFUSED = [
    "DELETE FROM budget_accounts",
    "DELETE FROM budget_accounts WHERE scope = 'ticket'",
    "UPDATE budget_accounts SET tenant = 'x'",
    "UPDATE budget_accounts SET scope = 'x'",
    "UPDATE budget_accounts SET key = 'x'",
    "UPDATE budget_accounts SET spent_microusd = -1",
    "UPDATE budget_accounts SET held_microusd = held_microusd - 41",
    "UPDATE budget_accounts SET spent_microusd = NULL",
    "INSERT INTO budget_accounts SELECT * FROM budget_accounts",
    "UPDATE budget_holds SET hold_id = 'x'",
    "UPDATE budget_holds SET tenant = 'x'",
    "UPDATE budget_holds SET accounts = '[]'",
    "UPDATE budget_holds SET amount_microusd = amount_microusd - 1",
    "UPDATE budget_holds SET lapsed = 2",
    "INSERT INTO budget_holds SELECT * FROM budget_holds",
    "UPDATE lessons SET kind = 'csat'",
    "DELETE FROM lessons",
    "INSERT INTO lessons SELECT * FROM lessons",
    "UPDATE estimates SET successes = -1",
    "UPDATE estimates SET failures = NULL",
]


@pytest.fixture
async def sql(tmp_path: Path) -> sqlite3.Connection:
    store = open_store(f"sqlite:///{tmp_path / 'router.db'}")
    await store.budgets.hold(hold("1", 40, TICKET, MONTH))
    lesson = Lesson(
        decision_id="dec_1",
        policy="support",
        intent="refund",
        target="small",
        kind=LessonKind.SERVED,
        reward=0.75,
    )
    await store.estimates.learn([lesson], 0)
    await store.aclose()
    return sqlite3.connect(tmp_path / "router.db", isolation_level=None)


def is_accepted(connection: sqlite3.Connection, statement: str) -> bool:
    try:
        connection.execute(statement)
    except sqlite3.IntegrityError:
        return False

    return True


def test_sql_typed_by_hand_cannot_break_a_promise(sql: sqlite3.Connection) -> None:
    with closing(sql):
        before = list(sql.iterdump())

        assert [statement for statement in REFUSED if is_accepted(sql, statement)] == []
        assert list(sql.iterdump()) == before
