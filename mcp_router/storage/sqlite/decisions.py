"""The decision log's table."""

import json
import sqlite3

from pydantic import TypeAdapter, ValidationError

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.sqlite.database import Database

_RECORD = TypeAdapter(Record)


class DecisionTable:
    """Appends records and finds them again, always within one tenant."""

    def __init__(self, database: Database) -> None:
        """Use the table in `database`."""
        self._database = database

    async def append(self, record: Record) -> int:
        """Return the record's place in the log, once it is on disk."""
        return await self._database.write(lambda connection: _insert(connection, record))

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
    """Return the frozen record of a row that has `seq` and `record`.

    Raises:
        StorageUnavailable: the row is damaged, or of a version that this one cannot read.
    """
    try:
        record = _RECORD.validate_python(json.loads(row["record"]))
    except (ValidationError, json.JSONDecodeError):
        # `from None`: pydantic's text would carry the record's values into a log.
        raise StorageUnavailable(
            f"Record {row['seq']} of the decision log cannot be read.",
            next_step="Read the file with the version that wrote it, or restore it from a backup.",
        ) from None

    return StoredRecord(seq=row["seq"], record=record)


def _insert(connection: sqlite3.Connection, record: Record) -> int:
    """Write one row: the columns that people ask by, and the whole record."""
    decision = record.decision
    cursor = connection.execute(
        """
        INSERT INTO decisions (decision_id, at_ms, tenant, tool, outcome, run_id, ticket_id,
            policy, pool, intent, target, action_id, error_code, cost_microusd, latency_ms, record)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            record.decision_id,
            record.at_ms,
            record.tenant,
            record.tool,
            record.outcome,
            record.run_id,
            record.ticket_id,
            decision.policy if decision else None,
            decision.pool if decision else None,
            decision.signals.intent.name if decision else None,
            record.target,
            record.action_id,
            record.error_code,
            record.cost_microusd,
            record.latency_ms,
            canonical_json(plain(record)),
        ),
    )
    return int(cursor.lastrowid or 0)
