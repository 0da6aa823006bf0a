"""Records to select from, and what each selection finds of them."""

from dataclasses import replace

from mcp_router.domain.record import Record
from mcp_router.domain.selection import EVERYTHING, Selection
from mcp_router.testing.clock import NOON_MS
from tests.audit.test_export import FULL
from tests.storage.rows import record

SELECTIONS = [
    (EVERYTHING, [1, 2, 3, 4]),
    (Selection(tenant="acme"), [1, 2, 4]),
    (Selection(policy="support"), [1, 2, 3]),
    (Selection(policy="support@1"), [1, 3]),
    (Selection(policy="supp"), []),
    (Selection(policy="support%"), []),
    (Selection(intent="password_reset"), [1, 2, 3]),
    (Selection(intent="password_reset", tenant="other"), [3]),
    (Selection(since_ms=NOON_MS + 1), [2, 4]),
    (Selection(since_ms=NOON_MS + 1, until_ms=NOON_MS + 2), [2]),
    (Selection(until_ms=NOON_MS), []),
]
"""What a selection finds of `selectable`, on every kind of database."""


def selectable() -> tuple[Record, ...]:
    """Return records that differ in all that a selection asks for."""
    first = replace(FULL, decision_id="dec_1")
    assert first.decision is not None
    newer = replace(first.decision, policy="support@2")
    return (
        first,
        replace(first, decision_id="dec_2", decision=newer, at_ms=NOON_MS + 1),
        replace(first, decision_id="dec_3", tenant="other"),
        replace(record("4"), at_ms=NOON_MS + 2),
    )
