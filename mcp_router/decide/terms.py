"""What a call asks of every target, and why one may not serve it: hard limits, before any score."""

from collections.abc import Mapping, Sequence
from math import inf, log1p
from typing import NamedTuple, TypeAlias

from mcp_router.domain.budget import BudgetScope, SpendView
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.health import BreakerState
from mcp_router.domain.money import format_usd
from mcp_router.domain.policy import NO_REQUIREMENTS, PoolTarget, Requirements
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import MILLION, TargetFacts, TargetKind

Member: TypeAlias = tuple[int, str, PoolTarget]
"""A member of a pool: its place, its name, itself."""

Fit: TypeAlias = tuple[int, PoolTarget, TargetFacts, int]
"""Who may serve the call: the place in the pool, the member, its facts, and the cost there."""

Refused: TypeAlias = tuple[str, str]
"""Who may not, and why."""

TOOLS = "tools"
"""The capability that a call with tools needs, where a target says what it can do."""

_OPEN = BreakerState.OPEN
_ACCOUNTS = {
    BudgetScope.REQUEST: "this call's account",
    BudgetScope.TICKET: "this ticket's account",
    BudgetScope.RUN: "this run's account",
    BudgetScope.TENANT: "the tenant's account of this month",
}


class Bounds:
    """What a rule asks of every target of every call."""

    __slots__ = ("cost_scale", "is_tagged", "least_quality", "limits", "requires", "slowest_ms")

    def __init__(self, limits: ChainLimits, requires: Requirements = NO_REQUIREMENTS) -> None:
        """Read the rule once."""
        self.limits = limits
        self.requires = requires
        self.cost_scale = log1p(limits.budget_microusd) or 1.0
        self.slowest_ms = inf if requires.max_p95_ms is None else requires.max_p95_ms
        self.least_quality = -inf if requires.min_quality is None else requires.min_quality
        self.is_tagged = bool(
            requires.residency or requires.capabilities or requires.max_retention_days is not None
        )


class Terms(NamedTuple):
    """What one call asks of every target; a tuple, because every call makes one."""

    bounds: Bounds
    prompt_tokens: int
    answer_tokens: int  # the longest answer that it may get
    most_microusd: int  # that the rule's budget and every account cover
    needs_tools: bool = False
    spend: SpendView = SpendView()


def longest_answer(limits: ChainLimits, signals: Signals) -> int:
    """Return how many tokens an answer may have, by the rule and by who asks."""
    most, asked = limits.max_output_tokens, signals.answer_tokens
    return most if asked is None or asked > most else asked


def terms_of(bounds: Bounds, signals: Signals, spend: SpendView) -> Terms:
    """Return the terms of a call under a rule: its answer is as long as both it and they allow."""
    most = bounds.limits.budget_microusd
    left = spend.left_microusd if spend.balances else None
    return Terms(
        bounds,
        signals.prompt_tokens,
        longest_answer(bounds.limits, signals),
        most if left is None or left > most else left,
        signals.tools_required or signals.tools_offered > 0,
        spend,
    )


