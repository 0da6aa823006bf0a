"""The database without threads keeps what was committed and nothing of what failed."""

import sqlite3
from pathlib import Path

import pytest

from mcp_router.errors import StorageUnavailable
from mcp_router.storage.sqlite.inline import InlineDatabase


@pytest.fixture
def database() -> InlineDatabase:
    return InlineDatabase(Path("nowhere"))


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COUNT(*) FROM things").fetchone()[0])


async def test_a_job_that_raises_leaves_nothing_behind(database: InlineDatabase) -> None:
    await database.write(lambda connection: connection.execute("CREATE TABLE things (name TEXT)"))

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO things VALUES ('one')")
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        await database.write(half)

    assert await database.read(count) == 0
    database.close()


async def test_what_sqlite_cannot_run_is_the_storages_fault(database: InlineDatabase) -> None:
    with pytest.raises(StorageUnavailable):
        await database.read(count)

    database.close()


async def test_a_closed_database_refuses(database: InlineDatabase) -> None:
    database.close()
    database.close()

    with pytest.raises(StorageUnavailable):
        await database.check()
