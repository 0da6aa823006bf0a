"""The targets of one pool: who may serve the call, best first, and who may not and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from mcp_router.domain.decision import Candidate, ChainLimits, Factor, Rejection
from mcp_router.domain.money import format_usd
from mcp_router.domain.policy import Pool, PoolStrategy, PoolTarget
from mcp_router.domain.target import TargetFacts

COST, QUALITY, ORDER = "cost", "quality", "order"
"""The names of the factors; 1 is always the best of the pool and 0 the worst."""

_NOT_CONFIGURED = "it is not configured in router.yaml"
_DECIMALS = 6  # of factors and scores: more than a person compares, above rounding errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Every target of a pool, in one list or the other."""

    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long a call is: its prompt as estimated, and the longest answer that it may get."""

    prompt_tokens: int
    answer_tokens: int


def rank(
    pool: Pool, facts: Mapping[str, TargetFacts], *, size: Size, limits: ChainLimits
) -> Ranking:
    """Return the pool's targets by its strategy, those that may not serve the call apart.

    Hard limits come first: a rejected target has no score and no influence on the others'. Cost
    and quality are stretched over what is left, from 0 for the worst to 1 for the best, and are
    1 for all where all are equal. Equal scores keep the order of the document; with `balanced`
    that also settles a pool of two where one is cheaper and the other better.
    """
    fit: list[tuple[PoolTarget, TargetFacts]] = []
    rejections: list[Rejection] = []

    for target in pool.targets:
        known = facts.get(target.target)
        reason = _refusal(known, pool, size, limits)

        if known is not None and reason is None:
            fit.append((target, known))
        else:
            rejections.append(
                Rejection(target=target.target, pool=pool.name, reason=reason or _NOT_CONFIGURED)
            )

    costs = [_cost(known, size) for _, known in fit]
    scored = zip(fit, costs, _factors(pool.strategy, fit, costs), strict=True)
    candidates = [
        _candidate(pool, one, known, cost, factors) for (one, known), cost, factors in scored
    ]
    candidates.sort(key=lambda candidate: -candidate.score)  # stable: equals stay as listed
    return Ranking(candidates=tuple(candidates), rejections=tuple(rejections))


def _refusal(known: TargetFacts | None, pool: Pool, size: Size, limits: ChainLimits) -> str | None:
    """Return why the target may not serve the call, to be read after "because"; None if it may."""
    if known is None:
        return _NOT_CONFIGURED

    if known.kind is not pool.kind:
        return f"router.yaml has a {known.kind} of that name, and the pool asks for a {pool.kind}"

    needed = size.prompt_tokens + size.answer_tokens

    if known.context_tokens is not None and needed > known.context_tokens:
        return (
            f"prompt and answer need about {needed:,} tokens, and it takes {known.context_tokens:,}"
        )

    cost_microusd = known.cost_microusd(
        prompt_tokens=size.prompt_tokens, answer_tokens=size.answer_tokens
    )

    if cost_microusd is None:
        return "nobody knows its price; router.yaml can give it one"

    if cost_microusd > limits.budget_microusd:
        return (
            f"it would cost about {format_usd(cost_microusd)}, more than the rule's "
            f"budget of {format_usd(limits.budget_microusd)}"
        )

    return None


def _factors(
    strategy: PoolStrategy, fit: Sequence[tuple[PoolTarget, TargetFacts]], costs: Sequence[int]
) -> list[tuple[Factor, ...]]:
    """Return the factors of each target's score, in the given order."""
    match strategy:
        case PoolStrategy.AS_LISTED:
            places = _stretched([-float(at) for at in range(len(fit))])
            return [(Factor(name=ORDER, value=place, weight=1.0),) for place in places]
        case PoolStrategy.COST_OPTIMIZED:
            weights = (1.0, 0.0)
        case PoolStrategy.BALANCED | PoolStrategy.LATENCY_OPTIMIZED:
            weights = (0.5, 0.5)
        case PoolStrategy.QUALITY_FIRST:
            weights = (0.0, 1.0)
        case _:
            assert_never(strategy)

    cheapness = _stretched([-cost for cost in costs])
    qualities = _stretched([target.quality for target, _ in fit])
    return [
        (
            Factor(name=COST, value=cost, weight=weights[0]),
            Factor(name=QUALITY, value=quality, weight=weights[1]),
        )
        for cost, quality in zip(cheapness, qualities, strict=True)
    ]


def _cost(known: TargetFacts, size: Size) -> int:
    """Return the price of a target that may serve the call: one without a price may not."""
    cost = known.cost_microusd(prompt_tokens=size.prompt_tokens, answer_tokens=size.answer_tokens)
    assert cost is not None
    return cost


def _stretched(values: Sequence[float]) -> list[float]:
    """Return the values from 0 for the least to 1 for the greatest; all 1 if they are equal.

    >>> _stretched([2, 4, 3])
    [0.0, 1.0, 0.5]
    """
    least, greatest = min(values, default=0), max(values, default=0)

    if least == greatest:
        return [1.0] * len(values)

    return [round((value - least) / (greatest - least), _DECIMALS) for value in values]


def _candidate(
    pool: Pool, one: PoolTarget, known: TargetFacts, cost: int, factors: tuple[Factor, ...]
) -> Candidate:
    """Return the target with its score, the sum of its factors by their weights."""
    return Candidate(
        target=one.target,
        pool=pool.name,
        provider=known.provider,
        family=known.family,
        score=round(sum(factor.value * factor.weight for factor in factors), _DECIMALS),
        factors=factors,
        estimated_microusd=cost,
    )