def sort_out(
    members: Sequence[Member], kind: TargetKind, facts: Mapping[str, TargetFacts], terms: Terms
) -> tuple[list[Fit], list[Refused]]:
    """Return who may serve the call, with the cost there, and why the others may not.

    A reason reads on after "because". A target that is trying whether its breaker may close again
    stays: the walk asks for its turn.
    """
    bounds, prompt_tokens, answer_tokens, most, needs_tools, _ = terms
    tokens = prompt_tokens + answer_tokens
    slowest_ms, least_quality, is_tagged = (
        bounds.slowest_ms,
        bounds.least_quality,
        bounds.is_tagged,
    )
    fit: list[Fit] = []
    refused: list[Refused] = []

    for at, target, member in members:
        known = facts.get(target)

        # All that most targets fulfil, in one breath: deciding spends most of its time here. Why
        # one does not, and what one costs that has no price, is worked out after.
        if (
            known is not None
            and (price := known.price) is not None
            and known.kind is kind
            and (health := known.health).breaker is not _OPEN
            and ((window := known.context_tokens) is None or tokens <= window)
            and ((p95_ms := health.p95_ms) is None or p95_ms <= slowest_ms)
            and member.quality >= least_quality
            and not (needs_tools and _lacks_tools(known))
            and not (is_tagged and _untagged(known, bounds.requires) is not None)
            and (
                cost := -(-(price.input * prompt_tokens + price.output * answer_tokens) // MILLION)
            )
            <= most
        ):
            fit.append((at, member, known, cost))
            continue

        verdict = cost_or_refusal(known, member, kind, terms)

        if isinstance(verdict, str) or known is None:
            refused.append((target, str(verdict)))
        else:
            fit.append((at, member, known, verdict))

    return fit, refused


def cost_or_refusal(
    known: TargetFacts | None, target: PoolTarget, kind: TargetKind, terms: Terms
) -> int | str:
    """Return what the call would cost at the target, or the first reason why it may not go there.

    A target that is not a model costs nothing.
    """
    if known is None:
        return "it is not configured in router.yaml"

    if known.kind is not kind:
        return f"router.yaml has a {known.kind} of that name, and the pool asks for a {kind}"

    if known.health.breaker is _OPEN:
        return "its circuit breaker is open: it failed too often just now"

    reason = _overtaxed(known, terms) or _unfulfilled(known, target, terms.bounds)

    if reason is not None:
        return reason

    cost = known.cost_microusd(prompt_tokens=terms.prompt_tokens, answer_tokens=terms.answer_tokens)
    return cost if cost is not None and cost <= terms.most_microusd else _unaffordable(cost, terms)


def _overtaxed(known: TargetFacts, terms: Terms) -> str | None:
    """Return why the target cannot take such a request, None if it can."""
    needed = terms.prompt_tokens + terms.answer_tokens

    if known.context_tokens is not None and needed > known.context_tokens:
        return (
            f"prompt and answer need about {needed:,} tokens, and it takes {known.context_tokens:,}"
        )

    if terms.needs_tools and _lacks_tools(known):
        return "it takes no tools, and the call brings some"

    return None


def _unfulfilled(known: TargetFacts, target: PoolTarget, bounds: Bounds) -> str | None:
    """Return what the rule requires and the target is not, None if it is all of it."""
    p95_ms = known.health.p95_ms

    if p95_ms is not None and p95_ms > bounds.slowest_ms:
        return (
            f"5 of 100 of its answers take longer than {p95_ms:,} ms, and the rule allows "
            f"{bounds.slowest_ms:,} ms"
        )

    if target.quality < bounds.least_quality:
        return (
            f"its quality of {target.quality:g} is below the {bounds.least_quality:g} "
            "that the rule asks for"
        )

    return _untagged(known, bounds.requires)


def _lacks_tools(known: TargetFacts) -> bool:
    """Tell whether the target says what it can do, and that it takes no tools."""
    return known.capabilities is not None and TOOLS not in known.capabilities


def _unaffordable(cost: int | None, terms: Terms) -> str:
    """Return why the money does not cover the cost."""
    if cost is None:
        return "nobody knows its price; router.yaml can give it one"

    budget = terms.bounds.limits.budget_microusd

    if cost > budget:
        return (
            f"it would cost about {format_usd(cost)}, more than the rule's "
            f"budget of {format_usd(budget)}"
        )

    left, tightest = min(
        ((left, one) for one in terms.spend.balances if (left := one.left_microusd) is not None),
        key=lambda pair: pair[0],
    )
    return (
        f"it would cost about {format_usd(cost)}, more than the {format_usd(left)} "
        f"that {_ACCOUNTS[tightest.account.scope]} has left"
    )


def _untagged(known: TargetFacts, requires: Requirements) -> str | None:
    """Return which tag that the rule asks for the target lacks, None if it has them all."""
    if known.capabilities is not None:
        for capability in requires.capabilities:
            if capability not in known.capabilities:
                return f'it lacks the capability "{capability}" that the rule asks for'

    return _kept_wrongly(known, requires)


def _kept_wrongly(known: TargetFacts, requires: Requirements) -> str | None:
    """Return what is wrong with where, or for how long, its provider keeps what it is sent."""
    if requires.residency:
        wanted = " or ".join(requires.residency)

        if known.residency is None:
            return f"nobody knows where it keeps data, and the rule asks for {wanted}"

        if known.residency.casefold() not in {one.casefold() for one in requires.residency}:
            return f"it keeps data in {known.residency}, and the rule asks for {wanted}"

    most = requires.max_retention_days

    if most is not None:
        if known.retention_days is None:
            return f"nobody knows how long it keeps data, and the rule allows {most} days"

        if known.retention_days > most:
            return f"it keeps data for {known.retention_days} days, and the rule allows {most}"

    return None
