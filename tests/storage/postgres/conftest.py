"""A fresh store in a real PostgreSQL for each test."""

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg.rows import DictRow

from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.database import Database
from mcp_router.storage.postgres.decisions import DecisionTable
from tests.storage.postgres.server import connect, fresh_url


@pytest.fixture
def url() -> str:
    return fresh_url()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.aclose()


@pytest.fixture
async def actions(database: Database) -> AsyncIterator[ActionTable]:
    table = ActionTable(database)
    yield table
    await table.aclose()


@pytest.fixture
async def decisions(database: Database) -> AsyncIterator[DecisionTable]:
    table = DecisionTable(database)
    yield table
    await table.aclose()


@pytest.fixture
def admin() -> Iterator[psycopg.Connection[DictRow]]:
    with connect() as connection:
        connection.execute("SET synchronous_commit = local")
        yield connection
