"""What PostgreSQL itself refuses of budgets and lessons, whoever asks."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import DictRow

from mcp_router.domain.learning import Lesson, LessonKind
from mcp_router.storage.postgres.budgets import BudgetTable
from mcp_router.storage.postgres.database import Database
from mcp_router.storage.postgres.estimates import EstimateTable
from tests.contract.test_budgets import MONTH, TICKET, hold
from tests.storage.postgres.server import connect
from tests.storage.test_schema_budgets import REFUSED

SQLITE_ONLY = {
    "UPDATE budget_holds SET accounts = '[]'",  # two columns here
    "UPDATE budget_holds SET lapsed = 2",  # a flag has no third value here
}
ALL_REFUSED = [
    *(one for one in REFUSED if one not in SQLITE_ONLY),
    "UPDATE budget_holds SET scopes = '{}'",
    "UPDATE budget_holds SET keys = '{}'",
    "TRUNCATE budget_accounts",
    "TRUNCATE lessons",
]


@pytest.fixture
async def raw(database: Database, url: str) -> AsyncIterator[psycopg.Connection[DictRow]]:
    budgets = BudgetTable(database)
    await budgets.hold(hold("1", 40, TICKET, MONTH))
    await budgets.aclose()
    lesson = Lesson(
        decision_id="dec_1",
        policy="support",
        intent="refund",
        target="small",
        kind=LessonKind.SERVED,
        reward=0.75,
    )
    await EstimateTable(database).learn([lesson], 0)

    with connect(url) as connection:
        yield connection


def everything(connection: psycopg.Connection[DictRow]) -> list[DictRow]:
    return [
        row
        for table in (b"budget_accounts", b"budget_holds", b"lessons", b"estimates")
        for row in connection.execute(b"SELECT * FROM " + table + b" ORDER BY 1, 2").fetchall()
    ]


def is_accepted(connection: psycopg.Connection[DictRow], statement: str) -> bool:
    try:
        connection.execute(statement.encode())
    except errors.IntegrityError:
        return False

    return True


async def test_sql_typed_by_hand_cannot_break_a_promise(raw: psycopg.Connection[DictRow]) -> None:
    before = everything(raw)

    assert [one for one in ALL_REFUSED if is_accepted(raw, one)] == []
    assert everything(raw) == before
