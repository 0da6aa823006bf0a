"""A person takes over where the ticket grows too dear or the answer is not sure enough."""

import pytest

from mcp_router.decide.handover import gate_reason, hand_over_reason
from mcp_router.domain.budget import UNSPENT, Account, Balance, BudgetPlan, BudgetScope, SpendView
from mcp_router.domain.guardrails import AnswerConfidence, ConfidencePlan, ConfidenceSource

PLAN = BudgetPlan(ticket_expected_microusd=10_000, hand_over_at=2.5)
FLOOR = ConfidencePlan(sources=(ConfidenceSource.SELF_RATING,), floor=0.6)


def spent(microusd: int, *, scope: BudgetScope = BudgetScope.TICKET, held: int = 0) -> SpendView:
    account = Account(scope=scope, key="4711")
    return SpendView(
        balances=(Balance(account=account, spent_microusd=microusd, held_microusd=held),)
    )


def test_a_ticket_that_costs_more_than_the_multiple_goes_to_a_person() -> None:
    assert hand_over_reason(PLAN, spent(25_001)) == (
        "the ticket has cost $0.025001, more than 2.5 times the $0.010000 that is expected of one"
    )


@pytest.mark.parametrize(
    ("plan", "spend"),
    [
        (PLAN, spent(25_000)),
        (PLAN, spent(0, held=90_000)),  # perhaps it will not be spent
        (PLAN, spent(90_000, scope=BudgetScope.TENANT)),
        (PLAN, UNSPENT),
        (BudgetPlan(hand_over_at=2.5), spent(90_000)),
        (BudgetPlan(ticket_expected_microusd=10_000), spent(90_000)),
    ],
)
def test_every_other_ticket_stays(plan: BudgetPlan, spend: SpendView) -> None:
    assert hand_over_reason(plan, spend) is None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (ConfidenceSource.LOG_PROBABILITIES, "the probabilities of its words"),
        (ConfidenceSource.SELF_RATING, "the model's own rating"),
        (ConfidenceSource.CHECKS, "the share of format checks that it passed"),
        (ConfidenceSource.RETRIEVAL, "the host's confidence in what it retrieved"),
    ],
)
def test_an_answer_below_the_floor_is_not_published(source: ConfidenceSource, words: str) -> None:
    assert gate_reason(FLOOR, AnswerConfidence(value=0.594, source=source)) == (
        f"the answer's confidence is 0.59 of 1 by {words}, and the policy asks for 0.60"
    )


def test_an_answer_that_nothing_vouches_for_is_not_published() -> None:
    assert gate_reason(FLOOR, None) == (
        "nothing tells how sure the answer is, and the policy asks for 0.60 of 1"
    )


def test_an_answer_at_the_floor_or_without_one_is_published() -> None:
    at = AnswerConfidence(value=0.6, source=ConfidenceSource.CHECKS)
    low = AnswerConfidence(value=0.0, source=ConfidenceSource.CHECKS)

    assert gate_reason(FLOOR, at) is None
    assert gate_reason(ConfidencePlan(), low) is None
    assert gate_reason(ConfidencePlan(), None) is None
