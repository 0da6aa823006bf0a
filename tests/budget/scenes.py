"""Accounts and ids for tests of budgets."""

import itertools
from collections.abc import Callable

from mcp_router.domain.budget import BudgetPlan


def counting() -> Callable[[int], bytes]:
    """Return a source of randomness that counts."""
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


PLAN = BudgetPlan(ticket_microusd=100_000, run_microusd=60_000, tenant_month_microusd=1_000_000)
