"""The decision log's row as every kind of database keeps it."""

import json
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from mcp_router.canonical import canonical_json, plain
from mcp_router.chain import linked_line
from mcp_router.domain.glance import Glance
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.errors import StorageUnavailable

_RECORD = TypeAdapter(Record)
_GLANCE = TypeAdapter(Glance)
_STORED = TypeAdapter(StoredRecord)
_LAST_MS = 253_402_300_799_999  # the end of the year 9999, after which no date can be written
_MOST = 2**63 - 1  # what the columns can hold

COLUMNS = {
    "decision_id": "decision_id",
    "at_ms": "at_ms",
    "tenant": "tenant",
    "tool": "tool",
    "outcome": "outcome",
    "run_id": "run_id",
    "ticket_id": "ticket_id",
    "policy": "decision.policy",
    "pool": "decision.pool",
    "intent": "decision.signals.intent.name",
    "target": "target",
    "action_id": "action_id",
    "error_code": "error_code",
    "cost_microusd": "cost_microusd",
    "latency_ms": "latency_ms",
}
"""The columns that people ask by, in their order, and where the record itself says the same."""


def read_record(seq: int, text: str, chain: bytes | None = None) -> StoredRecord:
    """Return the frozen record of a row, with its exported line where the chain is given.

    Raises:
        StorageUnavailable: the row is damaged, or of a version that this one cannot read.
    """
    try:
        record = _RECORD.validate_python(json.loads(text))
    except (ValueError, RecursionError):
        # `from None`: pydantic's text would carry the record's values into a log.
        raise unreadable(seq) from None

    if chain is None:
        return StoredRecord(seq=seq, record=record)

    # A line break would break the export into pieces.
    is_broken = "\n" in text or "\r" in text
    line = linked_line(seq, canonical_json(plain(record)) if is_broken else text, chain)
    return StoredRecord(seq=seq, record=record, line=line)


def read_glance(seq: int, text: str) -> Glance:
    """Return the short fields of a row.

    Raises:
        StorageUnavailable: as `read_record`.
    """
    try:
        found = _GLANCE.validate_json(text)
    except ValidationError:
        raise unreadable(seq) from None

    if not _is_within_bounds(found):
        raise unreadable(seq)

    return found


def _is_within_bounds(record: Record | Glance) -> bool:
    """Return whether the numbers of a record can be calculated with, and its time be written."""
    sums = [record.latency_ms, record.cost_microusd]

    for attempt in record.attempts:
        sums += (attempt.latency_ms, attempt.cost_microusd)

    return 0 <= record.at_ms <= _LAST_MS and max(sums) <= _MOST and min(sums) >= -_MOST


def unreadable(seq: int) -> StorageUnavailable:
    """Return the error for a row that is damaged, or of a version that this one cannot read."""
    return StorageUnavailable(
        f"Record {seq} of the decision log cannot be read.",
        next_step="Read it with the version that wrote it, or restore it from a backup.",
    )


def read_line(line: bytes) -> StoredRecord | None:
    """Return the record of an exported line, None if it holds none that this version can read."""
    try:
        stored = _STORED.validate_json(line)
    except ValidationError:
        return None

    if not _is_within_bounds(stored.record):
        return None

    return replace(stored, line=line.strip().decode())


def record_values(record: Record) -> tuple[str | int | None, ...]:
    """Return the columns that people ask by, in their order, and the whole record as the last."""
    decision = record.decision
    return (
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
    )
