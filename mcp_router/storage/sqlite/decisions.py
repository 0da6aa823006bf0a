"""The decision log's table."""

import sqlite3

from mcp_router.domain.record import Record, StoredRecord
from mcp_router.storage.records import read_record, record_values
from mcp_router.storage.sqlite.database import Database


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
    """Write one row, the columns that people ask by and the whole record; return its place."""
    cursor = connection.execute(
        """
        INSERT INTO decisions (decision_id, at_ms, tenant, tool, outcome, run_id, ticket_id,
            policy, pool, intent, target, action_id, error_code, cost_microusd, latency_ms, record)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        record_values(record),
    )
    return int(cursor.lastrowid or 0)
