"""The decision log's table."""

from collections.abc import Sequence

import psycopg
from psycopg.rows import DictRow

from mcp_router.domain.record import Record, StoredRecord
from mcp_router.errors import RouterError
from mcp_router.storage.heads import NO_NUL
from mcp_router.storage.postgres.database import Connection, Database, unavailable
from mcp_router.storage.postgres.writer import Writer
from mcp_router.storage.records import COLUMNS, read_record, record_values

_NUMBERS = frozenset({"at_ms", "cost_microusd", "latency_ms"})
_KINDS = ", ".join(f"%s::{'bigint' if name in _NUMBERS else 'text'}[]" for name in COLUMNS)

# One statement, one commit, whatever the batch's size. The database links the rows to the chain
# under the head's row lock, which is held until the commit is on disk.
_APPEND = f"SELECT mcp_router_append({_KINDS}, %s::text[]) AS base"

Row = tuple[str | int | None, ...]


class DecisionTable:
    """Appends records and finds them again, always within one tenant."""

    def __init__(self, database: Database) -> None:
        """Use the table in `database`."""
        self._database = database
        self._writer: Writer[Row, int] = Writer(self._append, lambda row: row[0])

    async def append(self, record: Record) -> int:
        """Return the record's place in the log, once it is on disk."""
        return await self._writer.add(_row(record))

    async def find(self, tenant: str, decision_id: str) -> StoredRecord | None:
        """Return the tenant's record of that decision, or None."""

        async def job(connection: Connection, again: bool) -> StoredRecord | None:
            found = await connection.execute(
                "SELECT seq, record FROM decisions WHERE tenant = %s AND decision_id = %s",
                (tenant, decision_id),
            )
            row = await found.fetchone()
            return stored_record(row) if row else None

        return await self._database.run(job)

    async def aclose(self) -> None:
        """Finish the records that were accepted; the database stays open."""
        await self._writer.aclose()

    async def _append(self, batch: Sequence[Row]) -> Sequence[int | RouterError]:
        """Append the batch in one transaction, or its rows one by one if one of them is bad."""

        async def job(connection: Connection, again: bool) -> Sequence[int | RouterError]:
            return await _append(connection, batch, again=again)

        try:
            return await self._database.run(job)
        except psycopg.IntegrityError as error:
            if len(batch) == 1:
                return [unavailable(error)]

        return [(await self._append([row]))[0] for row in batch]


async def _append(connection: Connection, batch: Sequence[Row], *, again: bool) -> Sequence[int]:
    """Insert the rows and return their places in order.

    After a lost connection the former try may have committed, or may still be about to. The lock
    on the head waits for it; if it comes later, it fails on the ids that are there by then.
    """
    if not again:
        return await _insert(connection, batch)

    async with connection.transaction():
        await connection.execute("SELECT last FROM decisions_head FOR UPDATE")
        found = await connection.execute(
            "SELECT seq, decision_id FROM decisions WHERE decision_id = ANY(%s)",
            ([row[0] for row in batch],),
        )
        kept = {row["decision_id"]: row["seq"] for row in await found.fetchall()}

        if len(kept) == len(batch):
            return [kept[row[0]] for row in batch]

        return await _insert(connection, batch)


async def _insert(connection: Connection, batch: Sequence[Row]) -> Sequence[int]:
    """Insert every row, in order; every row comes in here."""
    columns = [list(column) for column in zip(*batch, strict=True)]
    added = await connection.execute(_APPEND, columns)
    row = await added.fetchone()
    assert row is not None, "the function returns where the batch begins"
    return [row["base"] + place for place in range(1, len(batch) + 1)]


async def append_record(connection: Connection, record: Record) -> int:
    """Append a record inside the caller's transaction, and return its place.

    The head's row lock is held until that transaction ends: make it the last thing it does.
    """
    return (await _insert(connection, [_row(record)]))[0]


async def is_kept(connection: Connection, record: Record) -> bool:
    """Return whether a record of that id is on disk."""
    found = await connection.execute(
        "SELECT 1 FROM decisions WHERE decision_id = %s", (record.decision_id,)
    )
    return await found.fetchone() is not None


def stored_record(row: DictRow) -> StoredRecord:
    """Return the frozen record of a row that has `seq` and `record`; raises as `read_record`."""
    return read_record(row["seq"], row["record"])


def _row(record: Record) -> Row:
    """Return the columns of a record as PostgreSQL can keep them."""
    values = record_values(record)
    return tuple(_storable(value) if isinstance(value, str) else value for value in values)


def _storable(text: str) -> str:
    """Return the text without what PostgreSQL refuses: a record is kept whatever a call held."""
    return text.replace("\0", NO_NUL).encode("utf-8", "replace").decode()
