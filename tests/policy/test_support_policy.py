"""The packaged support policy keeps its promises to support, finance and whoever is on call."""

import pytest

from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.guardrails import NO_CHECKS
from mcp_router.domain.learning import LearningPlan
from mcp_router.domain.policy import NO_REQUIREMENTS, Policy, Rule, Weights
from mcp_router.domain.target import TargetKind
from mcp_router.policy.routed import COMPLETION_TOOL, READING_TOOLS, WRITING_TOOLS
from mcp_router.policy.source import PolicySource

# What the router itself finds in texts; docs/policies.md tells them.
SAFETY = ("injection", "self_harm", "threat")
TOPICS = (
    "bereavement", "data_rights", "fraud", "hardship", "legal", "medical", "minors", "press",
    "security_report",
)  # fmt: skip
KINDS = (
    "card", "date_of_birth", "email", "iban", "ip_address", "passport", "phone", "secret", "ssn",
)  # fmt: skip

FAMILIES = {"claude": "anthropic", "gpt": "openai", "gemini": "google"}


@pytest.fixture(scope="module")
def support() -> Policy:
    return PolicySource(None).load("support@2")


def completion_rules(policy: Policy) -> list[Rule]:
    return [rule for rule in policy.rules if rule.when.tools == (COMPLETION_TOOL,)]


def test_it_is_what_calls_use_when_they_name_no_version() -> None:
    source = PolicySource(None)

    assert source.names() == ("support",)
    assert source.load("support") == source.load("support@2")


def test_the_first_version_stays_as_it_was_released() -> None:
    first = PolicySource(None).load("support@1")

    assert first.digest == "a348c14a8e78a4ccf64de273fa0222131809b8970adab9a587443ed9aae0de21"
    assert {pool.weights for pool in first.pools} == {Weights()}
    assert (first.budgets, first.learning, first.cases) == (BudgetPlan(), LearningPlan(), ())
    assert {(rule.requires, rule.checks, rule.cache) for rule in first.rules} == {
        (NO_REQUIREMENTS, NO_CHECKS, None)
    }


def test_it_has_the_five_pools_of_the_design(support: Policy) -> None:
    assert {pool.name: pool.kind for pool in support.pools} == {
        "cost": TargetKind.MODEL,
        "balanced": TargetKind.MODEL,
        "quality": TargetKind.MODEL,
        "helpdesk": TargetKind.DESK,
        "crm": TargetKind.DESK,
    }


def test_the_outage_of_one_provider_stops_no_pool(support: Policy) -> None:
    for pool in support.pools:
        if pool.kind is TargetKind.MODEL:
            providers = {FAMILIES[target.target.partition("-")[0]] for target in pool.targets}
            assert providers == {"anthropic", "openai", "google"}, pool.name


def test_every_intent_has_eight_to_fifteen_phrases(support: Policy) -> None:
    counts = {intent.name: len(intent.examples) for intent in support.intents}

    assert {name: count for name, count in counts.items() if not 8 <= count <= 15} == {}
    assert len(counts) == 27


def test_only_a_confident_match_is_answered_by_the_cheap_pool_first(support: Policy) -> None:
    cheap = [rule for rule in completion_rules(support) if rule.pool == "cost"]

    assert [rule.id for rule in cheap] == ["routine", "routine-account"]
    assert all(rule.when.intents for rule in cheap)
    assert all((rule.when.min_confidence or 0.0) >= 0.6 for rule in cheap)


def test_danger_and_the_safety_of_an_account_are_never_left_to_weaker_models(
    support: Policy,
) -> None:
    danger, account, *_ = completion_rules(support)

    assert (danger.id, danger.pool, danger.fallback) == ("danger", "quality", ())
    assert (account.id, account.pool, account.fallback) == ("account-safety", "quality", ())
    assert {danger.requires.min_quality, account.requires.min_quality} == {0.9}
    assert {"account_recovery", "identity_verification"} <= set(account.when.intents)


def test_every_flag_topic_and_grave_kind_of_data_goes_to_the_quality_pool(support: Policy) -> None:
    careful = [
        rule
        for rule in completion_rules(support)
        if rule.when.safety_flags or rule.when.sensitive_topics or rule.when.pii_kinds
    ]

    assert {rule.pool for rule in careful} == {"quality"}
    assert {flag for rule in careful for flag in rule.when.safety_flags} == set(SAFETY)
    assert {topic for rule in careful for topic in rule.when.sensitive_topics} == set(TOPICS)
    assert {kind for rule in careful for kind in rule.when.pii_kinds} <= set(KINDS)


def test_only_what_is_the_same_for_everybody_is_kept(support: Policy) -> None:
    kept = [rule for rule in support.rules if rule.cache is not None]
    specific = {one.name for one in support.intents if one.account_specific}

    assert [rule.id for rule in kept] == ["routine"]
    assert specific.isdisjoint(kept[0].when.intents)
    assert {"order_tracking", "invoice_copy", "refund_status", "account_recovery"} <= specific


def test_its_own_cases_are_many_and_about_every_rule(support: Policy) -> None:
    about = {case.expected.rule for case in support.cases}

    assert len(support.cases) >= 15
    assert {rule.id for rule in completion_rules(support)} - about == set()


def test_a_ticket_is_handed_over_before_its_budget_ends(support: Policy) -> None:
    plan = support.budgets

    assert plan == BudgetPlan(
        ticket_microusd=500_000,
        run_microusd=1_000_000,
        tenant_month_microusd=2_000_000_000,
        ticket_expected_microusd=20_000,
        hand_over_at=10,
    )


@pytest.mark.parametrize("intent", ["refund_dispute", "account_recovery", "identity_verification"])
def test_disputes_recovery_and_identity_go_to_the_quality_pool(
    support: Policy, intent: str
) -> None:
    holding = [rule for rule in completion_rules(support) if intent in rule.when.intents]

    assert [rule.pool for rule in holding] == ["quality"]


@pytest.mark.parametrize(
    "intent", ["password_reset", "return_window", "shipping_cutoff", "plan_limits"]
)
def test_routine_questions_go_to_the_cost_pool(support: Policy, intent: str) -> None:
    holding = [rule for rule in completion_rules(support) if intent in rule.when.intents]

    assert [rule.pool for rule in holding] == ["cost"]


def test_whatever_no_rule_names_goes_to_the_balanced_pool(support: Policy) -> None:
    last = completion_rules(support)[-1]

    assert last.id == "conversation"
    assert last.pool == "balanced"
    assert (last.when.intents, last.when.min_confidence) == ((), None)


def test_every_desk_tool_has_a_desk_and_no_write_a_second_one(support: Policy) -> None:
    tools = {rule.when.tools[0]: rule for rule in support.rules if rule.id.startswith("tool:")}

    assert set(tools) == READING_TOOLS | WRITING_TOOLS
    assert {name: rule.fallback for name, rule in tools.items() if rule.fallback} == {
        "find_customer": ("helpdesk",)
    }


def test_two_attempts_fit_into_every_deadline(support: Policy) -> None:
    tight = [
        rule.id
        for rule in support.rules
        if 2 * rule.limits.attempt_timeout_s > rule.limits.deadline_s
    ]

    assert tight == []
