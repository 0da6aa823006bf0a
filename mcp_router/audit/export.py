"""The decision log as JSON lines or CSV, one record at a time."""

import csv
import io
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import assert_never

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.money import usd
from mcp_router.domain.record import Record, StoredRecord


class Format(StrEnum):
    """JSONL is the evidence: every field. CSV is a view for spreadsheets."""

    JSONL = "jsonl"
    CSV = "csv"


# A spreadsheet runs a cell that begins with one of these (OWASP, "CSV Injection"); some take the
# full-width signs for the same, and skip a line break or a tab before one.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

COLUMNS = (
    "seq",
    "at_ms",
    "decision_id",
    "tenant",
    "principal",
    "tool",
    "outcome",
    "error_code",
    "policy",
    "rule",
    "pool",
    "intent",
    "confidence",
    "target",
    "attempts",
    "cost_usd",
    "latency_ms",
    "ticket_id",
    "run_id",
    "action_id",
)


def lines(records: Iterable[StoredRecord], kind: Format) -> Iterator[str]:
    """Yield the export line by line, with a heading first in CSV."""
    match kind:
        case Format.JSONL:
            for stored in records:
                text = stored.text or canonical_json(plain(stored.record))
                yield f'{{"record":{text},"seq":{stored.seq}}}\n'
        case Format.CSV:
            yield _csv(COLUMNS)

            for stored in records:
                yield _csv(_cells(stored.seq, stored.record))
        case _:
            assert_never(kind)


def _cells(seq: int, record: Record) -> tuple[object, ...]:
    """Return a record as one row of the columns."""
    decision = record.decision
    return (
        seq,
        record.at_ms,
        record.decision_id,
        record.tenant,
        record.principal,
        record.tool,
        record.outcome,
        record.error_code,
        decision.policy if decision else None,
        decision.rule if decision else None,
        decision.pool if decision else None,
        decision.signals.intent.name if decision else None,
        decision.signals.intent.confidence if decision else None,
        record.target,
        len(record.attempts),
        usd(record.cost_microusd),
        record.latency_ms,
        record.ticket_id,
        record.run_id,
        record.action_id,
    )


def _csv(cells: Iterable[object]) -> str:
    """Return one line of CSV in which no cell can be a formula; some hold a caller's own text."""
    safe = [
        f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_SIGNS) else cell
        for cell in cells
    ]
    line = io.StringIO()
    csv.writer(line).writerow(safe)
    return line.getvalue()
