"""The tables of signed heads and of the keys that sign them, and the pruning of old rows."""

from collections.abc import Sequence

from psycopg.errors import RestrictViolation
from psycopg.rows import DictRow

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
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.decisions import append_record, is_kept

_AFTER = f"{HEADS} FROM tree_heads WHERE size > %s ORDER BY size"
_NEWEST = f"{HEADS} FROM tree_heads ORDER BY size DESC LIMIT 1"
_COVERING = f"""
    {HEADS} FROM tree_heads
    WHERE size < coalesce((SELECT min(seq) FROM decisions WHERE at_ms >= %s), size + 1)
    ORDER BY size DESC LIMIT 1
"""  # noqa: S608  # every word of it is ours
_ADD_HEAD = """
    INSERT INTO tree_heads (size, previous, root, chain, at_ms, key_id, signature, frontier,
        consistency)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s
    WHERE %s = coalesce((SELECT max(size) FROM tree_heads), 0)
    ON CONFLICT DO NOTHING
"""
_ADD_KEY = """
    INSERT INTO log_keys (key_id, public_key, at_ms, signed_by, signature, accepted)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_PRUNE = """
    INSERT INTO prunings (size, at_ms)
    SELECT %s, %s WHERE %s > coalesce((SELECT max(size) FROM prunings), 0)
    ON CONFLICT DO NOTHING
"""
_SWEEP = """
    DELETE FROM decisions
    WHERE seq <= (SELECT max(size) FROM prunings)
        AND seq < (SELECT min(seq) FROM decisions) + %s
"""


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
        return [read_head(tuple(row.values())) for row in await self._rows(_AFTER, (size,))]

    async def covering(self, before_ms: int) -> SignedHead | None:
        """Return the largest head that covers only rows from before that time."""
        return await self._head(_COVERING, (before_ms,))

    async def last(self) -> int:
        """Return the place of the newest row, 0 where there is none."""
        rows = await self._rows("SELECT last FROM decisions_head", ())
        return int(rows[0]["last"])

    async def rows(self, after: int, limit: int) -> Sequence[KeptRow]:
        """Return the first rows after a place, in order."""
        found = await self._rows(f"{ROWS} WHERE seq > %s ORDER BY seq LIMIT %s", (after, limit))
        return [read_row(tuple(row.values())) for row in found]

    async def keys(self) -> tuple[LogKey, ...]:
        """Return every key that has signed for this log, oldest first."""
        found = await self._rows(f"{KEYS} ORDER BY place", ())
        return tuple(read_key(tuple(row.values())) for row in found)

    async def add_head(self, signed: SignedHead) -> bool:
        """Keep a head that follows the newest one; say False where another one did."""

        async def job(connection: Connection, again: bool) -> bool:
            done = await connection.execute(_ADD_HEAD, (*head_values(signed), signed.previous))
            return done.rowcount == 1

        try:
            return await self._database.run(job)
        except RestrictViolation:
            return False  # another replica's head was committed while ours was on its way

    async def add_key(self, key: LogKey, event: Record) -> bool:
        """Keep a new key and append `event`, or do neither where it is known; say whether."""

        async def job(connection: Connection, again: bool) -> bool:
            async with connection.transaction():
                done = await connection.execute(_ADD_KEY, key_values(key))

                if done.rowcount != 1:
                    return again and await is_kept(connection, event)

                await append_record(connection, event)
                return True

        return await self._database.run(job)

    async def prune(self, signed: SignedHead, event: Record) -> None:
        """Let go of every row that a kept head covers, and append `event`; `sweep` deletes them.

        Where they were let go of already nothing happens.
        """
        size = signed.head.size

        async def job(connection: Connection, again: bool) -> None:
            async with connection.transaction():
                done = await connection.execute(_PRUNE, (size, event.at_ms, size))

                if done.rowcount == 1:
                    await append_record(connection, event)

        try:
            await self._database.run(job)
        except RestrictViolation:
            return  # another replica's pruning was committed while ours was on its way

    async def sweep(self, limit: int) -> int:
        """Delete at most `limit` rows that were let go of, the oldest first; say how many."""

        async def job(connection: Connection, again: bool) -> int:
            return (await connection.execute(_SWEEP, (limit,))).rowcount

        return await self._database.run(job)

    async def _head(self, query: str, values: tuple[int, ...]) -> SignedHead | None:
        """Return the head that a query finds."""
        found = await self._rows(query, values)
        return read_head(tuple(found[0].values())) if found else None

    async def _rows(self, query: str, values: tuple[int, ...]) -> list[DictRow]:
        """Return what a query of this file finds."""

        async def job(connection: Connection, again: bool) -> list[DictRow]:
            return await (await connection.execute(query.encode(), values)).fetchall()

        return await self._database.run(job)
