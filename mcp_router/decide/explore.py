"""Adaptive weights: a draw among the candidates by how likely each is the best of them.

What is known of a target is a Beta distribution over its reward. Thompson sampling would draw one
number from each and take the greatest; here the chance that this picks a target is computed
instead, and one given number chooses by these chances. So the same draw always chooses the same
target, and the chance that a decision notes is exact: replays can weigh by it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from math import exp, log, log1p, sqrt
from typing import NamedTuple, TypeAlias

from mcp_router.decide.swift import candidate
from mcp_router.domain.decision import Candidate
from mcp_router.domain.learning import Choice, Estimate, LearningMode, LearningPlan
from mcp_router.domain.target import TargetFacts

Shape: TypeAlias = tuple[float, float]
"""The two parameters of a Beta distribution."""

_STEPS = 400  # of the quadrature; with twice as many no chance moves by more than 0.001
_SPREADS = 8  # standard deviations around each mean: hardly anything lies outside
_PARTS = 1_000_000  # chances are whole parts of this, so that sums and comparisons are exact
_UNKNOWN = Estimate()


class Drawn(NamedTuple):
    """The candidates with their propensities, in the order that counts, and what was drawn."""

    candidates: list[Candidate]
    choice: Choice | None


def explore(
    candidates: list[Candidate],
    plan: LearningPlan,
    draw: float,
    *,
    facts: Mapping[str, TargetFacts],
    qualities: Mapping[str, float],
) -> Drawn:
    """Return the rule's own candidates after the draw.

    With `on` the chosen one moves to the front; with `observe` the ranking stays. A target below
    the plan's quality has no chance at all. Nothing is drawn with `off`, or where nobody is good
    enough. Hard limits hold: only candidates are drawn from.
    """
    if plan.mode is LearningMode.OFF:
        return Drawn(candidates=candidates, choice=None)

    # By name and not by rank: or a price would change whom a draw falls on.
    eligible = sorted(one.target for one in candidates if qualities[one.target] >= plan.min_quality)

    if not eligible:
        return Drawn(candidates=candidates, choice=None)

    shapes = tuple(_shape(facts[target].estimate) for target in eligible)
    parts = chances(shapes, plan.exploration)
    chosen = eligible[_drawn(parts, draw)]
    share = {target: part / _PARTS for target, part in zip(eligible, parts, strict=True)}
    told = [_with_propensity(one, share.get(one.target, 0.0)) for one in candidates]

    if plan.mode is LearningMode.ON:
        told.sort(key=lambda one: one.target != chosen)  # stable: the others stay as ranked

    return Drawn(candidates=told, choice=Choice(mode=plan.mode, draw=draw, target=chosen))


@lru_cache(maxsize=1024)  # estimates change with outcomes, not with calls
def chances(shapes: tuple[Shape, ...], exploration: float) -> tuple[int, ...]:
    """Return how likely each is to be drawn, in millionths that add up to one million.

    >>> chances(((1.0, 1.0), (1.0, 1.0)), 0.0)
    (500000, 500000)
    """
    even = exploration / len(shapes)
    best = _best_shares(shapes)
    exact = [((1.0 - exploration) * share + even) * _PARTS for share in best]
    parts = [int(one) for one in exact]
    # Who loses most by rounding down gets the parts that are left over; of equals the first.
    losers = sorted(range(len(exact)), key=lambda at: parts[at] - exact[at])

    for at in losers[: _PARTS - sum(parts)]:
        parts[at] += 1

    return tuple(parts)


def _best_shares(shapes: Sequence[Shape]) -> list[float]:
    """Return the chance of each that its reward is the greatest.

    A quadrature at fixed points: the chance of being at a point, times that of all others being
    below it. Of two at the same point each is the greater one in half of the cases.
    """
    if len(shapes) == 1:
        return [1.0]

    points = _points(shapes)
    masses = [_masses(shape, points) for shape in shapes]
    below = [
        [total - mass / 2 for total, mass in zip(accumulate(one), one, strict=True)]
        for one in masses
    ]
    wins: list[float] = []

    for at, own in enumerate(masses):
        won = list(own)

        for other, lower in enumerate(below):
            if other != at:
                won = [chance * share for chance, share in zip(won, lower, strict=True)]

        wins.append(sum(won))

    total = sum(wins)
    return [won / total for won in wins]


def _points(shapes: Sequence[Shape]) -> list[float]:
    """Return the points of the quadrature: evenly over where any of the rewards may lie."""
    lows, highs = [], []

    for successes, failures in shapes:
        count = successes + failures
        mean = successes / count
        spread = _SPREADS * sqrt(mean * (1.0 - mean) / (count + 1.0))
        lows.append(max(0.0, mean - spread))
        highs.append(min(1.0, mean + spread))

    low, high = min(lows), max(highs)
    step = (high - low) / _STEPS
    return [low + step * (at + 0.5) for at in range(_STEPS)]


def _masses(shape: Shape, points: Sequence[float]) -> list[float]:
    """Return the Beta distribution's mass at each point; together they are 1."""
    successes, failures = shape
    logs = [(successes - 1.0) * log(x) + (failures - 1.0) * log1p(-x) for x in points]
    highest = max(logs)  # taken off, or a narrow distribution would vanish in rounding
    weights = [exp(one - highest) for one in logs]
    total = sum(weights)
    return [weight / total for weight in weights]


def _shape(estimate: Estimate | None) -> Shape:
    """Return the parameters of an estimate; nothing known is one success and one failure."""
    known = estimate or _UNKNOWN
    return known.successes, known.failures


def _drawn(parts: Sequence[int], draw: float) -> int:
    """Return the place that the draw falls on, where each takes as much room as its part."""
    place = draw * _PARTS
    ends = list(accumulate(parts))
    return next(
        (at for at, end in enumerate(ends) if place < end),
        max(at for at, part in enumerate(parts) if part),  # a draw of 1 itself
    )


def _with_propensity(one: Candidate, propensity: float) -> Candidate:
    return candidate(
        one.target,
        one.pool,
        one.provider,
        one.family,
        one.score,
        one.factors,
        one.estimated_microusd,
        propensity,
    )
