"""The decision log's table."""

import sqlite3
from functools import partial

from mcp_router.chain import START, leaf_hash, next_link, row_line
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.storage.records import COLUMNS, read_record, record_values
from mcp_router.storage.sqlite.database import Database

_NAMES = f"seq, leaf, chain, {', '.join(COLUMNS)}, record"
_MARKS = ", ".join("?" * len(_NAMES.split(", ")))
_INSERT = f"INSERT INTO decisions ({_NAMES}) VALUES ({_MARKS})"  # noqa: S608  # our words
_NEWEST = "SELECT seq, chain FROM decisions ORDER BY seq DESC LIMIT 1"

any_text = partial(str, encoding="utf-8", errors="surrogateescape")
"""Reads a text whatever its bytes are: one that is no UTF-8 is a broken row, and no database that
cannot be read. To be a connection's `text_factory`."""


class DecisionTable:
    """Appends records and finds them again, always within one tenant."""

    def __init__(self, database: Database) -> None:
        """Use the table in `database`."""
        self._database = database

    async def append(self, record: Record) -> int:
        """Return the record's place in the log, once it is on disk."""
        return await self._database.write(lambda connection: insert_record(connection, record))

    async def find(self, tenant: str, decision_id: str) -> StoredRecord | None:
        """Return the tenant's record of that decision, or None."""
        return await self._database.read(lambda connection: _find(connection, tenant, decision_id))


def _find(connection: sqlite3.Connection, tenant: str, decision_id: str) -> StoredRecord | None:
    """Select one record."""
    row = connection.execute(
        "SELECT seq, record FROM decisions WHERE tenant = ? AND decision_id = ?",
        (tenant, decision_id),
    ).fetchone()
    return stored_record(row) if row else None


def stored_record(row: sqlite3.Row) -> StoredRecord:
    """Return the frozen record of a row that has `seq` and `record`; raises as `read_record`."""
    return read_record(row["seq"], row["record"])


def insert_record(connection: sqlite3.Connection, record: Record) -> int:
    """Append one row to the chain within the caller's transaction, and return its place.

    Every row comes in here. The connection holds the database for itself, so that the row before
    it is the newest one.
    """
    columns = record_values(record)
    newest = connection.execute(_NEWEST).fetchone()
    seq, chain = (newest["seq"] + 1, newest["chain"]) if newest else (1, START)
    leaf = leaf_hash(row_line(seq, str(columns[-1])).encode())
    connection.execute(_INSERT, (seq, leaf, next_link(chain, leaf), *columns))
    return int(seq)
