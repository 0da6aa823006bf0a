"""Whatever a policy, its targets and a call are like: what holds of every decision."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.canonical import canonical_json, plain
from mcp_router.decide.decide import again, decide
from mcp_router.domain.budget import Account, Balance, BudgetScope, SpendView
from mcp_router.domain.decision import Decision
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.domain.learning import Estimate, LearningMode, LearningPlan
from mcp_router.domain.policy import FallbackOrder, Policy, PoolStrategy, Requirements
from mcp_router.domain.rollout import Arm
from mcp_router.domain.target import Price, TargetFacts, TargetKind
from tests.decide.examples import COMPLETION, LIMITS, configured, model, policy, pool, rule

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


@settings(deadline=None)
@given(policies(), st.sampled_from(FallbackOrder), FACTS, st.integers(1, 12_000), st.data())
def test_a_dearer_target_never_moves_up(
    drawn: Policy,
    order: FallbackOrder,
    facts: dict[str, TargetFacts],
    more: int,
    data: st.DataObject,
) -> None:
    name = data.draw(st.sampled_from(NAMES))
    known = facts.get(name, model(name))
    assert known.price is not None
    price = replace(known.price, input=known.price.input + more * 1_000)
    ordered = replace(drawn, fallback_order=order)
    before = places(decide(ordered, COMPLETION, facts | {name: known}))
    after = places(decide(ordered, COMPLETION, facts | {name: replace(known, price=price)}))

    assert after.get(name, len(NAMES)) >= before.get(name, len(NAMES))

    if order is FallbackOrder.RANKED:  # else a new first one brings its family forward
        assert all(after[one] <= before[one] for one in before if one != name)


def places(decision: Decision) -> dict[str, int]:
    return {one.target: at for at, one in enumerate(decision.candidates)}
