"""One thread and one connection write the database; waiting jobs share one durable commit.

A commit costs one flush of the disk however many jobs it holds, so under load the cost per job
falls with the number of callers, and no caller starves: jobs run in the order they came.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mcp_router.errors import StorageUnavailable

T = TypeVar("T")

MAX_BATCH = 256

# What a job can do wrong by itself. Every other error of SQLite (full, locked, damaged, gone) is
# the database's, and nothing that shares its transaction may be believed.
_OWN_FAULT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.NotSupportedError,
)


# What SQLite says where there is no room: on the disk, or within a quota or a limit of the file.
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


@dataclass(slots=True)
class _Job(Generic[T]):
    """A function to run inside a transaction, and the task that waits for it."""

    run: Callable[[sqlite3.Connection], T]
    last: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
    result: T | None = None
    error: Exception | None = None

    def finish(self) -> None:
        """Hand the outcome to the waiting task, unless it has gone away."""
        if self.future.cancelled():
            return

        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # T may itself be None


class Writer:
    """Runs jobs one after the other; `run` returns once the job's commit is on disk."""

    def __init__(
        self, connection: sqlite3.Connection, make_room: Callable[[], bool] = lambda: False
    ) -> None:
        """Take over `connection`, which must allow use from another thread.

        `make_room` is called where the disk is full, and says whether it could free anything.
        """
        self._connection = connection
        self._make_room = make_room
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._closed = False
        self._door = threading.Lock()  # no job slips in behind the one that closes
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Return whether new jobs are refused."""
        return self._closed

    async def run(self, job: Callable[[sqlite3.Connection], T], *, last: bool = False) -> T:
        """Run `job` in a transaction of its own kind and return its result after the commit.

        A job that raises is rolled back alone; the others of its batch are not touched. Where the
        disk is full, a job that is somebody's `last` word is run once more if room can be made.

        Raises:
            StorageUnavailable: the database cannot commit; nothing of the job remains.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        with self._door:
            if self._closed:
                raise StorageUnavailable("The database is closed.")

            self._jobs.put(_Job(job, last, loop, future))  # type: ignore[arg-type]  # each keeps its own T

        return await future

    def close(self) -> None:
        """Finish the jobs that were accepted, then close the connection."""
        with self._door:
            if self._closed:
                return

            self._closed = True
            self._jobs.put(None)

        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        """Take what waits, commit it together, answer everyone; repeat."""
        open_for_jobs = True

        while open_for_jobs:
            first = self._jobs.get()

            if first is None:
                return

            batch = [first]

            while len(batch) < MAX_BATCH and not self._jobs.empty():
                job = self._jobs.get()

                if job is None:
                    open_for_jobs = False
                    break

                batch.append(job)

            self._commit(batch)
            _answer(batch)

    def _commit(self, batch: list[_Job[object]]) -> None:
        """Run the batch in one transaction; on a full disk, what is urgent in it once more."""
        error = self._try(batch)
        urgent = [job for job in batch if job.last]

        if error is not None and urgent and _is_full(error) and self._make_room():
            self._try(urgent)

    def _try(self, batch: list[_Job[object]]) -> sqlite3.DatabaseError | None:
        """Run the batch in one transaction; a database that fails fails the whole batch."""
        for job in batch:
            job.error = None

        try:
            self._connection.execute("BEGIN IMMEDIATE")

            for job in batch:
                self._run_one(job)

            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            # A rollback that fails leaves its transaction to the next batch, which fails on BEGIN
            # and tries again; the thread itself must live, or every caller would wait for ever.
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()

            for job in batch:
                job.error = unavailable(error)

            return error

        return None

    def _run_one(self, job: _Job[object]) -> None:
        """Run one job between savepoints, so that its own failure stays its own."""
        self._connection.execute("SAVEPOINT job")

        try:
            job.result = job.run(self._connection)
        except Exception as error:  # handed to the task that waits for the job
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, _OWN_FAULT):
                raise

            job.error = error
            self._connection.execute("ROLLBACK TO job")

        self._connection.execute("RELEASE job")


def _is_full(error: sqlite3.Error) -> bool:
    """Return whether SQLite had no room to write."""
    return getattr(error, "sqlite_errorcode", None) in _NO_ROOM


def unavailable(error: sqlite3.Error) -> StorageUnavailable:
    """Return the coded error for a database that fails, with SQLite's own short reason."""
    reason = getattr(error, "sqlite_errorname", None) or "no transaction"

    if reason == "SQLITE_NOTADB":
        return StorageUnavailable(
            f"The file of `storage` is no SQLite database ({reason}).",
            next_step="Correct `storage` in router.yaml, or restore the file from a backup.",
        )

    return StorageUnavailable(f"The database cannot be used now ({reason}).")


def _answer(batch: list[_Job[object]]) -> None:
    """Wake the waiting tasks, each loop once."""
    for loop in {job.loop for job in batch}:
        mine = [job for job in batch if job.loop is loop]

        try:
            loop.call_soon_threadsafe(_finish, mine)
        except RuntimeError:
            continue  # that loop is closed: nobody waits there any more


def _finish(batch: list[_Job[object]]) -> None:
    """Hand out the outcomes, on the loop's own thread."""
    for job in batch:
        job.finish()
