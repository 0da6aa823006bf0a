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


def rank(
    pool: Pool, facts: Mapping[str, TargetFacts], *, prompt_tokens: int, limits: ChainLimits
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
        reason = _refusal(known, pool, prompt_tokens, limits)

        if known is not None and reason is None:
            fit.append((target, known))
        else:
            rejections.append(
                Rejection(target=target.target, pool=pool.name, reason=reason or _NOT_CONFIGURED)
            )

    scored = zip(fit, _factors(pool.strategy, fit), strict=True)
    candidates = [_candidate(pool, one, known, factors) for (one, known), factors in scored]
    candidates.sort(key=lambda candidate: -candidate.score)  # stable: equals stay as listed
    return Ranking(candidates=tuple(candidates), rejections=tuple(rejections))


def _refusal(
    known: TargetFacts | None, pool: Pool, prompt_tokens: int, limits: ChainLimits
) -> str | None:
    """Return why the target may not serve the call, to be read after "because"; None if it may."""
    if known is None:
        return _NOT_CONFIGURED

    if known.kind is not pool.kind:
        return f"router.yaml has a {known.kind} of that name, and the pool asks for a {pool.kind}"

    needed = prompt_tokens + limits.max_output_tokens

    if known.context_tokens is not None and needed > known.context_tokens:
        return (
            f"prompt and answer need about {needed:,} tokens, and it takes {known.context_tokens:,}"
        )

    if known.estimated_microusd is None:
        return "nobody knows its price; router.yaml can give it one"

    if known.estimated_microusd > limits.budget_microusd:
        return (
            f"it would cost about {format_usd(known.estimated_microusd)}, more than the rule's "
            f"budget of {format_usd(limits.budget_microusd)}"
        )

    return None


def _factors(
    strategy: PoolStrategy, fit: Sequence[tuple[PoolTarget, TargetFacts]]
) -> list[tuple[Factor, ...]]:
    """Return the factors of each target's score, in the given order."""
    match strategy:
        case PoolStrategy.AS_LISTED:
            places = _stretched([-float(at) for at in range(len(fit))])
            return [(Factor(name=ORDER, value=place, weight=1.0),) for place in places]
        case PoolStrategy.COST_OPTIMIZED:
            weights = (1.0, 0.0)
        case PoolStrategy.BALANCED:
            weights = (0.5, 0.5)
        case PoolStrategy.QUALITY_FIRST:
            weights = (0.0, 1.0)
        case _:
            assert_never(strategy)

    costs = _stretched([-_cost(known) for _, known in fit])
    qualities = _stretched([target.quality for target, _ in fit])
    return [
        (
            Factor(name=COST, value=cost, weight=weights[0]),
            Factor(name=QUALITY, value=quality, weight=weights[1]),
        )
        for cost, quality in zip(costs, qualities, strict=True)
    ]


def _cost(known: TargetFacts) -> int:
    """Return the price of a target that may serve the call: one without a price may not."""
    assert known.estimated_microusd is not None
    return known.estimated_microusd


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
    pool: Pool, one: PoolTarget, known: TargetFacts, factors: tuple[Factor, ...]
) -> Candidate:
    """Return the target with its score, the sum of its factors by their weights."""
    return Candidate(
        target=one.target,
        pool=pool.name,
        provider=known.provider,
        family=known.family,
        score=round(sum(factor.value * factor.weight for factor in factors), _DECIMALS),
        factors=factors,
        estimated_microusd=_cost(known),
    )
