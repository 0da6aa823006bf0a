"""One SQLite file: a writer with group commit, and a reader that never blocks it (WAL)."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from mcp_router.errors import InvalidArguments, StorageUnavailable
from mcp_router.storage.sqlite.reserve import RESERVE_BYTES, Reserve
from mcp_router.storage.sqlite.schema import migrate
from mcp_router.storage.sqlite.writer import Writer, unavailable

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
_WAL_TRIES = 200
_WAL_PAUSE_S = 0.025


class Database:
    """The open database of one process; other processes may have the same file open."""

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        """Open the file, create it and its tables where they are missing.

        `busy_timeout_ms` is how long a call waits for another process that holds the file,
        `reserve_bytes` how much of the disk is held for last words.

        Raises:
            StorageUnavailable: the file cannot be opened, is locked, or is no database.
        """
        with ExitStack() as opened:
            self._reads = opened.enter_context(closing(_connect(path, busy_timeout_ms)))
            self._reserve = opened.enter_context(closing(_reserve(path.parent, reserve_bytes)))
            self._writer = Writer(_connect(path, busy_timeout_ms), self._reserve.spend)
            opened.pop_all()

        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-reader")

    async def write(self, job: Callable[[sqlite3.Connection], T], *, last: bool = False) -> T:
        """Run `job` in a transaction and return its result once it is on disk.

        A `last` word is small and ends something: on a full disk it has room that nothing else
        gets, and nothing else is written until there is room for it and for the next last words.

        Raises:
            InvalidArguments: a text holds what no file can keep; nothing was written.
            StorageUnavailable: the database cannot commit; nothing of the job remains.
        """
        try:
            return await self._writer.run(job if last else self._with_room(job), last=last)
        except UnicodeEncodeError:
            raise _unkeepable() from None  # its text is the very value

    def _with_room(
        self, job: Callable[[sqlite3.Connection], T]
    ) -> Callable[[sqlite3.Connection], T]:
        """Return the job so that it refuses to run while the reserve is spent."""

        def run(connection: sqlite3.Connection) -> T:
            if not self._reserve.held and not self._reserve.fill():
                raise StorageUnavailable("The disk is full (SQLITE_FULL).")

            return job(connection)

        return run

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run `job` on the reading connection, beside the writer.

        Raises:
            InvalidArguments: what is asked for holds what no file can keep.
            StorageUnavailable: the database cannot be read.
        """
        if self._writer.closed:
            raise StorageUnavailable("The database is closed.")

        loop = asyncio.get_running_loop()

        try:
            return await loop.run_in_executor(self._readers, job, self._reads)
        except UnicodeEncodeError:
            raise _unkeepable() from None
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def check(self) -> None:
        """Prove that something can be put on disk now; what the database holds stays the same.

        Raises:
            StorageUnavailable: it cannot.
        """
        await self.write(_write_nothing)

    def close(self) -> None:
        """Finish what was accepted, then let go of the file."""
        self._writer.close()
        self._readers.shutdown()
        self._reads.close()
        self._reserve.close()


def _write_nothing(connection: sqlite3.Connection) -> None:
    """Write the first page again as it is: an empty transaction would not touch the disk."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.execute(f"PRAGMA user_version = {version}")


def _connect(path: Path, busy_timeout_ms: int) -> sqlite3.Connection:
    """Open one connection whose transactions are ours alone and whose commits are durable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=busy_timeout_ms / 1000
        )
    except (sqlite3.Error, OSError) as error:
        raise StorageUnavailable("The database file or its folder cannot be opened.") from error

    try:
        connection.row_factory = sqlite3.Row
        _use_wal(connection)
        # FULL: in WAL mode nothing less flushes at every commit, and `sending` must survive a
        # power cut.
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(error) from error

    return connection


def _unkeepable() -> InvalidArguments:
    """Return the error for half a character."""
    return InvalidArguments("An argument holds a character that cannot be stored.")


def _reserve(folder: Path, size: int) -> Reserve:
    """Return the room that is held for last words."""
    try:
        return Reserve(folder, size)
    except OSError as error:
        raise StorageUnavailable("The database file or its folder cannot be opened.") from error


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL; where several processes do so at once, wait for one's turn.

    SQLite reports a lock at once in this one case, whatever the busy timeout is (measured).
    """
    for left in reversed(range(_WAL_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY

            if not busy or not left:
                raise

            time.sleep(_WAL_PAUSE_S)
        else:
            return
