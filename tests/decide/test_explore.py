"""A draw chooses by how likely each target is the best, and the chance that is noted is exact."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.decide.decide import decide
from mcp_router.decide.explore import chances
from mcp_router.domain.decision import Decision
from mcp_router.domain.learning import Choice, Estimate, LearningMode, LearningPlan
from mcp_router.domain.policy import PoolStrategy
from tests.decide.examples import COMPLETION, configured, model, policy, pool, ranked, rule

ON = LearningPlan(mode=LearningMode.ON, exploration=0.2)
POOL = pool("own", PoolStrategy.COST_OPTIMIZED, ("a", 0.3), ("b", 0.6), ("c", 0.9))
LATER = pool("later", PoolStrategy.COST_OPTIMIZED, ("d", 0.9))
RULES = (rule("all", "own", fallback=("later",)),)
FACTS = configured(
    replace(model("a", 100), estimate=Estimate(successes=30.0, failures=70.0)),
    replace(model("b", 200), estimate=Estimate(successes=60.0, failures=40.0)),
    replace(model("c", 300), estimate=Estimate(successes=55.0, failures=45.0)),
    model("d", 50),
)


def drawn(draw: float | None, plan: LearningPlan = ON) -> Decision:
    return decide(policy(RULES, (POOL, LATER), learning=plan), COMPLETION, FACTS, draw=draw)


def propensities(decision: Decision) -> dict[str, float | None]:
    return {one.target: one.propensity for one in decision.candidates}


def test_on_puts_the_drawn_target_first_and_leaves_the_others_as_ranked() -> None:
    decision = drawn(0.9)

    assert ranked(decision) == [("own", "c"), ("own", "a"), ("own", "b"), ("later", "d")]
    assert decision.choice == Choice(mode=LearningMode.ON, draw=0.9, target="c")


def test_observe_notes_the_draw_and_leaves_the_ranking() -> None:
    decision = drawn(0.9, replace(ON, mode=LearningMode.OBSERVE))

    assert ranked(decision) == [("own", "a"), ("own", "b"), ("own", "c"), ("later", "d")]
    assert decision.choice == Choice(mode=LearningMode.OBSERVE, draw=0.9, target="c")
    assert propensities(decision) == propensities(drawn(0.9))


@pytest.mark.parametrize("decision", [drawn(0.9, replace(ON, mode=LearningMode.OFF)), drawn(None)])
def test_without_learning_or_without_a_draw_nothing_is_noted(decision: Decision) -> None:
    assert decision.choice is None
    assert propensities(decision) == {"a": None, "b": None, "c": None, "d": None}


def test_each_chance_is_that_of_being_the_best_and_a_share_of_the_exploration() -> None:
    found = propensities(drawn(0.5))

    assert found["a"] == pytest.approx(0.2 / 3, abs=1e-4)  # it is never the best
    assert found["b"] == pytest.approx(0.2 / 3 + 0.8 * 0.7629, abs=1e-3)
    assert found["c"] == pytest.approx(0.2 / 3 + 0.8 * 0.2371, abs=1e-3)
    assert found["d"] is None  # of another pool


def test_a_target_below_the_plans_quality_is_never_drawn() -> None:
    strict = replace(ON, min_quality=0.6)

    assert propensities(drawn(0.5, strict))["a"] == 0.0
    assert {drawn(at / 100, strict).candidates[0].target for at in range(101)} == {"b", "c"}


def test_nothing_is_drawn_where_nobody_is_good_enough() -> None:
    decision = drawn(0.5, replace(ON, min_quality=0.95))

    assert decision.choice is None
    assert propensities(decision) == {"a": None, "b": None, "c": None, "d": None}


def test_a_price_does_not_change_whom_a_draw_falls_on() -> None:
    dear = FACTS | configured(replace(FACTS["a"], price=model("a", 400).price))
    learning = policy(RULES, (POOL, LATER), learning=ON)

    for at in range(101):
        cheap = decide(learning, COMPLETION, FACTS, draw=at / 100)
        assert decide(learning, COMPLETION, dear, draw=at / 100).choice == cheap.choice


def test_draws_fall_on_each_target_as_often_as_its_propensity_says() -> None:
    steps = 10_000
    counts = {"a": 0, "b": 0, "c": 0}

    for at in range(steps):
        choice = drawn((at + 0.5) / steps).choice
        assert choice is not None
        counts[choice.target] += 1

    found = propensities(drawn(0.5))
    assert {name: count / steps for name, count in counts.items()} == {
        name: pytest.approx(found[name], abs=1 / steps) for name in counts
    }


@pytest.mark.parametrize("draw", [0.0, 1.0])
def test_the_ends_of_a_draw_fall_on_somebody(draw: float) -> None:
    assert drawn(draw).choice is not None


def test_two_unknown_targets_share_and_a_lone_one_takes_all() -> None:
    assert chances(((1.0, 1.0), (1.0, 1.0)), 0.1) == (500_000, 500_000)
    assert chances(((3.0, 1.0),), 0.0) == (1_000_000,)


@pytest.mark.parametrize(
    ("shapes", "share"),
    [
        (((2.0, 1.0), (1.0, 1.0)), 2 / 3),  # 1 - the integral of x² over 0 to 1
        (((1.0, 1.0), (1.0, 3.0)), 3 / 4),
        (((3.0, 1.0), (1.0, 1.0)), 3 / 4),
        (((200_000.0, 100_000.0), (199_000.0, 101_000.0)), 0.997),  # hardly wider than the grid
        (((1e6, 1e6), (1.0, 1.0)), 0.5),
    ],
)
def test_the_quadrature_finds_what_is_known_exactly(
    shapes: tuple[tuple[float, float], ...], share: float
) -> None:
    assert chances(shapes, 0.0)[0] / 1_000_000 == pytest.approx(share, abs=0.003)


SHAPES = st.lists(st.tuples(st.floats(0.5, 1e6), st.floats(0.5, 1e6)), min_size=1, max_size=8).map(
    tuple
)


@settings(deadline=None)
@given(SHAPES, st.floats(0, 0.5))
def test_chances_add_up_exactly_and_everybody_gets_a_share_of_the_exploration(
    shapes: tuple[tuple[float, float], ...], exploration: float
) -> None:
    found = chances(shapes, exploration)

    assert sum(found) == 1_000_000
    assert min(found) >= int(exploration / len(shapes) * 1_000_000)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.floats(1, 60), st.floats(1, 60)), min_size=2, max_size=4).map(tuple),
    st.integers(0, 2**32),
)
def test_chances_are_those_of_thompson_sampling(
    shapes: tuple[tuple[float, float], ...], seed: int
) -> None:
    random = Random(seed)
    rounds = 4_000
    wins = [0] * len(shapes)

    for _ in range(rounds):
        drawn_rewards = [random.betavariate(*shape) for shape in shapes]
        wins[drawn_rewards.index(max(drawn_rewards))] += 1

    found = [part / 1_000_000 for part in chances(shapes, 0.0)]
    assert [won / rounds for won in wins] == [pytest.approx(one, abs=0.05) for one in found]
