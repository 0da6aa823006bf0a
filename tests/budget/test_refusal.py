"""What a refused call is told, budget by budget."""

import pytest

from mcp_router.budget.refusal import exceeded
from mcp_router.domain.budget import Account, Balance, BudgetScope


@pytest.mark.parametrize(
    ("scope", "told", "advice"),
    [
        (
            BudgetScope.REQUEST,
            "The budget of this call ($0.50) has $0.40 left, and the call needs about $1.00.",
            "Ask for less, or raise the budget of the policy's rule.",
        ),
        (
            BudgetScope.TICKET,
            "The budget of this ticket ($0.50) has $0.40 left, and the call needs about $1.00.",
            "Let a person take the ticket over, or raise the budget of a ticket in the policy.",
        ),
        (
            BudgetScope.RUN,
            "The budget of this run ($0.50) has $0.40 left, and the call needs about $1.00.",
            "Finish this run without another completion, or raise the budget of a run in the "
            "policy.",
        ),
        (
            BudgetScope.TENANT,
            "The budget of this tenant and month ($0.50) has $0.40 left, and the call needs about "
            "$1.00.",
            "Let people answer until the month ends (UTC), or raise the tenant's monthly budget "
            "in the policy.",
        ),
    ],
)
def test_each_budget_has_its_own_words(scope: BudgetScope, told: str, advice: str) -> None:
    account = Account(scope=scope, key="SECRET-KEY", limit_microusd=500_000)

    error = exceeded(Balance(account=account, spent_microusd=100_000), 1_000_000)

    assert (error.code, error.message, error.advice) == ("budget_exceeded", told, advice)
    assert error.retryable is False


def test_what_other_calls_hold_is_told_apart_from_what_is_spent() -> None:
    account = Account(scope=BudgetScope.TICKET, key="7", limit_microusd=500_000)

    error = exceeded(
        Balance(account=account, spent_microusd=100_000, held_microusd=450_000), 20_000
    )

    assert error.message == (
        "The budget of this ticket ($0.50) has $0.00 left ($0.45 more is held for calls under "
        "way), and the call needs about $0.02."
    )
