"""A policy's answer to a call: rule, candidates pool by pool, and every refusal."""

from dataclasses import replace

from mcp_router.decide.decide import decide
from mcp_router.decide.plan import NOTHING
from mcp_router.domain.budget import Account, Balance, BudgetScope, SpendView
from mcp_router.domain.decision import Decision, Rejection
from mcp_router.domain.learning import Choice, LearningMode, LearningPlan
from mcp_router.domain.policy import (
    Condition,
    FallbackOrder,
    PoolStrategy,
    Requirements,
)
from mcp_router.domain.rollout import Arm
from mcp_router.domain.target import TargetKind
from tests.decide.examples import (
    COMPLETION,
    LIMITS,
    LOOKUP,
    configured,
    desk,
    model,
    policy,
    pool,
    ranked,
    rule,
)

COST = pool("cost", PoolStrategy.COST_OPTIMIZED, ("a-nano", 0.5), ("b-mini", 0.6))
BALANCED = pool("balanced", PoolStrategy.BALANCED, ("b-mini", 0.6), ("c-medium", 0.8))
QUALITY = pool("quality", PoolStrategy.QUALITY_FIRST, ("d-large", 0.9), ("c-medium", 0.8))
HELPDESK = pool("helpdesk", PoolStrategy.AS_LISTED, ("zendesk", 0.5), kind=TargetKind.DESK)
POOLS = (COST, BALANCED, QUALITY, HELPDESK)
MODELS = configured(
    model("a-nano", 100), model("b-mini", 200), model("c-medium", 900), model("d-large", 5_000)
)
DISPUTES = rule(
    "disputes",
    "quality",
    when=Condition(intents=("refund_dispute",)),
    fallback=("balanced", "cost"),
)
REST = rule("rest", "cost", when=Condition(tools=("route_completion",)), fallback=("balanced",))
DESKS = rule("tool:lookup_ticket", "helpdesk", when=Condition(tools=("lookup_ticket",)))
SUPPORT = policy((DISPUTES, REST, DESKS), POOLS)


def test_the_whole_decision() -> None:
    decision = decide(SUPPORT, COMPLETION, configured(MODELS["d-large"]))

    assert decision == Decision(
        policy="support@3",
        policy_digest="d1",
        rule="disputes",
        why="Because disputes.",
        pool="quality",
        signals=COMPLETION,
        candidates=decision.candidates,
        rejections=tuple(
            Rejection(target=target, pool=where, reason="it is not configured in router.yaml")
            for target, where in (
                ("c-medium", "quality"),
                ("b-mini", "balanced"),
                ("a-nano", "cost"),
            )
        ),
        limits=LIMITS,
        facts=(MODELS["d-large"],),
    )
    assert ranked(decision) == [("quality", "d-large")]


def test_fallback_pools_come_after_in_their_order() -> None:
    assert ranked(decide(SUPPORT, COMPLETION, MODELS)) == [
        ("quality", "d-large"),
        ("quality", "c-medium"),
        ("balanced", "b-mini"),
        ("cost", "a-nano"),
    ]


def test_a_target_stands_in_the_first_pool_that_lists_it() -> None:
    other = replace(COMPLETION, intent=replace(COMPLETION.intent, name="password_reset"))

    assert ranked(decide(SUPPORT, other, MODELS)) == [
        ("cost", "a-nano"),
        ("cost", "b-mini"),
        ("balanced", "c-medium"),
    ]


def test_a_target_that_was_rejected_is_not_tried_again_by_another_pool() -> None:
    dear = MODELS | configured(model("c-medium", LIMITS.budget_microusd + 1))
    decision = decide(SUPPORT, COMPLETION, dear)

    assert [(one.pool, one.target) for one in decision.rejections] == [("quality", "c-medium")]
    assert "c-medium" not in [one.target for one in decision.candidates]


def test_a_target_that_a_pool_names_twice_stands_once() -> None:
    twice = pool("cost", PoolStrategy.AS_LISTED, ("b-mini", 0.5), ("a-nano", 0.5), ("b-mini", 0.5))

    assert ranked(decide(policy((rule("all", "cost"),), (twice,)), COMPLETION, MODELS)) == [
        ("cost", "b-mini"),
        ("cost", "a-nano"),
    ]


