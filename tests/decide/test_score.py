"""Pools are ranked by their strategy, within hard limits."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.decide.score import Ranking, rank
from mcp_router.domain.decision import Candidate, Factor, Rejection
from mcp_router.domain.policy import PoolStrategy
from mcp_router.domain.target import TargetFacts, TargetKind
from tests.decide.examples import LIMITS, configured, desk, model, pool

TARGETS = (("a-cheap", 0.5), ("b-middle", 0.8), ("c-dear", 0.9))
FACTS = configured(model("a-cheap", 1_000), model("b-middle", 3_000), model("c-dear", 9_000))


def ranking(strategy: PoolStrategy, facts: dict[str, TargetFacts] = FACTS) -> Ranking:
    return rank(pool("p", strategy, *TARGETS), facts, prompt_tokens=1_000, limits=LIMITS)


def names(found: Ranking) -> list[str]:
    return [one.target for one in found.candidates]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (PoolStrategy.COST_OPTIMIZED, [("a-cheap", 1.0), ("b-middle", 0.75), ("c-dear", 0.0)]),
        (PoolStrategy.BALANCED, [("b-middle", 0.75), ("a-cheap", 0.5), ("c-dear", 0.5)]),
        (PoolStrategy.QUALITY_FIRST, [("c-dear", 1.0), ("b-middle", 0.75), ("a-cheap", 0.0)]),
        (PoolStrategy.AS_LISTED, [("a-cheap", 1.0), ("b-middle", 0.5), ("c-dear", 0.0)]),
    ],
)
def test_each_strategy_ranks_its_way(
    strategy: PoolStrategy, expected: list[tuple[str, float]]
) -> None:
    found = ranking(strategy)

    assert [(one.target, one.score) for one in found.candidates] == expected
    assert found.rejections == ()


def test_a_candidate_carries_every_factor_with_its_weight() -> None:
    assert ranking(PoolStrategy.BALANCED).candidates[0] == Candidate(
        target="b-middle",
        pool="p",
        provider="b",
        family="middle",
        score=0.75,
        factors=(
            Factor(name="cost", value=0.75, weight=0.5),
            Factor(name="quality", value=0.75, weight=0.5),
        ),
        estimated_microusd=3_000,
    )


def test_what_a_strategy_does_not_weigh_is_still_told() -> None:
    best = ranking(PoolStrategy.COST_OPTIMIZED).candidates[0]

    assert best.factors == (
        Factor(name="cost", value=1.0, weight=1.0),
        Factor(name="quality", value=0.0, weight=0.0),
    )


@pytest.mark.parametrize("strategy", PoolStrategy)
def test_equals_stay_in_the_order_of_the_document(strategy: PoolStrategy) -> None:
    listed = [(name, 0.7) for name in ("z", "y", "x", "w")]
    facts = configured(*(model(name) for name, _ in listed))
    found = rank(pool("p", strategy, *listed), facts, prompt_tokens=0, limits=LIMITS)

    assert names(found) == ["z", "y", "x", "w"]


def test_a_balanced_pool_of_cheaper_and_better_keeps_its_order() -> None:
    facts = configured(model("cheap", 1), model("good", 2))

    for listed in ([("cheap", 0.1), ("good", 0.9)], [("good", 0.9), ("cheap", 0.1)]):
        found = rank(
            pool("p", PoolStrategy.BALANCED, *listed), facts, prompt_tokens=0, limits=LIMITS
        )

        assert names(found) == [name for name, _ in listed]


def test_a_target_that_is_not_configured_is_rejected() -> None:
    found = ranking(PoolStrategy.COST_OPTIMIZED, configured(FACTS["b-middle"]))

    assert names(found) == ["b-middle"]
    assert found.rejections == (
        Rejection(target="a-cheap", pool="p", reason="it is not configured in router.yaml"),
        Rejection(target="c-dear", pool="p", reason="it is not configured in router.yaml"),
    )


def test_a_context_window_must_hold_prompt_and_answer() -> None:
    needed = 1_000 + LIMITS.max_output_tokens
    facts = FACTS | configured(
        model("a-cheap", context=needed - 1), model("b-middle", context=needed)
    )
    found = ranking(PoolStrategy.AS_LISTED, facts)

    assert names(found) == ["b-middle", "c-dear"]
    assert found.rejections == (
        Rejection(
            target="a-cheap",
            pool="p",
            reason="prompt and answer need about 1,800 tokens, and it takes 1,799",
        ),
    )


def test_a_target_above_the_budget_is_rejected() -> None:
    budget = LIMITS.budget_microusd
    facts = FACTS | configured(model("a-cheap", budget), model("b-middle", budget + 1))
    found = ranking(PoolStrategy.AS_LISTED, facts)

    assert names(found) == ["a-cheap", "c-dear"]
    assert found.rejections == (
        Rejection(
            target="b-middle",
            pool="p",
            reason=("it would cost about $0.100001, more than the rule's budget of $0.100000"),
        ),
    )


@pytest.mark.parametrize("strategy", PoolStrategy)
def test_a_model_of_unknown_price_is_rejected_not_taken_for_free(strategy: PoolStrategy) -> None:
    facts = FACTS | configured(replace(FACTS["c-dear"], estimated_microusd=None))
    found = ranking(strategy, facts)

    assert "c-dear" not in names(found)
    assert found.rejections == (
        Rejection(
            target="c-dear",
            pool="p",
            reason="nobody knows its price; router.yaml can give it one",
        ),
    )


def test_a_desk_is_no_model() -> None:
    found = ranking(PoolStrategy.AS_LISTED, FACTS | configured(desk("a-cheap")))

    assert found.rejections == (
        Rejection(
            target="a-cheap",
            pool="p",
            reason="router.yaml has a desk of that name, and the pool asks for a model",
        ),
    )


def test_a_rejected_target_does_not_move_the_others() -> None:
    dear = FACTS | configured(model("c-dear", LIMITS.budget_microusd + 1))
    without = {name: one for name, one in FACTS.items() if name != "c-dear"}

    assert (
        ranking(PoolStrategy.BALANCED, dear).candidates
        == ranking(PoolStrategy.BALANCED, without).candidates
    )


def test_desks_stand_in_the_listed_order() -> None:
    desks = pool("desks", PoolStrategy.AS_LISTED, ("one", 0.5), ("two", 0.5), kind=TargetKind.DESK)
    found = rank(desks, configured(desk("two"), desk("one")), prompt_tokens=0, limits=LIMITS)

    assert names(found) == ["one", "two"]
    assert found.candidates[0].factors == (Factor(name="order", value=1.0, weight=1.0),)


def test_an_empty_pool_has_no_candidates() -> None:
    for strategy in PoolStrategy:
        found = rank(pool("p", strategy), FACTS, prompt_tokens=0, limits=LIMITS)

        assert found == Ranking(candidates=(), rejections=())


COSTS = st.lists(st.integers(0, 200_000), min_size=1, max_size=6)
QUALITIES = st.lists(st.floats(0, 1), min_size=6, max_size=6)
PRICED = st.sampled_from([PoolStrategy.COST_OPTIMIZED, PoolStrategy.BALANCED])


def places(strategy: PoolStrategy, costs: list[int], qualities: list[float]) -> dict[str, int]:
    """Return each target's place; the rejected ones share the last."""
    listed = [
        (f"t{at}", quality) for at, quality in zip(range(len(costs)), qualities, strict=False)
    ]
    facts = configured(*(model(f"t{at}", cost) for at, cost in enumerate(costs)))
    found = rank(pool("p", strategy, *listed), facts, prompt_tokens=0, limits=LIMITS)
    return {f"t{at}": len(costs) for at in range(len(costs))} | {
        name: place for place, name in enumerate(names(found))
    }


