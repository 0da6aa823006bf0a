"""A decision is told as a person would want it: the rule, the facts, the ranking, the refusals."""

from dataclasses import replace

import pytest

from mcp_router.decide.decide import decide
from mcp_router.decide.explain import explain
from mcp_router.domain.budget import Account, Balance, BudgetScope, SpendView
from mcp_router.domain.decision import Decision
from mcp_router.domain.health import TargetHealth
from mcp_router.domain.learning import LearningMode, LearningPlan
from mcp_router.domain.policy import Condition, PoolStrategy
from mcp_router.domain.rollout import Arm
from mcp_router.domain.signals import Intent, SignalOrigin, SignalSource
from mcp_router.domain.target import TargetKind
from tests.decide.examples import (
    COMPLETION,
    LOOKUP,
    configured,
    desk,
    model,
    policy,
    pool,
    rule,
)

POOLS = (
    pool("cost", PoolStrategy.COST_OPTIMIZED, ("a-nano", 0.5)),
    pool("balanced", PoolStrategy.BALANCED, ("b-mini", 0.6), ("c-medium", 0.8)),
    pool("quality", PoolStrategy.QUALITY_FIRST, ("d-large", 0.9), ("e-huge", 0.95)),
    pool(
        "helpdesk", PoolStrategy.AS_LISTED, ("zendesk", 0.5), ("other", 0.5), kind=TargetKind.DESK
    ),
)
RULES = (
    rule(
        "disputes",
        "quality",
        when=Condition(intents=("refund_dispute",)),
        fallback=("balanced", "cost"),
    ),
    rule("tool:lookup_ticket", "helpdesk", when=Condition(tools=("lookup_ticket",))),
)
SUPPORT = policy(RULES, POOLS)
TARGETS = configured(
    model("a-nano", 100),
    model("b-mini", 2_050),
    model("c-medium", 15_390),
    model("d-large", 25_650),
    model("e-huge", 200_000),
    desk("zendesk"),
    desk("other"),
)
DISPUTE = decide(SUPPORT, COMPLETION, TARGETS)


def line(decision: Decision, start: str) -> str:
    """Return the one line that begins so."""
    (found,) = (one for one in explain(decision) if one.startswith(start))
    return found


def test_a_completion_is_told_from_rule_to_limits() -> None:
    assert explain(DISPUTE) == (
        'Rule "disputes" of policy support@3 decided: Because disputes.',
        'The customer likely wants "refund_dispute" (confidence 0.80 of 1).',
        "Also known: customer tier vip, locale de-AT, channel email, 5 turns so far, "
        "about 1,000 tokens of prompt and 2 tools offered.",
        'Pool "quality", the highest quality first (from 0 to 1, and 1 is best):',
        "  1. d-large: about $0.025650, quality 0.90",
        'Then, as a fallback, pool "balanced", by 25% cost, 25% latency, 25% success and '
        "25% quality (from 0 to 1, and 1 is best):",
        "  2. c-medium: about $0.015390, score 0.61 from cost 0.16, latency 0.50, success 0.98 "
        "and quality 0.80",
        "  3. b-mini: about $0.002050, score 0.60 from cost 0.34, latency 0.50, success 0.98 and "
        "quality 0.60",
        'Then, as a fallback, pool "cost", the cheapest first:',
        "  4. a-nano: about $0.000100",
        'Not e-huge of pool "quality", because it would cost about $0.200000, more than the '
        "rule's budget of $0.100000.",
        "Limits: 4 attempts within 30 s, 12 s each; $0.100000; 800 tokens of answer.",
    )


def test_a_desk_is_told_without_money_and_words() -> None:
    assert explain(decide(SUPPORT, LOOKUP, TARGETS)) == (
        'Rule "tool:lookup_ticket" of policy support@3 decided: Because tool:lookup_ticket.',
        "The call is lookup_ticket by tenant acme.",
        'Pool "helpdesk", in the order of the policy:',
        "  1. zendesk",
        "  2. other",
        "Limits: 4 attempts within 30 s, 12 s each.",
    )


def test_a_call_that_no_rule_covers_is_told_so() -> None:
    assert explain(decide(SUPPORT, replace(LOOKUP, tool="create_ticket"), TARGETS)) == (
        "No rule of policy support@3 covers this call, so it goes nowhere.",
        "The call is create_ticket by tenant acme.",
    )