def test_a_desk_serves_its_tools() -> None:
    decision = decide(SUPPORT, LOOKUP, configured(desk("zendesk")))

    assert (decision.rule, decision.pool) == ("tool:lookup_ticket", "helpdesk")
    assert ranked(decision) == [("helpdesk", "zendesk")]


def test_a_decision_may_leave_nobody() -> None:
    decision = decide(SUPPORT, COMPLETION, {})

    assert decision.candidates == ()
    assert [one.target for one in decision.rejections] == [
        "d-large",
        "c-medium",
        "b-mini",
        "a-nano",
    ]


def test_a_call_that_no_rule_covers_goes_nowhere() -> None:
    stranger = replace(LOOKUP, tool="create_ticket")

    assert decide(SUPPORT, stranger, MODELS) == Decision(
        policy="support@3",
        policy_digest="d1",
        rule="",
        why="",
        pool="",
        signals=stranger,
        candidates=(),
        rejections=(),
        limits=NOTHING,
        facts=tuple(MODELS.values()),
    )


KIN = configured(
    replace(model("a-x", 100), provider="openai", family="gpt"),
    replace(model("b-y", 200), provider="mistral", family="mistral"),
    replace(model("c-x", 300), provider="azure", family="gpt"),
    replace(model("d-z", 400), provider="openai", family="gpt"),
)
FIRST = pool("first", PoolStrategy.COST_OPTIMIZED, ("a-x", 0.5), ("b-y", 0.5), ("d-z", 0.5))
SECOND = pool("second", PoolStrategy.QUALITY_FIRST, ("c-x", 0.5))
ALL = (rule("all", "first", fallback=("second",)),)


def test_the_same_family_at_another_provider_takes_over_first() -> None:
    assert ranked(decide(policy(ALL, (FIRST, SECOND)), COMPLETION, KIN)) == [
        ("first", "a-x"),
        ("second", "c-x"),  # the first one's family elsewhere, though of a later pool
        ("first", "b-y"),
        ("first", "d-z"),  # the same provider would share the outage
    ]


def test_a_policy_may_fall_back_by_rank_alone() -> None:
    by_rank = policy(ALL, (FIRST, SECOND), order=FallbackOrder.RANKED)

    assert ranked(decide(by_rank, COMPLETION, KIN)) == [
        ("first", "a-x"),
        ("first", "b-y"),
        ("first", "d-z"),
        ("second", "c-x"),
    ]


def test_what_a_rule_requires_holds_for_its_fallbacks_too() -> None:
    careful = rule(
        "all", "first", fallback=("second",), requires=Requirements(max_retention_days=30)
    )
    kept = {name: replace(one, retention_days=30) for name, one in KIN.items() if name != "c-x"}
    decision = decide(policy((careful,), (FIRST, SECOND)), COMPLETION, kept | {"c-x": KIN["c-x"]})

    assert decision.rejections == (
        Rejection(
            target="c-x",
            pool="second",
            reason="nobody knows how long it keeps data, and the rule allows 30 days",
        ),
    )


def test_a_decision_holds_what_it_was_made_of() -> None:
    spend = SpendView(
        balances=(Balance(account=Account(scope=BudgetScope.TICKET, key="7"), spent_microusd=3),)
    )
    learning = LearningPlan(mode=LearningMode.ON)
    decision = decide(
        policy(ALL, (FIRST, SECOND), learning=learning),
        COMPLETION,
        dict(reversed(KIN.items())),
        spend,
        arm=Arm.CANDIDATE,
        draw=0.5,
    )

    assert (decision.arm, decision.spend, decision.facts) == (
        Arm.CANDIDATE,
        spend,
        tuple(KIN.values()),
    )
    assert decision.choice == Choice(mode=LearningMode.ON, draw=0.5, target="b-y")
    assert ranked(decision)[0] == ("first", "b-y")


def test_a_policy_that_does_not_learn_takes_no_notice_of_a_draw() -> None:
    plain = policy(ALL, (FIRST, SECOND))

    assert decide(plain, COMPLETION, KIN, draw=0.9) == decide(plain, COMPLETION, KIN)


def test_two_documents_of_one_digest_do_not_answer_for_each_other() -> None:
    one = policy((rule("all", "first"),), (FIRST, SECOND))
    other = policy((rule("all", "second"),), (FIRST, SECOND))

    assert [decide(each, COMPLETION, KIN).pool for each in (one, other, one)] == [
        "first",
        "second",
        "first",
    ]
