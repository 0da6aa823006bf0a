"""The targets of one pool: who may serve the call, best first, and who may not and why.

Every factor of a score is a number from 0 to 1, and 1 is best. None depends on the other targets'
prices: one that gets dearer moves down itself, and moves nobody else down. Costs are on a
logarithmic scale that ends at the rule's budget, so that every tenfold saving counts the same;
a latency of one second counts one half, of three seconds a quarter; shares and qualities count
as they are.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import log1p
from statistics import median_high
from typing import NamedTuple, Protocol, TypeAlias, assert_never

from mcp_router.decide.swift import candidate, factor
from mcp_router.decide.terms import Fit, Terms, sort_out
from mcp_router.domain.decision import Candidate, Factor, Rejection
from mcp_router.domain.health import TargetHealth
from mcp_router.domain.policy import Pool, PoolStrategy, PoolTarget, Weights
from mcp_router.domain.target import TargetFacts

COST, QUALITY, LATENCY, SUCCESS, CHECKS, ORDER = (
    "cost",
    "quality",
    "latency",
    "success",
    "checks",
    "order",
)
"""The names of the factors. `checks` is whether answers pass the policy's format checks."""

ENOUGH_ATTEMPTS = 20
"""From so many attempts on, a measured share of passed checks is believed."""

LEAST_PASSED = 0.5
"""A target whose answers pass the format checks more seldom ranks after the others."""

_PARTS = 1_000_000  # of factors and scores: more than a person compares, above rounding errors
_SUCCESS_PRIOR = 0.98  # what a target is believed to answer before anybody asked it
_PRIOR_WEIGHT = 20  # in attempts: after as many, measurement and belief count the same
_LATENCY_PRIOR_MS = 1_000  # where nobody in the pool was measured; the same for all
_CHECKS_WEIGHT, _COST_WEIGHT = 0.6, 0.4  # the former above the latter: no price makes up for it

Ranking: TypeAlias = tuple[list[Candidate], list[Rejection]]
"""Every target of a pool, in one list or the other."""

Ranked: TypeAlias = tuple[float, int, int, Candidate]
"""A candidate behind what it is sorted by: score (negative), cost and place."""


class Ranker:
    """A pool made ready for ranking: what does not change from call to call is computed once."""

    def __init__(self, pool: Pool, members: Sequence[PoolTarget]) -> None:
        """Rank these members of the pool."""
        self._name = pool.name
        self._kind = pool.kind
        self._members = tuple((at, one.target, one) for at, one in enumerate(members))
        self._score = _scorer(pool, members)

    def rank(self, facts: Mapping[str, TargetFacts], terms: Terms) -> Ranking:
        """Return the members by the pool's strategy, those that may not serve the call apart.

        Hard limits come first: a rejected target has no score. Of equal scores the cheaper comes
        first, then the order of the document.
        """
        name = self._name
        fit, refused = sort_out(self._members, self._kind, facts, terms)
        ranked = self._score(name, fit, facts, terms)
        ranked.sort()  # the places differ, so candidates are never compared
        rejections = [Rejection(target=who, pool=name, reason=why) for who, why in refused]
        return [one for _, _, _, one in ranked], rejections


def rank(pool: Pool, facts: Mapping[str, TargetFacts], terms: Terms) -> Ranking:
    """Return the pool's targets by its strategy, those that may not serve the call apart."""
    return Ranker(pool, pool.targets).rank(facts, terms)


def is_strict(pool: Pool) -> bool:
    """Tell whether the pool's answers must also be whole and not empty, as `quality-first` asks."""
    return pool.strategy is PoolStrategy.QUALITY_FIRST


class Scorer(Protocol):
    """Gives those who may serve the call their scores."""

    def __call__(
        self, pool: str, fit: Sequence[Fit], facts: Mapping[str, TargetFacts], terms: Terms
    ) -> list[Ranked]:
        """Return a candidate for each, behind what it is sorted by."""


def _scorer(pool: Pool, members: Sequence[PoolTarget]) -> Scorer:
    """Return what scores the pool's members by its strategy."""
    names = tuple(one.target for one in members)

    match pool.strategy:
        case PoolStrategy.COST_OPTIMIZED:
            return _by_cost
        case PoolStrategy.LATENCY_OPTIMIZED:
            return _by_latency(names)
        case PoolStrategy.BALANCED:
            return _balanced(names, pool.weights, members)
        case PoolStrategy.QUALITY_FIRST:
            return _fixed(QUALITY, [one.quality for one in members])
        case PoolStrategy.AS_LISTED:
            last = max(1, len(members) - 1)
            return _fixed(ORDER, [1.0 - at / last for at in range(len(members))])
        case _:
            assert_never(pool.strategy)


def _fixed(name: str, values: Sequence[float]) -> Scorer:
    """Return the scorer of a strategy that looks at nothing but the policy."""
    scored = tuple(
        (_rounded(value), (Factor(name=name, value=_rounded(value), weight=1.0),))
        for value in values
    )

    def score(
        pool: str, fit: Sequence[Fit], facts: Mapping[str, TargetFacts], terms: Terms
    ) -> list[Ranked]:
        found: list[Ranked] = []

        for at, member, known, cost in fit:
            value, factors = scored[at]
            one = candidate(member.target, pool, known.provider, known.family, value, factors, cost)
            found.append((-value, cost, at, one))

        return found

    return score


