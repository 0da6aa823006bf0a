"""The tables of signed heads and of the keys that sign them, and the pruning of old rows."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from mcp_router.domain.record import Record
from mcp_router.domain.tree_head import KeptRow, LogKey, SignedHead
from mcp_router.storage.heads import (
    HEADS,
    KEYS,
    ROWS,
    head_values,
    key_values,
    read_head,
    read_key,
    read_row,
)
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.decisions import any_text, insert_record

T = TypeVar("T")

_AFTER = f"{HEADS} FROM tree_heads WHERE size > ? ORDER BY size"
_NEWEST = f"{HEADS} FROM tree_heads ORDER BY size DESC LIMIT 1"
_COVERING = f"""
    {HEADS} FROM tree_heads
    WHERE size < coalesce((SELECT min(seq) FROM decisions WHERE at_ms >= ?), size + 1)
    ORDER BY size DESC LIMIT 1
"""  # noqa: S608  # every word of it is ours
_ROWS = f"{ROWS} WHERE seq > ? ORDER BY seq LIMIT ?"


class HeadTable:
    """Keeps heads and keys for ever, and lets go of rows that a head covers."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def newest(self) -> SignedHead | None:
        """Return the head of the largest tree, None before the first."""
        return await self._head(_NEWEST, ())

    async def heads_after(self, size: int) -> Sequence[SignedHead]:
        """Return the heads of larger trees, the smallest first."""

        def job(connection: sqlite3.Connection) -> Sequence[SignedHead]:
            return [read_head(tuple(row)) for row in connection.execute(_AFTER, (size,))]

        return await self._read(job)

    async def covering(self, before_ms: int) -> SignedHead | None:
        """Return the largest head that covers only rows from before that time."""
        return await self._head(_COVERING, (before_ms,))

    async def last(self) -> int:
        """Return the place of the newest row, 0 where there is none."""

        def job(connection: sqlite3.Connection) -> int:
            row = connection.execute("SELECT max(seq) FROM decisions").fetchone()
            return int(row[0] or 0)

        return await self._database.read(job)

    async def rows(self, after: int, limit: int) -> Sequence[KeptRow]:
        """Return the first rows after a place, in order."""

        def job(connection: sqlite3.Connection) -> Sequence[KeptRow]:
            return [read_row(tuple(row)) for row in connection.execute(_ROWS, (after, limit))]

        return await self._read(job)

    async def keys(self) -> tuple[LogKey, ...]:
        """Return every key that has signed for this log, oldest first."""

        def job(connection: sqlite3.Connection) -> tuple[LogKey, ...]:
            found = connection.execute(f"{KEYS} ORDER BY at_ms, rowid")
            return tuple(read_key(tuple(row)) for row in found)

        return await self._read(job)

    async def add_head(self, signed: SignedHead) -> bool:
        """Keep a head that follows the newest one; say False where another one did."""

        def job(connection: sqlite3.Connection) -> bool:
            newest = connection.execute("SELECT max(size) FROM tree_heads").fetchone()

            if (newest[0] or 0) != signed.previous:
                return False

            connection.execute(
                "INSERT INTO tree_heads (size, previous, root, chain, at_ms, key_id, signature, "
                "frontier, consistency) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                head_values(signed),
            )
            return True

        return await self._database.write(job)

    async def add_key(self, key: LogKey, event: Record) -> bool:
        """Keep a new key and append `event`, or do neither where it is known; say whether."""

        def job(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                "INSERT INTO log_keys (key_id, public_key, at_ms, signed_by, signature, accepted) "
                "SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS "
                "(SELECT 1 FROM log_keys WHERE key_id = ?)",
                (*key_values(key), key.key_id),
            )

            if done.rowcount == 1:
                insert_record(connection, event)

            return done.rowcount == 1

        return await self._database.write(job)

    async def prune(self, signed: SignedHead, event: Record) -> None:
        """Let go of every row that a kept head covers, and append `event`; `sweep` deletes them.

        Where they were let go of already nothing happens.
        """
        size = signed.head.size

        def job(connection: sqlite3.Connection) -> None:
            done = connection.execute(
                "INSERT INTO prunings (size, at_ms) "
                "SELECT ?, ? WHERE ? > coalesce((SELECT max(size) FROM prunings), 0)",
                (size, event.at_ms, size),
            )

            if done.rowcount == 1:
                insert_record(connection, event)

        await self._database.write(job)

    async def sweep(self, limit: int) -> int:
        """Delete at most `limit` rows that were let go of, the oldest first; say how many."""

        def job(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM decisions WHERE seq <= (SELECT max(size) FROM prunings) "
                "AND seq < (SELECT min(seq) FROM decisions) + ?",
                (limit,),
            ).rowcount

        return await self._database.write(job)

    async def _head(self, query: str, values: tuple[int, ...]) -> SignedHead | None:
        """Return the head that a query finds."""

        def job(connection: sqlite3.Connection) -> SignedHead | None:
            row = connection.execute(query, values).fetchone()
            return read_head(tuple(row)) if row else None

        return await self._read(job)

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `job` reads, texts that somebody damaged too."""

        def run(connection: sqlite3.Connection) -> T:
            connection.text_factory = any_text

            try:
                return job(connection)
            finally:
                connection.text_factory = str  # the connection reads for others as well

        return await self._database.read(run)
