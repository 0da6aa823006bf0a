"""Group commit: what shares a transaction, what fails alone, and who is still answered."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mcp_router.errors import StorageUnavailable
from mcp_router.storage.sqlite.writer import MAX_BATCH, Writer


class Gate:
    """A job that holds the writer's thread until it is opened."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    def job(self, connection: sqlite3.Connection) -> None:
        self._reached.set()
        assert self._open.wait(10)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 10)

    def open(self) -> None:
        self._open.set()


class Traced(sqlite3.Connection):
    """A connection that notes its transactions, and refuses the next `stuck` rollbacks."""

    stuck = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path, isolation_level=None, check_same_thread=False)
        self.seen: list[str] = []
        self.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        if statement in ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"):
            self.seen.append(statement)

    def rollback(self) -> None:
        if self.stuck:
            self.stuck -= 1
            raise sqlite3.OperationalError("disk I/O error")

        super().rollback()


@pytest.fixture
def connection(tmp_path: Path) -> Traced:
    connection = Traced(tmp_path / "w.db")
    connection.execute("CREATE TABLE t (n INTEGER NOT NULL UNIQUE)")
    return connection


@pytest.fixture
async def writer(connection: Traced) -> AsyncIterator[Writer]:
    writer = Writer(connection)
    yield writer
    writer.close()


def put(n: int | None) -> Callable[[sqlite3.Connection], int | None]:
    def job(connection: sqlite3.Connection) -> int | None:
        connection.execute("INSERT INTO t VALUES (?)", (n,))
        return n

    return job