@settings(deadline=None)
@given(PRICED, COSTS, QUALITIES, st.integers(0, 5), st.integers(1, 200_000))
def test_a_dearer_target_never_moves_up(
    strategy: PoolStrategy, costs: list[int], qualities: list[float], at: int, more: int
) -> None:
    at %= len(costs)
    dearer = [cost + more if place == at else cost for place, cost in enumerate(costs)]
    before = places(strategy, costs, qualities)
    after = places(strategy, dearer, qualities)

    assert after[f"t{at}"] >= before[f"t{at}"]


@settings(deadline=None)
@given(
    st.sampled_from(PoolStrategy),
    COSTS,
    QUALITIES,
    st.lists(st.none() | st.integers(0, 4_000), min_size=6, max_size=6),
    st.integers(0, 4_000),
    st.integers(0, 200_000),
)
def test_hard_limits_are_never_passed(
    strategy: PoolStrategy,
    costs: list[int],
    qualities: list[float],
    windows: list[int | None],
    prompt_tokens: int,
    budget: int,
) -> None:
    models = {
        f"t{at}": model(f"t{at}", cost, windows[at]) for at, cost in enumerate(costs) if at != 1
    }
    listed = [(f"t{at}", qualities[at]) for at in range(len(costs))]
    limits = replace(LIMITS, budget_microusd=budget)
    found = rank(pool("p", strategy, *listed), models, prompt_tokens=prompt_tokens, limits=limits)

    for one in found.candidates:
        known = models[one.target]
        assert one.estimated_microusd == known.estimated_microusd
        assert one.estimated_microusd <= budget
        assert known.context_tokens is None or (
            prompt_tokens + limits.max_output_tokens <= known.context_tokens
        )
        assert 0.0 <= one.score <= 1.0
        assert sum(factor.weight for factor in one.factors) == 1.0
        assert all(0.0 <= factor.value <= 1.0 for factor in one.factors)

    told = [*names(found), *(one.target for one in found.rejections)]
    assert sorted(told) == sorted(name for name, _ in listed)
    scores = [one.score for one in found.candidates]
    assert scores == sorted(scores, reverse=True)
