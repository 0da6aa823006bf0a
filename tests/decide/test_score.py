"""Pools are ranked by their strategy, within hard limits."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.decide.score import Ranking, is_strict, rank
from mcp_router.domain.decision import Candidate, Factor, Rejection
from mcp_router.domain.health import TargetHealth
from mcp_router.domain.policy import PoolStrategy, Weights
from mcp_router.domain.target import TargetFacts, TargetKind
from tests.decide.examples import EVEN, LIMITS, configured, desk, model, pool, terms

TARGETS = (("a-cheap", 0.5), ("b-middle", 0.8), ("c-dear", 0.9))
FACTS = configured(
    model("a-cheap", 1_000, health=TargetHealth(attempts=80, success=0.9, p95_ms=3_000)),
    model("b-middle", 3_000, health=TargetHealth(attempts=180, success=1.0, p95_ms=1_000)),
    model("c-dear", 9_000, health=TargetHealth(attempts=380, success=0.96, p95_ms=1_500)),
)
MEASURED = TargetHealth(attempts=20, success=1.0, passed=0.49)


def ranking(
    strategy: PoolStrategy, facts: dict[str, TargetFacts] = FACTS, *, weights: Weights = EVEN
) -> Ranking:
    return rank(pool("p", strategy, *TARGETS, weights=weights), facts, terms())


def names(found: Ranking) -> list[str]:
    return [one.target for one in found[0]]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (
            PoolStrategy.COST_OPTIMIZED,
            [("a-cheap", 0.759966), ("b-middle", 0.721819), ("c-dear", 0.683657)],
        ),
        (
            PoolStrategy.BALANCED,
            [("b-middle", 0.650637), ("c-dear", 0.617536), ("a-cheap", 0.516478)],
        ),
        (PoolStrategy.QUALITY_FIRST, [("c-dear", 0.9), ("b-middle", 0.8), ("a-cheap", 0.5)]),
        (PoolStrategy.LATENCY_OPTIMIZED, [("b-middle", 0.5), ("c-dear", 0.4), ("a-cheap", 0.25)]),
        (PoolStrategy.AS_LISTED, [("a-cheap", 1.0), ("b-middle", 0.5), ("c-dear", 0.0)]),
    ],
)
def test_each_strategy_ranks_its_way(
    strategy: PoolStrategy, expected: list[tuple[str, float]]
) -> None:
    found = ranking(strategy)

    assert [(one.target, one.score) for one in found[0]] == expected
    assert found[1] == []


def test_a_candidate_carries_every_factor_with_its_weight() -> None:
    weights = Weights(cost=0.4, latency=0.3, success=0.2, quality=0.1)

    assert ranking(PoolStrategy.BALANCED, weights=weights)[0][0] == Candidate(
        target="b-middle",
        pool="p",
        provider="b",
        family="middle",
        score=0.551419,
        factors=(
            Factor(name="cost", value=0.304547, weight=0.4),
            Factor(name="latency", value=0.5, weight=0.3),
            Factor(name="success", value=0.998, weight=0.2),
            Factor(name="quality", value=0.8, weight=0.1),
        ),
        estimated_microusd=3_000,
    )


@pytest.mark.parametrize(
    ("weights", "first", "counted"),
    [
        (Weights(cost=1.0, latency=0.0, success=0.0, quality=0.0), "a-cheap", ["cost"]),
        (Weights(cost=0.0, latency=1.0, success=0.0, quality=0.0), "b-middle", ["latency"]),
        (Weights(cost=0.0, latency=0.0, success=1.0, quality=0.0), "b-middle", ["success"]),
        (Weights(cost=0.0, latency=0.0, success=0.0, quality=1.0), "c-dear", ["quality"]),
        (
            Weights(cost=0.9, latency=0.0, success=0.0, quality=0.1),
            "a-cheap",
            ["cost", "quality"],
        ),
    ],
)
def test_a_balanced_pool_goes_by_the_weights_of_the_policy(
    weights: Weights, first: str, counted: list[str]
) -> None:
    best = ranking(PoolStrategy.BALANCED, weights=weights)[0][0]

    assert best.target == first
    assert [factor.name for factor in best.factors] == counted


def test_answers_that_mostly_fail_the_format_checks_come_after_the_others() -> None:
    facts = FACTS | configured(model("a-cheap", 1, health=MEASURED))
    found = ranking(PoolStrategy.COST_OPTIMIZED, facts)

    assert names(found) == ["b-middle", "c-dear", "a-cheap"]
    assert found[0][-1].factors == (
        Factor(name="checks", value=0.0, weight=0.6),
        Factor(name="cost", value=0.939794, weight=0.4),
    )


@pytest.mark.parametrize(
    "health", [replace(MEASURED, passed=0.5), replace(MEASURED, attempts=19), TargetHealth()]
)
def test_a_few_failed_checks_cost_nothing(health: TargetHealth) -> None:
    facts = FACTS | configured(model("a-cheap", 1, health=health))

    assert names(ranking(PoolStrategy.COST_OPTIMIZED, facts))[0] == "a-cheap"


def test_an_unmeasured_target_is_as_fast_as_the_median_of_its_pool() -> None:
    facts = FACTS | configured(model("c-dear", 9_000))
    found = ranking(PoolStrategy.LATENCY_OPTIMIZED, facts)

    assert [(one.target, one.score) for one in found[0]] == [
        ("b-middle", 0.5),
        ("a-cheap", 0.25),  # the cheaper one of two that take three seconds
        ("c-dear", 0.25),
    ]


def test_of_targets_that_nobody_has_measured_the_cheaper_comes_first() -> None:
    facts = configured(model("a-cheap", 3), model("b-middle", 1), model("c-dear", 2))
    found = ranking(PoolStrategy.LATENCY_OPTIMIZED, facts)

    assert names(found) == ["b-middle", "c-dear", "a-cheap"]
    assert {one.score for one in found[0]} == {0.5}


@pytest.mark.parametrize(
    ("health", "believed"),
    [
        (TargetHealth(), 0.98),
        (TargetHealth(attempts=20, success=0.0), 0.49),
        (TargetHealth(attempts=1, success=0.0), 0.933333),
        (TargetHealth(attempts=1_980, success=1.0), 0.9998),
    ],
)
def test_success_is_drawn_towards_what_targets_usually_do(
    health: TargetHealth, believed: float
) -> None:
    facts = configured(model("a-cheap", health=health))
    (found,) = ranking(PoolStrategy.BALANCED, facts)[0]

    assert [one.value for one in found.factors if one.name == "success"] == [believed]


@pytest.mark.parametrize("strategy", PoolStrategy)
def test_equals_stay_in_the_order_of_the_document(strategy: PoolStrategy) -> None:
    listed = [(name, 0.7) for name in ("z", "y", "x", "w")]
    facts = configured(*(model(name) for name, _ in listed))

    assert names(rank(pool("p", strategy, *listed), facts, terms())) == ["z", "y", "x", "w"]


def test_a_rejected_target_does_not_move_the_others() -> None:
    dear = FACTS | configured(model("c-dear", LIMITS.budget_microusd + 1))
    without = {name: one for name, one in FACTS.items() if name != "c-dear"}

    assert ranking(PoolStrategy.BALANCED, dear)[0] == ranking(PoolStrategy.BALANCED, without)[0]


def test_desks_stand_in_the_listed_order() -> None:
    desks = pool("desks", PoolStrategy.AS_LISTED, ("one", 0.5), ("two", 0.5), kind=TargetKind.DESK)
    found = rank(desks, configured(desk("two"), desk("one")), terms())

    assert names(found) == ["one", "two"]
    assert found[0][0].factors == (Factor(name="order", value=1.0, weight=1.0),)


@pytest.mark.parametrize("strategy", PoolStrategy)
def test_an_empty_pool_has_no_candidates(strategy: PoolStrategy) -> None:
    assert rank(pool("p", strategy), FACTS, terms()) == ([], [])


@pytest.mark.parametrize("strategy", PoolStrategy)
def test_a_target_that_is_not_configured_is_told(strategy: PoolStrategy) -> None:
    found = ranking(strategy, configured(FACTS["b-middle"]))

    assert names(found) == ["b-middle"]
    assert found[1] == [
        Rejection(target="a-cheap", pool="p", reason="it is not configured in router.yaml"),
        Rejection(target="c-dear", pool="p", reason="it is not configured in router.yaml"),
    ]


def test_free_targets_rank_in_a_rule_without_a_budget() -> None:
    free = configured(model("a-cheap", 0), model("b-middle", 1))
    found = rank(
        pool("p", PoolStrategy.COST_OPTIMIZED, *TARGETS[:2]),
        free,
        terms(limits=replace(LIMITS, budget_microusd=0)),
    )

    assert [(one.target, one.score) for one in found[0]] == [("a-cheap", 1.0)]


def test_only_a_pool_for_quality_is_strict() -> None:
    assert [one for one in PoolStrategy if is_strict(pool("p", one))] == [
        PoolStrategy.QUALITY_FIRST
    ]


COSTS = st.lists(st.integers(0, 200_000), min_size=1, max_size=6)
QUALITIES = st.lists(st.floats(0, 1), min_size=6, max_size=6)
HEALTH = st.builds(
    TargetHealth,
    attempts=st.integers(0, 100),
    success=st.none() | st.floats(0, 1),
    passed=st.none() | st.floats(0, 1),
    p95_ms=st.none() | st.integers(1, 20_000),
)
HEALTHS = st.lists(HEALTH, min_size=6, max_size=6)


def places(
    strategy: PoolStrategy, costs: list[int], qualities: list[float], healths: list[TargetHealth]
) -> dict[str, int]:
    """Return each target's place; the rejected ones share the last."""
    listed = [(f"t{at}", qualities[at]) for at in range(len(costs))]
    facts = configured(
        *(model(f"t{at}", cost, health=healths[at]) for at, cost in enumerate(costs))
    )
    found = rank(pool("p", strategy, *listed), facts, terms())
    return {f"t{at}": len(costs) for at in range(len(costs))} | {
        name: place for place, name in enumerate(names(found))
    }


