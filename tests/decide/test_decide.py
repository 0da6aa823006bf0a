"""A policy's answer to a call: rule, candidates pool by pool, and every refusal."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.canonical import canonical_json, plain
from mcp_router.decide.decide import decide
from mcp_router.decide.plan import NOTHING
from mcp_router.domain.decision import Decision, Rejection
from mcp_router.domain.policy import Condition, Policy, PoolStrategy
from mcp_router.domain.target import TargetFacts, TargetKind
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


NAMES = [f"m{at}" for at in range(6)]
MEMBERS = st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 1)), max_size=5)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    pools = tuple(
        pool(f"p{at}", draw(st.sampled_from(PoolStrategy)), *draw(MEMBERS)) for at in range(3)
    )
    order = draw(st.permutations(["p0", "p1", "p2"]))
    budget = draw(st.integers(0, 10_000))
    only = rule(
        "only",
        order[0],
        fallback=tuple(order[1 : draw(st.integers(1, 3))]),
        limits=replace(LIMITS, budget_microusd=budget),
    )
    return policy((only,), pools)


FACTS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 12_000)).map(
    lambda costs: configured(*(model(name, cost) for name, cost in costs.items()))
)


@settings(deadline=None)
@given(policies(), FACTS)
def test_every_target_of_the_rule_is_told_once_and_pools_stay_in_order(
    drawn: Policy, facts: dict[str, TargetFacts]
) -> None:
    decision = decide(drawn, COMPLETION, facts)
    only = drawn.rules[0]
    order = [only.pool, *only.fallback]
    first: dict[str, str] = {}

    for name in order:
        for member in drawn.pool(name).targets:
            first.setdefault(member.target, name)

    told = [(one.target, one.pool) for one in decision.candidates]
    told += [(one.target, one.pool) for one in decision.rejections]
    assert sorted(told) == sorted(first.items())
    places = [order.index(one.pool) for one in decision.candidates]
    assert places == sorted(places)


@settings(deadline=None)
@given(policies(), FACTS)
def test_the_same_facts_give_the_same_decision_to_the_byte(
    drawn: Policy, facts: dict[str, TargetFacts]
) -> None:
    first = decide(drawn, COMPLETION, facts)
    second = decide(drawn, COMPLETION, dict(reversed(facts.items())))

    assert canonical_json(plain(first)) == canonical_json(plain(second))