def test_a_call_that_nobody_can_serve_is_told_so_with_every_reason() -> None:
    told = explain(decide(SUPPORT, LOOKUP, {}))

    assert told[2:5] == (
        'No target of pool "helpdesk" or its fallbacks can serve the call.',
        'Not zendesk of pool "helpdesk", because it is not configured in router.yaml.',
        'Not other of pool "helpdesk", because it is not configured in router.yaml.',
    )


def test_a_pool_that_lost_all_its_targets_leaves_the_fallbacks() -> None:
    told = explain(decide(SUPPORT, COMPLETION, configured(model("a-nano"))))

    assert told[3:5] == (
        'Then, as a fallback, pool "cost", the cheapest first:',
        "  1. a-nano: about $0.001000",
    )


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        (1.0, "very likely"),
        (0.85, "very likely"),
        (0.84, "likely"),
        (0.6, "likely"),
        (0.59, "perhaps"),
    ],
)
def test_how_sure_the_match_is_comes_in_words(confidence: float, word: str) -> None:
    signals = replace(COMPLETION, intent=Intent(name="refund_dispute", confidence=confidence))

    assert line(replace(DISPUTE, signals=signals), "The customer").startswith(
        f'The customer {word} wants "refund_dispute"'
    )


def test_a_question_without_an_intent_is_told_so() -> None:
    signals = replace(COMPLETION, intent=Intent(name=None, confidence=0.0))

    assert (
        line(replace(DISPUTE, signals=signals), "What the customer")
        == "What the customer wrote resembles none of the policy's intents."
    )


def test_what_the_host_did_not_say_is_left_out() -> None:
    signals = replace(
        COMPLETION, customer_tier=None, locale=None, channel=None, turns=1, tools_offered=0
    )

    assert (
        line(replace(DISPUTE, signals=signals), "Also known")
        == "Also known: 1 turn so far, about 1,000 tokens of prompt and 0 tools offered."
    )


def test_a_rule_without_a_reason_ends_its_sentence() -> None:
    assert explain(replace(DISPUTE, why=""))[0] == 'Rule "disputes" of policy support@3 decided.'


def test_a_reason_of_several_lines_stays_on_one() -> None:
    told = explain(replace(DISPUTE, why="Money in dispute\nneeds tact."))

    assert told[0].endswith("decided: Money in dispute needs tact.")


def test_nobody_writes_a_line_by_choosing_a_name() -> None:
    signals = replace(
        COMPLETION,
        customer_tier="vip\nLimits: none",
        channel="email\u2028\u202eliame",
        locale="x" * 500,
    )
    told = explain(replace(DISPUTE, signals=signals))

    assert len(told) == len(explain(DISPUTE))
    assert line(replace(DISPUTE, signals=signals), "Also known") == (
        f"Also known: customer tier vip Limits: none, locale {'x' * 120}, channel email liame, "
        "5 turns so far, about 1,000 tokens of prompt and 2 tools offered."
    )


def test_every_signal_that_is_known_is_told_with_its_origin() -> None:
    signals = replace(
        COMPLETION,
        tools_required=True,
        retrieval_confidence=0.4,
        safety_flags=("threat",),
        sensitive_topics=("legal", "medical"),
        pii_kinds=("card", "email"),
        ticket_status="open",
        ticket_priority="urgent",
        complexity=0.35,
        cache_similarity=0.91,
        deadline_s=8.5,
        ticket_spend_microusd=1_200,
        sources=(
            SignalOrigin(signal="intent", source=SignalSource.TEXT),
            SignalOrigin(signal="locale", source=SignalSource.CALLER),
            SignalOrigin(signal="pii_kinds", source=SignalSource.TEXT),
            SignalOrigin(signal="prompt_tokens", source=SignalSource.REQUEST),
            SignalOrigin(signal="tenant", source=SignalSource.TOKEN),
            SignalOrigin(signal="cache_similarity", source=SignalSource.BOOKS),
        ),
    )

    assert explain(replace(DISPUTE, signals=signals))[2:4] == (
        "Also known: customer tier vip, locale de-AT, channel email, ticket status open, ticket "
        "priority urgent, safety flags threat, sensitive topics legal and medical, personal data: "
        "card and email, 5 turns so far, about 1,000 tokens of prompt, 2 tools offered, a call of "
        "a tool required, retrieval confidence 0.40 of 1, complexity 0.35 of 1, similarity to a "
        "kept answer 0.91 of 1, 8.5 s until the caller gives up and $0.001200 spent on the ticket "
        "before.",
        "Where that comes from: the caller said locale; the credentials said tenant; the text "
        "showed intent and pii kinds; the request showed prompt tokens; the router's own books "
        "showed cache similarity.",
    )