_PASSES = Factor(name=CHECKS, value=1.0, weight=_CHECKS_WEIGHT)
_FAILS = Factor(name=CHECKS, value=0.0, weight=_CHECKS_WEIGHT)


def _by_cost(
    pool: str, fit: Sequence[Fit], facts: Mapping[str, TargetFacts], terms: Terms
) -> list[Ranked]:
    """Score by cost, but after the others who mostly fails the format checks."""
    scale = terms.bounds.cost_scale
    found: list[Ranked] = []

    for at, member, known, cost in fit:
        passed = known.health.passed
        cheap = int((1.0 - log1p(cost) / scale) * _PARTS + 0.5) / _PARTS
        on_cost = factor(COST, cheap, _COST_WEIGHT)

        if passed is None or passed >= LEAST_PASSED or known.health.attempts < ENOUGH_ATTEMPTS:
            score = _CHECKS_WEIGHT + cheap * _COST_WEIGHT
            factors = (_PASSES, on_cost)
        else:
            score = cheap * _COST_WEIGHT
            factors = (_FAILS, on_cost)

        score = int(score * _PARTS + 0.5) / _PARTS
        one = candidate(member.target, pool, known.provider, known.family, score, factors, cost)
        found.append((-score, cost, at, one))

    return found


def _by_latency(names: Sequence[str]) -> Scorer:
    """Return the scorer by the time that all but the slowest answers stay within."""

    def score(
        pool: str, fit: Sequence[Fit], facts: Mapping[str, TargetFacts], terms: Terms
    ) -> list[Ranked]:
        found: list[Ranked] = []

        for at, member, known, cost in fit:
            p95_ms = known.health.p95_ms
            quick = _quickness(_unmeasured_ms(names, facts) if p95_ms is None else p95_ms, 1.0)
            one = candidate(
                member.target, pool, known.provider, known.family, quick.value, (quick,), cost
            )
            found.append((-quick.value, cost, at, one))

        return found

    return score


def _balanced(names: Sequence[str], weights: Weights, members: Sequence[PoolTarget]) -> Scorer:
    """Return the scorer by all factors at once; a factor without weight is left out."""
    on_cost = weights.cost
    is_trimmed = min(weights.cost, weights.latency, weights.success, weights.quality) <= 0
    # What a member has earned changes with its statistics, not with every call: the last is kept.
    last = [_merits(_NOBODY, 0, one.quality, weights) for one in members]

    def score(
        pool: str, fit: Sequence[Fit], facts: Mapping[str, TargetFacts], terms: Terms
    ) -> list[Ranked]:
        scale = terms.bounds.cost_scale
        found: list[Ranked] = []

        for at, member, known, cost in fit:
            health, merits = known.health, last[at]

            if health is not merits.health or health.p95_ms is None:
                unmeasured_ms = _unmeasured_ms(names, facts)
                merits = last[at] = _merits(health, unmeasured_ms, member.quality, weights)

            cheap = int((1.0 - log1p(cost) / scale) * _PARTS + 0.5) / _PARTS
            total = int((cheap * on_cost + merits.total) * _PARTS + 0.5) / _PARTS
            factors = (factor(COST, cheap, on_cost), *merits.factors)

            if is_trimmed:
                factors = tuple(one for one in factors if one.weight > 0)

            one = candidate(member.target, pool, known.provider, known.family, total, factors, cost)
            found.append((-total, cost, at, one))

        return found

    return score


_NOBODY = TargetHealth()


class _Merits(NamedTuple):
    """What a target has earned apart from its price, and what that was made of."""

    health: TargetHealth
    total: float
    factors: tuple[Factor, ...]


def _merits(health: TargetHealth, unmeasured_ms: int, quality: float, weights: Weights) -> _Merits:
    """Return what a target has earned by speed, success and quality."""
    p95_ms = unmeasured_ms if health.p95_ms is None else health.p95_ms
    factors = (
        _quickness(p95_ms, weights.latency),
        _sureness(health, weights.success),
        Factor(name=QUALITY, value=_rounded(quality), weight=weights.quality),
    )
    return _Merits(health, sum(one.value * one.weight for one in factors), factors)


def _rounded(value: float) -> float:
    """Return the value to six decimals; `round` would look for the nearest of all decimals.

    >>> _rounded(2 / 3)
    0.666667
    """
    return int(value * _PARTS + 0.5) / _PARTS


def _unmeasured_ms(names: Sequence[str], facts: Mapping[str, TargetFacts]) -> int:
    """Return the latency that is assumed where none was measured: the pool's median.

    The rejected count as well. Otherwise a price could move the others: it can reject.
    """
    found = [facts[name].health.p95_ms for name in names if name in facts]
    measured = [p95_ms for p95_ms in found if p95_ms is not None]
    return median_high(measured) if measured else _LATENCY_PRIOR_MS


@lru_cache(maxsize=4096)
def _quickness(p95_ms: int, weight: float) -> Factor:
    """Return 1 for an answer in no time, one half for one within a second."""
    return Factor(name=LATENCY, value=_rounded(1.0 / (1.0 + p95_ms / 1_000)), weight=weight)


def _sureness(health: TargetHealth, weight: float) -> Factor:
    """Return the share of attempts that answer, drawn towards the prior while they are few."""
    measured = 0 if health.success is None else health.attempts
    answered = (health.success or 0.0) * measured + _SUCCESS_PRIOR * _PRIOR_WEIGHT
    share = answered / (measured + _PRIOR_WEIGHT)
    return Factor(name=SUCCESS, value=_rounded(share), weight=weight)
