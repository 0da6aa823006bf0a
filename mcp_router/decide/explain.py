"""A decision in sentences: which rule, on what facts, who may serve the call and who may not."""

from collections.abc import Mapping
from itertools import groupby

from mcp_router.decide.known import account, is_conversation, known
from mcp_router.decide.score import CHECKS, COST, LATENCY, ORDER, QUALITY
from mcp_router.decide.wording import count, duration, listed
from mcp_router.domain.decision import Candidate, Decision, Factor
from mcp_router.domain.learning import LearningMode
from mcp_router.domain.money import format_usd
from mcp_router.domain.rollout import Arm
from mcp_router.domain.target import TargetFacts

_SCALE = "(from 0 to 1, and 1 is best)"
_ARMS = {
    Arm.STABLE: "A rollout is under way; this call stays with the version that was there before.",
    Arm.CANDIDATE: "A rollout is under way; this call goes by the new version.",
}


def explain(decision: Decision) -> tuple[str, ...]:
    """Return the decision as lines, in the order in which a person asks.

    The lines are: the rule and its own reason, and the arm of a rollout; what the call was taken
    for; the budgets; the ranking, best first, with what was drawn; every rejected target with its
    reason; the limits.
    """
    if not decision.rule:
        nowhere = f"No rule of policy {decision.policy} covers this call, so it goes nowhere."
        return (nowhere, *_arm(decision), *known(decision.signals))

    reason = f": {' '.join(decision.why.split())}" if decision.why else "."
    return (
        f'Rule "{decision.rule}" of policy {decision.policy} decided{reason}',
        *_arm(decision),
        *known(decision.signals),
        *(f"Budget: {account(balance)}." for balance in decision.spend.balances),
        *_ranking(decision),
        *_choice(decision),
        *(
            f'Not {one.target} of pool "{one.pool}", because {one.reason}.'
            for one in decision.rejections
        ),
        _limits(decision),
    )


def _arm(decision: Decision) -> tuple[str, ...]:
    """Return which side of a rollout the call is on, where there is one."""
    return (_ARMS[decision.arm],) if decision.arm is not None else ()


def _ranking(decision: Decision) -> tuple[str, ...]:
    """Return the candidates by pool, best first, with the numbers that put them there."""
    if not decision.candidates:
        return (f'No target of pool "{decision.pool}" or its fallbacks can serve the call.',)

    lines: list[str] = []
    facts = {one.name: one for one in decision.facts}
    seen: set[str] = set()
    place = 0

    for pool, members in groupby(decision.candidates, key=lambda one: one.pool):
        ranked = list(members)
        lines.append(_heading(pool, decision.pool, ranked[0], is_again=pool in seen))
        seen.add(pool)

        for candidate in ranked:
            place += 1
            kin = _kin(candidate, decision.candidates[0])
            lines.append(f"  {place}. {_candidate(candidate, facts)}{kin}{_propensity(candidate)}")

    return tuple(lines)


def _heading(pool: str, first: str, best: Candidate, *, is_again: bool) -> str:
    """Return what a pool is there for and what its ranking goes by."""
    if is_again:
        return f'Then again pool "{pool}", {_strategy(best.factors)}:'

    part = f'Pool "{pool}"' if pool == first else f'Then, as a fallback, pool "{pool}"'
    return f"{part}, {_strategy(best.factors)}:"


def _strategy(factors: tuple[Factor, ...]) -> str:
    """Return in words what the weights say."""
    weights = {factor.name: factor.weight for factor in factors}

    if set(weights) == {ORDER}:
        return "in the order of the policy"

    if set(weights) == {CHECKS, COST}:
        return "the cheapest first"

    if set(weights) == {QUALITY}:
        return f"the highest quality first {_SCALE}"

    if set(weights) == {LATENCY}:
        return "the fastest first"

    parts = [f"{weight:.0%} {factor}" for factor, weight in weights.items()]
    return f"by {listed(parts)} {_SCALE}"


def _candidate(candidate: Candidate, facts: Mapping[str, TargetFacts]) -> str:
    """Return a target with the numbers that its pool goes by."""
    values = {one.name: one.value for one in candidate.factors}

    if set(values) == {ORDER}:
        return candidate.target

    cost = f"{candidate.target}: about {format_usd(candidate.estimated_microusd)}"

    if set(values) == {CHECKS, COST}:
        failing = ", after the others because most of its answers fail the format checks"
        return cost if values[CHECKS] > 0 else cost + failing

    if set(values) == {LATENCY}:
        return f"{cost}, {_latency(facts.get(candidate.target))}"

    parts = [f"{name} {value:.2f}" for name, value in values.items()]
    total = f"score {candidate.score:.2f} from " if len(parts) > 1 else ""
    return f"{cost}, {total}{listed(parts)}"


def _latency(facts: TargetFacts | None) -> str:
    """Return how fast a target has been."""
    if facts is None or facts.health.p95_ms is None:
        return "its speed not measured yet"

    return f"95 of 100 answers within {duration(facts.health.p95_ms)}"


def _kin(candidate: Candidate, first: Candidate) -> str:
    """Return why a target of the first one's family may stand before better ranked ones."""
    is_kin = candidate.family == first.family and candidate.provider != first.provider
    return f" (the first one's family, at {candidate.provider})" if is_kin else ""


def _propensity(candidate: Candidate) -> str:
    """Return how likely the draw was to fall on a target, where there was one."""
    share = candidate.propensity
    return "" if share is None else f", to be drawn in {share:.2%} of such calls"


def _choice(decision: Decision) -> tuple[str, ...]:
    """Return what was drawn, where the policy learns."""
    choice = decision.choice

    if choice is None:
        return ()

    drawn = f"By what outcomes have taught, a draw of {choice.draw:.4f}"

    if choice.mode is LearningMode.ON:
        return (f"{drawn} put {choice.target} first.",)

    return (
        f"{drawn} would have put {choice.target} first; the policy only observes, so the ranking "
        "stayed.",
    )


def _limits(decision: Decision) -> str:
    """Return what everything that the call does may take; a desk takes neither money nor tokens."""
    limits = decision.limits
    most = (
        f"Limits: {count(limits.attempts, 'attempt')} within {limits.deadline_s:g} s, "
        f"{limits.attempt_timeout_s:g} s each"
    )

    if not is_conversation(decision.signals):
        return f"{most}."

    return (
        f"{most}; {format_usd(limits.budget_microusd)}; "
        f"{count(limits.max_output_tokens, 'token')} of answer."
    )