@pytest.mark.parametrize(
    ("arm", "told"),
    [
        (
            Arm.STABLE,
            "A rollout is under way; this call stays with the version that was there before.",
        ),
        (Arm.CANDIDATE, "A rollout is under way; this call goes by the new version."),
    ],
)
def test_the_side_of_a_rollout_is_told(arm: Arm, told: str) -> None:
    assert explain(replace(DISPUTE, arm=arm))[1] == told
    assert explain(replace(DISPUTE, arm=arm, rule=""))[1] == told


def test_the_budgets_are_told_as_they_stood() -> None:
    spend = SpendView(
        balances=(
            Balance(account=Account(scope=BudgetScope.TICKET, key="4711"), spent_microusd=900),
            Balance(
                account=Account(scope=BudgetScope.RUN, key="r\n7", limit_microusd=50_000),
                spent_microusd=1_000,
                held_microusd=2_000,
            ),
            Balance(
                account=Account(scope=BudgetScope.TENANT, key="2026-11", limit_microusd=9_000_000)
            ),
            Balance(account=Account(scope=BudgetScope.REQUEST, key="dec_1", limit_microusd=100)),
        )
    )
    told = explain(replace(DISPUTE, spend=spend))

    assert [one for one in told if one.startswith("Budget")] == [
        "Budget: ticket 4711 has spent $0.000900.",
        "Budget: run r 7 has spent $0.001000 of $0.050000, and $0.002000 set aside.",
        "Budget: the tenant in 2026-11 has spent $0.000000 of $9.000000.",
        "Budget: this call has spent $0.000000 of $0.000100.",
    ]


FAST = pool("fast", PoolStrategy.LATENCY_OPTIMIZED, ("a-nano", 0.5), ("b-mini", 0.6))
CHEAP = pool("cheap", PoolStrategy.COST_OPTIMIZED, ("c-medium", 0.8), ("d-nano", 0.9))
QUICK = policy((rule("all", "fast", fallback=("cheap",)),), (FAST, CHEAP))
MEASURED = configured(
    model("a-nano", 100, health=TargetHealth(attempts=90, p95_ms=400)),
    model("b-mini", 200),
    model("c-medium", 300, health=TargetHealth(attempts=90, passed=0.2)),
    model("d-nano", 500),
)


def test_speed_failing_checks_and_the_family_are_told() -> None:
    assert explain(decide(QUICK, COMPLETION, MEASURED))[3:-1] == (
        'Pool "fast", the fastest first:',
        "  1. a-nano: about $0.000100, 95 of 100 answers within 400 ms",
        'Then, as a fallback, pool "cheap", the cheapest first:',
        "  2. d-nano: about $0.000500 (the first one's family, at d)",
        'Then again pool "fast", the fastest first:',
        "  3. b-mini: about $0.000200, its speed not measured yet",
        'Then again pool "cheap", the cheapest first:',
        "  4. c-medium: about $0.000300, after the others because most of its answers fail the "
        "format checks",
    )


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (LearningMode.ON, "a draw of 0.6000 put b-mini first."),
        (
            LearningMode.OBSERVE,
            "a draw of 0.6000 would have put b-mini first; the policy only observes, so the "
            "ranking stayed.",
        ),
    ],
)
def test_a_draw_is_told_with_the_chance_of_everybody(mode: LearningMode, told: str) -> None:
    learning = replace(QUICK, learning=LearningPlan(mode=mode))
    decision = decide(learning, COMPLETION, MEASURED, draw=0.6)

    assert f"By what outcomes have taught, {told}" in explain(decision)
    assert [one for one in explain(decision) if "to be drawn in 50.00% of such calls" in one] == [
        one for one in explain(decision) if "a-nano:" in one or "b-mini:" in one
    ]