def rows(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY rowid")]


async def behind(writer: Writer, *jobs: Callable[[sqlite3.Connection], object]) -> list[object]:
    """Queue the jobs while the thread is held, so that they form one batch; return their ends."""
    gate = Gate()
    first = asyncio.create_task(writer.run(gate.job))
    await gate.reached()
    tasks = [asyncio.create_task(writer.run(job)) for job in jobs]
    await asyncio.sleep(0)
    gate.open()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_jobs_that_wait_together_share_one_commit(writer: Writer, connection: Traced) -> None:
    assert await behind(writer, *(put(n) for n in range(50))) == list(range(50))
    assert connection.seen == ["BEGIN IMMEDIATE", "COMMIT"] * 2  # the gate's, then all fifty
    assert await writer.run(rows) == list(range(50))


async def test_a_batch_has_a_limit_and_the_rest_follows(writer: Writer, connection: Traced) -> None:
    await behind(writer, *(put(n) for n in range(MAX_BATCH + 1)))

    assert connection.seen.count("COMMIT") == 3
    assert await writer.run(rows) == list(range(MAX_BATCH + 1))


async def test_a_job_that_fails_is_rolled_back_alone(writer: Writer) -> None:
    def writes_then_fails(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (99)")
        raise LookupError("its own fault")

    got = await behind(writer, put(1), writes_then_fails, put(None), put(1), put(2))

    assert [type(one) for one in got] == [
        int,
        LookupError,
        sqlite3.IntegrityError,
        sqlite3.IntegrityError,
        int,
    ]
    assert await writer.run(rows) == [1, 2]


@pytest.mark.parametrize(
    "error",
    [sqlite3.OperationalError("disk I/O error"), sqlite3.DatabaseError("file is malformed")],
)
async def test_a_database_that_fails_fails_the_whole_batch(
    writer: Writer, connection: Traced, error: sqlite3.Error
) -> None:
    def broken(_: sqlite3.Connection) -> None:
        raise error

    got = await behind(writer, put(1), broken, put(2))

    assert [type(one) for one in got] == [StorageUnavailable] * 3
    assert connection.seen[-1] == "ROLLBACK"
    assert await writer.run(rows) == []


class Crowded:
    """A table with room for no more than is in it, until `make_room` gives it some."""

    def __init__(self, connection: Traced, given: int) -> None:
        self._connection = connection
        self._given = given
        self.asked = 0
        self._connection.execute("PRAGMA max_page_count = 3")  # that is what it has

    def make_room(self) -> bool:
        self.asked += 1

        if self._given:
            pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
            self._connection.execute(f"PRAGMA max_page_count = {pages + self._given}")

        return bool(self._given)


def put_long(connection: sqlite3.Connection) -> int:
    connection.execute("CREATE TABLE IF NOT EXISTS long (text)")
    return 7


@pytest.mark.parametrize(("given", "kept"), [(10, [True, False, True]), (0, [False] * 3)])
async def test_on_a_full_disk_room_is_made_for_last_words_alone(
    connection: Traced, given: int, kept: list[bool]
) -> None:
    crowded = Crowded(connection, given)
    writer, gate = Writer(connection, crowded.make_room), Gate()
    first = asyncio.create_task(writer.run(gate.job))
    await gate.reached()
    tasks = [
        asyncio.create_task(writer.run(put(1), last=True)),
        asyncio.create_task(writer.run(put_long)),
        asyncio.create_task(writer.run(put(2), last=True)),
    ]
    await asyncio.sleep(0)
    gate.open()
    await first
    got = await asyncio.gather(*tasks, return_exceptions=True)

    assert [not isinstance(one, StorageUnavailable) for one in got] == kept
    assert crowded.asked == 1
    assert await writer.run(rows) == ([1, 2] if given else [])
    writer.close()


async def test_no_room_is_made_where_nobody_has_a_last_word(connection: Traced) -> None:
    crowded = Crowded(connection, 10)
    writer = Writer(connection, crowded.make_room)

    with pytest.raises(StorageUnavailable, match="SQLITE_FULL"):
        await writer.run(put_long)

    assert crowded.asked == 0
    writer.close()


async def test_no_room_is_made_where_the_disk_is_not_full(connection: Traced) -> None:
    def broken(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    crowded = Crowded(connection, 10)
    writer = Writer(connection, crowded.make_room)

    with pytest.raises(StorageUnavailable):
        await writer.run(broken, last=True)

    assert crowded.asked == 0
    writer.close()


async def test_a_statement_that_the_database_refuses_is_told_without_its_text(
    writer: Writer,
) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        await writer.run(lambda connection: connection.execute("SELECT secret FROM nowhere"))

    assert caught.value.message == "The database cannot be used now (SQLITE_ERROR)."


async def test_a_rollback_that_fails_does_not_silence_the_writer(
    writer: Writer, connection: Traced
) -> None:
    def broken(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    connection.stuck = 1

    with pytest.raises(StorageUnavailable):
        await asyncio.wait_for(writer.run(broken), 10)

    with pytest.raises(StorageUnavailable):  # the transaction is still open: cleared up here
        await asyncio.wait_for(writer.run(put(1)), 10)

    assert await asyncio.wait_for(writer.run(put(2)), 10) == 2
    assert await writer.run(rows) == [2]


async def test_a_waiter_that_goes_away_loses_no_job_and_spoils_no_batch(writer: Writer) -> None:
    gate = Gate()
    first = asyncio.create_task(writer.run(gate.job))
    await gate.reached()
    tasks = [asyncio.create_task(writer.run(put(n))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    gate.open()
    await first

    assert await tasks[0] == 0
    assert await tasks[2] == 2
    assert tasks[1].cancelled()
    assert await writer.run(rows) == [0, 1, 2]


async def test_closing_finishes_what_was_accepted_and_refuses_the_rest(connection: Traced) -> None:
    writer, gate = Writer(connection), Gate()
    first = asyncio.create_task(writer.run(gate.job))
    await gate.reached()
    accepted = [asyncio.create_task(writer.run(put(n))) for n in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(writer.close))

    async with asyncio.timeout(10):
        while not writer.closed:  # noqa: ASYNC110  # another thread closes, and tells nobody
            await asyncio.sleep(0)

    with pytest.raises(StorageUnavailable, match="closed"):
        await writer.run(put(9))

    gate.open()
    await asyncio.wait_for(closing, 10)
    await first

    assert await asyncio.gather(*accepted) == [0, 1, 2, 3, 4]
    assert "sqlite-writer" not in {thread.name for thread in threading.enumerate()}

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")

    writer.close()  # once more is harmless


async def test_one_writer_serves_several_event_loops(writer: Writer) -> None:
    async def mine(first: int) -> list[int | None]:
        return await asyncio.gather(*(writer.run(put(first + n)) for n in range(20)))

    got = await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, mine(100 * loop)) for loop in range(4))
    )

    assert got == [[100 * loop + n for n in range(20)] for loop in range(4)]
    assert len(await writer.run(rows)) == 80


async def test_a_loop_that_has_ended_keeps_nobody_else_waiting(writer: Writer) -> None:
    gate = Gate()
    first = asyncio.create_task(writer.run(gate.job))
    await gate.reached()

    async def leaves() -> None:
        task = asyncio.ensure_future(writer.run(put(1)))
        await asyncio.sleep(0)
        task.cancel()

    await asyncio.to_thread(asyncio.run, leaves())
    last = asyncio.create_task(writer.run(put(2)))
    await asyncio.sleep(0)
    gate.open()
    await first

    assert await asyncio.wait_for(last, 10) == 2
    assert await writer.run(rows) == [1, 2]