@settings(deadline=None)
@given(
    st.sampled_from(PoolStrategy),
    COSTS,
    QUALITIES,
    HEALTHS,
    st.integers(0, 5),
    st.integers(1, 200_000),
)
def test_a_dearer_target_never_moves_up_and_moves_nobody_down(
    strategy: PoolStrategy,
    costs: list[int],
    qualities: list[float],
    healths: list[TargetHealth],
    at: int,
    more: int,
) -> None:
    at %= len(costs)
    dearer = [cost + more if place == at else cost for place, cost in enumerate(costs)]
    before = places(strategy, costs, qualities, healths)
    after = places(strategy, dearer, qualities, healths)

    assert after[f"t{at}"] >= before[f"t{at}"]
    assert all(after[name] <= before[name] for name in before if name != f"t{at}")


@settings(deadline=None)
@given(st.sampled_from(PoolStrategy), COSTS, QUALITIES, HEALTHS)
def test_scores_are_the_sum_of_what_each_factor_contributes(
    strategy: PoolStrategy, costs: list[int], qualities: list[float], healths: list[TargetHealth]
) -> None:
    listed = [(f"t{at}", qualities[at]) for at in range(len(costs))]
    facts = configured(
        *(model(f"t{at}", cost, health=healths[at]) for at, cost in enumerate(costs))
    )
    found = rank(pool("p", strategy, *listed), facts, terms())
    scores = [one.score for one in found[0]]

    assert scores == sorted(scores, reverse=True)
    assert sorted([*names(found), *(one.target for one in found[1])]) == sorted(facts)

    for one in found[0]:
        assert sum(factor.weight for factor in one.factors) == pytest.approx(1.0)
        assert all(0.0 <= factor.value <= 1.0 for factor in one.factors)
        assert one.score == pytest.approx(
            sum(factor.value * factor.weight for factor in one.factors), abs=1e-6
        )
