"""A policy's answer to a call: rule, candidates pool by pool, and every refusal."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.canonical import canonical_json, plain
from mcp_router.decide.decide import again, decide
from mcp_router.decide.plan import NOTHING
from mcp_router.domain.budget import Account, Balance, BudgetScope, SpendView
from mcp_router.domain.decision import Decision, Rejection
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.domain.learning import Choice, Estimate, LearningMode, LearningPlan
from mcp_router.domain.policy import (
    Condition,
    FallbackOrder,
    Policy,
    PoolStrategy,
    Requirements,
)
from mcp_router.domain.rollout import Arm
from mcp_router.domain.target import Price, TargetFacts, TargetKind
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
    assert places == sorted(places)  # every family is at one provider only


@settings(deadline=None)
@given(policies(), FACTS)
def test_the_same_facts_give_the_same_decision_to_the_byte(
    drawn: Policy, facts: dict[str, TargetFacts]
) -> None:
    first = decide(drawn, COMPLETION, facts)
    second = decide(drawn, COMPLETION, dict(reversed(facts.items())))

    assert canonical_json(plain(first)) == canonical_json(plain(second))


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


REGIONS = st.none() | st.sampled_from(["eu", "us"])
KNOWN = st.builds(
    TargetFacts,
    name=st.just(""),
    kind=st.just(TargetKind.MODEL),
    provider=st.sampled_from(["p", "q"]),
    family=st.sampled_from(["f", "g"]),
    price=st.none()
    | st.builds(Price, input=st.integers(0, 9_000_000), output=st.integers(0, 9_000_000)),
    context_tokens=st.none() | st.integers(0, 4_000),
    residency=REGIONS,
    retention_days=st.none() | st.integers(0, 60),
    capabilities=st.none()
    | st.sets(st.sampled_from(["tools", "json"])).map(lambda found: tuple(sorted(found))),
    health=st.builds(
        TargetHealth,
        breaker=st.sampled_from(BreakerState),
        attempts=st.integers(0, 50),
        success=st.none() | st.floats(0, 1),
        passed=st.none() | st.floats(0, 1),
        p95_ms=st.none() | st.integers(0, 5_000),
    ),
    estimate=st.none()
    | st.builds(Estimate, successes=st.floats(1, 200), failures=st.floats(1, 200)),
)
REQUIREMENTS = st.builds(
    Requirements,
    min_quality=st.none() | st.floats(0, 1),
    max_p95_ms=st.none() | st.integers(0, 5_000),
    residency=st.sampled_from([(), ("eu",), ("eu", "us")]),
    max_retention_days=st.none() | st.integers(0, 60),
    capabilities=st.sampled_from([(), ("json",), ("json", "tools")]),
)
SPENDS = st.builds(
    lambda limit, spent, held: SpendView(
        balances=(
            Balance(
                account=Account(scope=BudgetScope.TENANT, key="2026-11", limit_microusd=limit),
                spent_microusd=spent,
                held_microusd=held,
            ),
        )
    ),
    st.none() | st.integers(0, 20_000),
    st.integers(0, 9_000),
    st.integers(0, 9_000),
)
PLANS = st.builds(
    LearningPlan,
    mode=st.sampled_from(LearningMode),
    exploration=st.floats(0, 0.5),
    min_quality=st.floats(0, 1),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Policy, Decision]:
    """Return a policy with anything in it, and its decision on anything."""
    plain = draw(policies())
    only = replace(plain.rules[0], requires=draw(REQUIREMENTS))
    drawn = replace(
        plain,
        rules=(only,),
        learning=draw(PLANS),
        fallback_order=draw(st.sampled_from(FallbackOrder)),
    )
    found = draw(st.dictionaries(st.sampled_from(NAMES), KNOWN))
    signals = replace(
        COMPLETION,
        prompt_tokens=draw(st.integers(0, 3_000)),
        answer_tokens=draw(st.none() | st.integers(1, 2_000)),
        tools_offered=draw(st.integers(0, 1)),
        tools_required=draw(st.booleans()),
    )
    return drawn, decide(
        drawn,
        signals,
        {name: replace(one, name=name) for name, one in found.items()},
        draw(SPENDS),
        arm=draw(st.none() | st.sampled_from(Arm)),
        draw=draw(st.none() | st.floats(0, 1)),
    )


@settings(deadline=None)
@given(situations())
def test_a_decision_can_be_made_again_from_itself(situation: tuple[Policy, Decision]) -> None:
    drawn, decision = situation

    assert again(drawn, decision) == decision
    assert canonical_json(plain(again(drawn, decision))) == canonical_json(plain(decision))


@settings(deadline=None)
@given(situations())
def test_no_hard_limit_is_ever_passed(situation: tuple[Policy, Decision]) -> None:
    drawn, decision = situation
    only, requires = drawn.rules[0], drawn.rules[0].requires
    facts = {one.name: one for one in decision.facts}
    answer = min(decision.signals.answer_tokens or 800, 800)
    needs_tools = decision.signals.tools_required or decision.signals.tools_offered > 0
    left = decision.spend.left_microusd

    for one in decision.candidates:
        known = facts[one.target]
        members = drawn.pool(one.pool).targets
        member = next(each for each in members if each.target == one.target)
        cost = known.cost_microusd(
            prompt_tokens=decision.signals.prompt_tokens, answer_tokens=answer
        )
        assert one.estimated_microusd == cost
        assert cost is not None
        assert cost <= only.limits.budget_microusd
        assert left is None or cost <= left
        assert known.health.breaker is not BreakerState.OPEN
        assert (
            known.context_tokens is None
            or decision.signals.prompt_tokens + answer <= known.context_tokens
        )
        assert (
            requires.max_p95_ms is None
            or known.health.p95_ms is None
            or known.health.p95_ms <= requires.max_p95_ms
        )
        assert requires.min_quality is None or member.quality >= requires.min_quality
        assert not requires.residency or known.residency in requires.residency
        assert requires.max_retention_days is None or (
            known.retention_days is not None and known.retention_days <= requires.max_retention_days
        )
        assert known.capabilities is None or set(requires.capabilities) <= set(known.capabilities)
        assert not needs_tools or known.capabilities is None or "tools" in known.capabilities


@settings(deadline=None)
@given(situations())
def test_propensities_are_of_the_rules_own_pool_and_add_up_to_one(
    situation: tuple[Policy, Decision],
) -> None:
    drawn, decision = situation
    own = [one for one in decision.candidates if one.pool == decision.pool]
    others = [one for one in decision.candidates if one.pool != decision.pool]

    assert [one.propensity for one in others] == [None] * len(others)

    if decision.choice is None:
        assert [one.propensity for one in own] == [None] * len(own)
        return

    assert round(sum((one.propensity or 0.0) * 1_000_000 for one in own)) == 1_000_000
    chosen = next(one for one in own if one.target == decision.choice.target)
    assert (chosen.propensity or 0.0) > 0.0

    if drawn.learning.mode is LearningMode.ON:
        assert decision.candidates[0] == chosen
