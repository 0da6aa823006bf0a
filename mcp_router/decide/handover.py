"""When a person takes over, and the reason that is told."""

from mcp_router.domain.budget import BudgetPlan, BudgetScope, SpendView
from mcp_router.domain.guardrails import AnswerConfidence, ConfidencePlan, ConfidenceSource
from mcp_router.domain.money import format_usd

SOURCES = {
    ConfidenceSource.LOG_PROBABILITIES: "the probabilities of its words",
    ConfidenceSource.SELF_RATING: "the model's own rating",
    ConfidenceSource.CHECKS: "the share of format checks that it passed",
    ConfidenceSource.RETRIEVAL: "the host's confidence in what it retrieved",
}
"""Where a confidence comes from, in words."""


def hand_over_reason(plan: BudgetPlan, spend: SpendView) -> str | None:
    """Return why the ticket's spend calls for a person, None if it does not.

    Only what was spent counts, not what calls under way hold.
    """
    balance = spend.of(BudgetScope.TICKET)
    expected = plan.ticket_expected_microusd

    if balance is None or expected is None or plan.hand_over_at is None:
        return None

    if balance.spent_microusd <= plan.hand_over_at * expected:
        return None

    return (
        f"the ticket has cost {format_usd(balance.spent_microusd)}, more than "
        f"{plan.hand_over_at:g} times the {format_usd(expected)} that is expected of one"
    )


def gate_reason(plan: ConfidencePlan, confidence: AnswerConfidence | None) -> str | None:
    """Return why the answer must not be published, None if it may be.

    Where the policy sets a floor and nothing tells how sure the answer is, it must not: a floor
    that nobody can see is no permission.
    """
    if plan.floor is None:
        return None

    if confidence is None:
        return (
            f"nothing tells how sure the answer is, and the policy asks for {plan.floor:.2f} of 1"
        )

    if confidence.value >= plan.floor:
        return None

    return (
        f"the answer's confidence is {confidence.value:.2f} of 1 by "
        f"{SOURCES[confidence.source]}, and the policy asks for {plan.floor:.2f}"
    )
