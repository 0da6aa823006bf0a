"""SQLite without threads, for proofs: the real tables, each job done before the next line runs."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from anyio.lowlevel import checkpoint

from mcp_router.errors import StorageUnavailable
from mcp_router.storage.sqlite.database import BUSY_TIMEOUT_MS, Database
from mcp_router.storage.sqlite.reserve import RESERVE_BYTES
from mcp_router.storage.sqlite.schema import migrate
from mcp_router.storage.sqlite.writer import unavailable

T = TypeVar("T")


class InlineDatabase(Database):
    """A database in memory for one event loop, whose jobs take none of its time.

    The same calls always meet it in the same order, which threads cannot promise. A job that
    raises is rolled back; nothing is ever on disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        """Start empty; `path` and the limits of a file have no meaning here."""
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        migrate(self._connection)
        self._closed = False

    async def write(self, job: Callable[[sqlite3.Connection], T], *, last: bool = False) -> T:
        """Return what `job` returns, after its commit.

        Raises:
            StorageUnavailable: the database is closed, or SQLite cannot run the job.
        """
        await checkpoint()
        return self._run(job)

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `job` finds; raises as `write`."""
        await checkpoint()
        return self._run(job)

    def close(self) -> None:
        """Forget everything; harmless twice."""
        self._closed = True
        self._connection.close()

    def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run one job in a transaction of its own."""
        if self._closed:
            raise StorageUnavailable("The database is closed.")

        self._connection.execute("BEGIN IMMEDIATE")

        try:
            result = job(self._connection)
        except sqlite3.OperationalError as error:
            self._connection.rollback()
            raise unavailable(error) from error
        except BaseException:
            self._connection.rollback()
            raise

        self._connection.execute("COMMIT")
        return result
