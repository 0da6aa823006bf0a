"""A selection says of a record what a database says of its row."""

import pytest

from mcp_router.domain.selection import EVERYTHING, Selection
from mcp_router.testing.clock import NOON_MS
from tests.audit.test_export import BARE, FULL


@pytest.mark.parametrize(
    "selection",
    [
        EVERYTHING,
        Selection(tenant="acme"),
        Selection(since_ms=NOON_MS, until_ms=NOON_MS + 1),
        Selection(policy="support"),
        Selection(policy="support@1"),
        Selection(intent="password_reset"),
    ],
)
def test_what_meets_every_condition_is_selected(selection: Selection) -> None:
    assert selection.holds(FULL)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(tenant="other"),
        Selection(since_ms=NOON_MS + 1),
        Selection(until_ms=NOON_MS),
        Selection(policy="supp"),
        Selection(policy="support@11"),
        Selection(intent="refund"),
        Selection(tenant="acme", intent="refund"),
    ],
)
def test_what_misses_a_condition_is_not(selection: Selection) -> None:
    assert not selection.holds(FULL)


def test_a_call_that_nothing_was_decided_of_has_no_policy_and_no_intent() -> None:
    assert EVERYTHING.holds(BARE)
    assert not Selection(policy="support").holds(BARE)
    assert not Selection(intent="password_reset").holds(BARE)
