"""The answer of a policy to one call: the same for the same facts, on every machine, every day."""

from collections.abc import Mapping
from operator import attrgetter

from mcp_router.decide.explore import explore
from mcp_router.decide.plan import NOTHING, RulePlan, plan_of
from mcp_router.decide.swift import decided
from mcp_router.decide.terms import terms_of
from mcp_router.domain.budget import UNSPENT, SpendView
from mcp_router.domain.decision import Candidate, Decision, Rejection
from mcp_router.domain.learning import Choice
from mcp_router.domain.policy import FallbackOrder, Policy
from mcp_router.domain.rollout import Arm
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import TargetFacts

_by_name = attrgetter("name")


def decide(
    policy: Policy,
    signals: Signals,
    health: Mapping[str, TargetFacts],
    spend: SpendView = UNSPENT,
    *,
    arm: Arm | None = None,
    draw: float | None = None,
) -> Decision:
    """Return where the call goes: the candidates of the rule's pool, then of its fallback pools.

    `health` holds what is known of every configured target, by the names that policies use;
    `spend` what is left of the call's budgets; `draw` a random number from 0 to 1, for a policy
    that learns. A target stands in the first pool that lists it and nowhere else. Where no rule
    covers the call, rule and pool are empty; where no target can serve it, so are the candidates.
    Neither is an error here. The decision holds all that it was made of.
    """
    plan = plan_of(policy).rule(signals)
    facts = tuple(sorted(health.values(), key=_by_name))

    if plan is None:
        return decided(policy, None, NOTHING, signals, (), (), facts, spend, arm, None)

    candidates, rejections, choice = _ranked(policy, plan, signals, health, spend, draw)
    limits = plan.rule.limits
    return decided(
        policy, plan.rule, limits, signals, candidates, rejections, facts, spend, arm, choice
    )


def again(policy: Policy, decision: Decision) -> Decision:
    """Return what the policy decides on what was known when the decision was made.

    By the same version it is the same decision, to the bit.
    """
    return decide(
        policy,
        decision.signals,
        {known.name: known for known in decision.facts},
        decision.spend,
        arm=decision.arm,
        draw=decision.choice.draw if decision.choice else None,
    )


def _ranked(
    policy: Policy,
    plan: RulePlan,
    signals: Signals,
    facts: Mapping[str, TargetFacts],
    spend: SpendView,
    draw: float | None,
) -> tuple[tuple[Candidate, ...], tuple[Rejection, ...], Choice | None]:
    """Return the candidates of all pools in their order, the rejected, and what was drawn."""
    terms = terms_of(plan.bounds, signals, spend)
    own, *others = [ranker.rank(facts, terms) for ranker in plan.rankers]
    candidates, rejections = own
    choice: Choice | None = None

    if draw is not None:
        candidates, choice = explore(
            candidates, policy.learning, draw, facts=facts, qualities=plan.qualities
        )

    for ranked, refused in others:
        candidates += ranked
        rejections += refused

    if policy.fallback_order is FallbackOrder.FAMILY_FIRST:
        candidates = _family_first(candidates)

    return tuple(candidates), tuple(rejections), choice


def _family_first(candidates: list[Candidate]) -> list[Candidate]:
    """Return the candidates so that the first one's family at other providers comes next.

    The same model elsewhere answers most alike, and does not share the outage of its provider.
    """
    if len(candidates) < 3:
        return candidates

    first = candidates[0]
    family, provider = first.family, first.provider
    kin = [one for one in candidates if one.family == family and one.provider != provider]

    if not kin:
        return candidates

    rest = [one for one in candidates[1:] if one.family != family or one.provider == provider]
    return [first, *kin, *rest]
