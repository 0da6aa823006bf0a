"""One open file: durable, read beside its writer, and plain about what is wrong with it."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from mcp_router.errors import StorageUnavailable
from mcp_router.storage.sqlite.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "router.db")
    yield database
    database.close()


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def event(text: str) -> str:
    return (
        "INSERT INTO action_events (action_id, at_ms, state, fence, attempts, detail) "
        f"VALUES ('a', 0, 'reserved', 1, 0, '{text}')"
    )


def details(connection: sqlite3.Connection) -> list[str]:
    return [row["detail"] for row in connection.execute("SELECT detail FROM action_events")]


async def test_commits_are_flushed_to_the_disk(database: Database) -> None:
    assert await database.write(lambda connection: pragma(connection, "synchronous")) == 2
    assert await database.write(lambda connection: pragma(connection, "journal_mode")) == "wal"


async def test_reads_go_on_while_the_writer_is_in_a_transaction(database: Database) -> None:
    inside, done = threading.Event(), threading.Event()

    def job(connection: sqlite3.Connection) -> None:
        connection.execute(event("new"))
        inside.set()
        assert done.wait(10)

    writing = asyncio.create_task(database.write(job))
    assert await asyncio.to_thread(inside.wait, 10)

    assert await asyncio.wait_for(database.read(details), 10) == []

    done.set()
    await writing
    assert await database.read(details) == ["new"]


async def test_a_full_disk_refuses_writes_serves_reads_and_recovers(database: Database) -> None:
    await database.write(lambda connection: connection.execute(event("before")))
    pages = await database.write(lambda connection: pragma(connection, "page_count"))
    await database.write(lambda connection: pragma(connection, f"max_page_count={pages}"))
    large = event("x" * 100_000)

    with pytest.raises(StorageUnavailable, match="SQLITE_FULL") as caught:
        await database.write(lambda connection: connection.execute(large))

    assert caught.value.retryable
    assert await database.read(details) == ["before"]

    await database.write(lambda connection: pragma(connection, "max_page_count=100000"))
    await database.write(lambda connection: connection.execute(event("after")))
    assert await database.read(details) == ["before", "after"]


async def test_without_room_for_last_words_nothing_else_is_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "router.db", reserve_bytes=2**60)

    for write in (lambda connection: connection.execute(event("new")), None):
        with pytest.raises(StorageUnavailable, match="SQLITE_FULL"):
            await (database.write(write) if write else database.check())

    await database.write(lambda connection: connection.execute(event("last")), last=True)
    assert await database.read(details) == ["last"]
    database.close()


async def test_a_locked_file_refuses_writes_until_it_is_free(
    database: Database, tmp_path: Path
) -> None:
    await database.write(lambda connection: pragma(connection, "busy_timeout=20"))

    with closing(sqlite3.connect(tmp_path / "router.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StorageUnavailable, match="SQLITE_BUSY"):
            await database.write(lambda connection: connection.execute(event("lost")))

        other.execute("ROLLBACK")

    await database.write(lambda connection: connection.execute(event("kept")))
    assert await database.read(details) == ["kept"]


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "router.db")
    database.close()

    with pytest.raises(StorageUnavailable, match="closed"):
        await database.write(details)

    with pytest.raises(StorageUnavailable, match="closed"):
        await database.read(details)

    database.close()


def test_closing_leaves_no_thread_and_no_side_files(tmp_path: Path) -> None:
    before = threading.active_count()

    Database(tmp_path / "a" / "b" / "router.db").close()

    assert threading.active_count() == before
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["router.db"]


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough " * 40, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "router.db"
    path.write_bytes(content)

    with pytest.raises(StorageUnavailable, match="SQLITE_NOTADB"):
        Database(path)

    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        Database(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="ascii")

    with pytest.raises(StorageUnavailable):
        Database(tmp_path / "taken" / "router.db")


async def test_a_file_damaged_later_is_storage_unavailable_for_reads_and_writes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "router.db"
    Database(path).close()

    with path.open("r+b") as file:  # page 1 stays whole: the damage shows only on use
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))

    try:
        database = Database(path)
    except StorageUnavailable:
        return

    try:
        with pytest.raises(StorageUnavailable):
            await database.read(details)

        with pytest.raises(StorageUnavailable):
            await database.write(lambda connection: connection.execute(event("x")))
    finally:
        database.close()
