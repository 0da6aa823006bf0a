"""What a document says beyond the routes reaches the policy: targets, answers, money, cases."""

from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.guardrails import (
    AdvisorPlan,
    AnswerChecks,
    CachePlan,
    ConfidencePlan,
    ConfidenceSource,
)
from mcp_router.domain.learning import LearningMode, LearningPlan
from mcp_router.domain.policy import FallbackOrder, Requirements, Weights
from mcp_router.domain.policy_case import Expected, PolicyCase
from mcp_router.domain.signals import Signals
from mcp_router.policy.source import examine
from tests.policy.documents import VALID, changed

GUARDS = """\
    limits: {budget_usd: 0.2, deadline_s: 60, attempt_timeout_s: 20}
    requires:
      quality_at_least: 0.9
      p95_ms_at_most: 1500
      residency: eu
      retention_days_at_most: 0
      capabilities: [tools, json]
    checks:
      json_schema: {type: object, required: [team]}
      max_characters: 900
      required_phrases: [thank you]
      forbidden_phrases: [never]
      language: same
      citations: 2
    confidence: {from: [self_rating, checks], floor: 0.3}
    advisor: {pool: strong, below: 0.6, budget_usd: 0.03}
    cache: {ttl_s: 60}
"""


def test_everything_that_a_rule_asks_of_targets_and_answers_reaches_it() -> None:
    text = changed("    limits: {budget_usd: 0.2, deadline_s: 60, attempt_timeout_s: 20}\n", GUARDS)

    policy = examine(text.encode(), file="x").policy

    assert policy is not None
    rule = policy.rules[0]
    assert rule.requires == Requirements(
        min_quality=0.9,
        max_p95_ms=1500,
        residency=("eu",),
        max_retention_days=0,
        capabilities=("tools", "json"),
    )
    assert rule.checks == AnswerChecks(
        json_schema='{"required":["team"],"type":"object"}',
        max_characters=900,
        required_phrases=("thank you",),
        forbidden_phrases=("never",),
        language="same",
        citations=2,
    )
    assert rule.confidence == ConfidencePlan(
        sources=(ConfidenceSource.SELF_RATING, ConfidenceSource.CHECKS), floor=0.3
    )
    assert rule.advisor == AdvisorPlan(
        pool="strong", below=0.6, max_microusd=30_000, max_output_tokens=200
    )
    assert rule.cache == CachePlan(ttl_s=60, min_similarity=1.0)


BEYOND = """\
evaluation: reports/shop-2.json
fallback_order: ranked
budgets:
  ticket_usd: 0.5
  run_usd: 1
  tenant_month_usd: 2000
  ticket_expected_usd: 0.02
  hand_over_at: 10
learning: {mode: "on", exploration: 0.1}
tests:
  - {name: a return is cheap, text: can I return this, expect: {pool: cheap}}
"""


def test_what_holds_for_the_whole_policy_reaches_it() -> None:
    text = VALID.replace("  dispute:\n", "  dispute:\n    account_specific: true\n")
    text = text.replace("cost-optimized\n", "balanced\n    weights: {cost: 3, latency: 1}\n")

    policy = examine(f"{text}{BEYOND}".encode(), file="x").policy

    assert policy is not None
    assert policy.evaluation == "reports/shop-2.json"
    assert policy.fallback_order is FallbackOrder.RANKED
    assert policy.budgets == BudgetPlan(
        ticket_microusd=500_000,
        run_microusd=1_000_000,
        tenant_month_microusd=2_000_000_000,
        ticket_expected_microusd=20_000,
        hand_over_at=10,
    )
    assert policy.learning == LearningPlan(mode=LearningMode.ON, exploration=0.1, min_quality=0)
    assert policy.cases == (
        PolicyCase(
            name="a return is cheap",
            given=Signals(tool="route_completion", tenant="local"),
            expected=Expected(pool="cheap"),
            text="can I return this",
        ),
    )
    assert [one.account_specific for one in policy.intents] == [False, True]
    assert policy.pools[0].weights == Weights(cost=0.75, latency=0.25, success=0, quality=0)
