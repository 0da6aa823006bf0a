"""The decision log's row as every kind of database keeps it."""

import json

from pydantic import TypeAdapter, ValidationError

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.glance import Glance
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.errors import StorageUnavailable

_RECORD = TypeAdapter(Record)
_GLANCE = TypeAdapter(Glance)
_STORED = TypeAdapter(StoredRecord)


def read_record(seq: int, text: str) -> StoredRecord:
    """Return the frozen record of a row.

    Raises:
        StorageUnavailable: the row is damaged, or of a version that this one cannot read.
    """
    try:
        record = _RECORD.validate_python(json.loads(text))
    except (ValidationError, json.JSONDecodeError):
        # `from None`: pydantic's text would carry the record's values into a log.
        raise _unreadable(seq) from None

    return StoredRecord(seq=seq, record=record, text=_on_one_line(text))


def read_glance(seq: int, text: str) -> Glance:
    """Return the short fields of a row.

    Raises:
        StorageUnavailable: as `read_record`.
    """
    try:
        return _GLANCE.validate_json(text)
    except ValidationError:
        raise _unreadable(seq) from None


def _unreadable(seq: int) -> StorageUnavailable:
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

    before, after = b'{"record":', b',"seq":%d}' % stored.seq
    text = line.strip()
    as_exported = text.startswith(before) and text.endswith(after)
    kept = text[len(before) : -len(after)].decode() if as_exported else None
    return StoredRecord(seq=stored.seq, record=stored.record, text=kept)


def _on_one_line(text: str) -> str | None:
    """Return the text that a row holds, None where it would break an export into pieces."""
    return None if "\n" in text or "\r" in text else text


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
