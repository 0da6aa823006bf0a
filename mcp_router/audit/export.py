"""The decision log as JSON lines, CSV or columns, one record at a time."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Literal, TypeAlias, assert_never

from mcp_router.chain import linked_line
from mcp_router.domain.glance import Glance
from mcp_router.domain.money import usd
from mcp_router.domain.tree_head import ExportRow
from mcp_router.storage.records import read_glance, read_record


class Format(StrEnum):
    """JSONL is the evidence: every field. CSV is a view for spreadsheets.

    PARQUET has the columns of the view and the whole record, for those who calculate.
    """

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


PARTS = ".parts"
"""What a Parquet export's folder of finished pieces is called, after the file's name."""

TextFormat: TypeAlias = Literal[Format.JSONL, Format.CSV]


# A spreadsheet runs a cell that begins with one of these (OWASP, "CSV Injection"); some take the
# full-width signs for the same, and skip a line break or a tab before one.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# One that parts cells at `;`, as in half of Europe, sees no quotes around the whole: it begins a
# new cell within ours there, and a new row at a line break.
_HIDDEN_FORMULA = re.compile('([;\t\r\n][ "]*)([=+\\-@\uff1d\uff0b\uff0d\uff20])')

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
    "customer_id",
)


def lines(rows: Iterable[ExportRow], kind: TextFormat) -> Iterator[str]:
    """Yield the export line by line, with a heading first in CSV; JSON is passed on unread.

    Raises:
        StorageUnavailable: a row has to be read and cannot be.
    """
    match kind:
        case Format.JSONL:
            for seq, text, chain in rows:
                if "\n" in text or "\r" in text:
                    yield f"{read_record(seq, text, chain).line}\n"
                else:
                    yield linked_line(seq, text, chain) + "\n"
        case Format.CSV:
            yield _csv(COLUMNS)
            yield from (_csv(cells(seq, read_glance(seq, text))) for seq, text, _ in rows)
        case _:
            assert_never(kind)


def cells(seq: int, record: Glance) -> tuple[str | int | float | None, ...]:
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
        record.customer_id,
    )


def _csv(cells: Iterable[object]) -> str:
    """Return one line of CSV in which no cell can be a formula; some hold a caller's own text."""
    line = io.StringIO()
    csv.writer(line).writerow([_safe(one) if isinstance(one, str) else one for one in cells])
    return line.getvalue()


def _safe(cell: str) -> str:
    """Return a text with a `'` before whatever a spreadsheet would take for a formula.

    >>> _safe("=1+1"), _safe("a;=1+1"), _safe("1; 2 - 3")
    ("'=1+1", "a;'=1+1", '1; 2 - 3')
    """
    guarded = _HIDDEN_FORMULA.sub(r"\1'\2", cell)
    return f"'{guarded}" if guarded.startswith(_FORMULA_SIGNS) else guarded
