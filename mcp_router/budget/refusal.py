"""What a caller is told when a budget does not cover its call."""

from mcp_router.domain.budget import Balance, BudgetScope
from mcp_router.domain.money import short_usd
from mcp_router.errors import BudgetExceeded

_WHOSE = {
    BudgetScope.REQUEST: "this call",
    BudgetScope.TICKET: "this ticket",
    BudgetScope.RUN: "this run",
    BudgetScope.TENANT: "this tenant and month",
}
_NEXT = {
    BudgetScope.REQUEST: "Ask for less, or raise the budget of the policy's rule.",
    BudgetScope.TICKET: (
        "Let a person take the ticket over, or raise the budget of a ticket in the policy."
    ),
    BudgetScope.RUN: (
        "Finish this run without another completion, or raise the budget of a run in the policy."
    ),
    BudgetScope.TENANT: (
        "Let people answer until the month ends (UTC), or raise the tenant's monthly budget in "
        "the policy."
    ),
}


def exceeded(short: Balance, needed_microusd: int) -> BudgetExceeded:
    """Return the error for an account that does not cover `needed_microusd`; it has a limit.

    >>> from mcp_router.domain.budget import Account
    >>> ticket = Account(scope=BudgetScope.TICKET, key="7", limit_microusd=500_000)
    >>> print(exceeded(Balance(account=ticket, spent_microusd=496_000), 20_000))
    The budget of this ticket ($0.50) has $0.004 left, and the call needs about $0.02.
    """
    scope, limit = short.account.scope, short.account.limit_microusd
    assert limit is not None, "an account without a limit covers everything"
    left = short_usd(short.left_microusd or 0)
    under_way = ""

    if short.held_microusd:
        under_way = f" ({short_usd(short.held_microusd)} more is held for calls under way)"

    return BudgetExceeded(
        f"The budget of {_WHOSE[scope]} ({short_usd(limit)}) has {left} left{under_way}, "
        f"and the call needs about {short_usd(needed_microusd)}.",
        next_step=_NEXT[scope],
    )
