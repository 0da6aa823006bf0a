"""The packaged support policy keeps its promises to support, finance and whoever is on call."""

import pytest

from mcp_router.domain.policy import Policy, Rule
from mcp_router.domain.target import TargetKind
from mcp_router.policy.routed import COMPLETION_TOOL, READING_TOOLS, WRITING_TOOLS
from mcp_router.policy.source import PolicySource

FAMILIES = {"claude": "anthropic", "gpt": "openai", "gemini": "google"}


@pytest.fixture(scope="module")
def support() -> Policy:
    return PolicySource(None).load("support@1")


def completion_rules(policy: Policy) -> list[Rule]:
    return [rule for rule in policy.rules if rule.when.tools == (COMPLETION_TOOL,)]


def test_it_is_what_calls_use_when_they_name_no_version() -> None:
    source = PolicySource(None)

    assert source.names() == ("support",)
    assert source.load("support") == source.load("support@1")


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
    assert len(counts) == 26


def test_only_a_confident_match_is_answered_by_the_cheap_pool_first(support: Policy) -> None:
    cheap = [rule for rule in completion_rules(support) if rule.pool == "cost"]

    assert [rule.id for rule in cheap] == ["routine"]
    assert all(rule.when.intents for rule in cheap)
    assert all((rule.when.min_confidence or 0.0) >= 0.6 for rule in cheap)


def test_the_safety_of_an_account_is_never_left_to_weaker_models(support: Policy) -> None:
    first = completion_rules(support)[0]

    assert first.id == "account-safety"
    assert (first.pool, first.fallback) == ("quality", ())
    assert {"account_recovery", "identity_verification"} <= set(first.when.intents)


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
