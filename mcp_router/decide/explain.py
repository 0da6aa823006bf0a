"""A decision in sentences: which rule, on what facts, who may serve the call and who may not."""

from itertools import groupby

from mcp_router.decide.score import COST, ORDER, QUALITY
from mcp_router.decide.wording import count, listed, name
from mcp_router.domain.decision import Candidate, Decision, Factor
from mcp_router.domain.money import format_usd
from mcp_router.domain.signals import Signals

_SURE = ((0.85, "very likely"), (0.6, "likely"), (0.0, "perhaps"))  # from this confidence on
_SCALE = "(1 is the best of the pool, 0 the last)"


def explain(decision: Decision) -> tuple[str, ...]:
    """Return the decision as lines, in the order in which a person asks.

    The lines are: the rule and its own reason; what the call was taken for; the ranking, best
    first; every rejected target with its reason; the limits.
    """
    if not decision.rule:
        nowhere = f"No rule of policy {decision.policy} covers this call, so it goes nowhere."
        return (nowhere, *_known(decision.signals))

    reason = f": {' '.join(decision.why.split())}" if decision.why else "."
    return (
        f'Rule "{decision.rule}" of policy {decision.policy} decided{reason}',
        *_known(decision.signals),
        *_ranking(decision),
        *(
            f'Not {one.target} of pool "{one.pool}", because {one.reason}.'
            for one in decision.rejections
        ),
        _limits(decision),
    )


def _is_conversation(signals: Signals) -> bool:
    """Tell whether something was said; a desk's tool is called without words to match."""
    return signals.turns > 0 or signals.prompt_tokens > 0


def _known(signals: Signals) -> tuple[str, ...]:
    """Return what the call was taken for, and what else was known of it."""
    if not _is_conversation(signals):
        return (f"The call is {name(signals.tool)} by tenant {name(signals.tenant)}.",)

    facts = [
        f"{label} {name(said)}"
        for label, said in (
            ("customer tier", signals.customer_tier),
            ("locale", signals.locale),
            ("channel", signals.channel),
        )
        if said
    ]
    facts.append(f"{count(signals.turns, 'turn')} so far")
    facts.append(f"about {count(signals.prompt_tokens, 'token')} of prompt")
    facts.append(f"{count(signals.tools_offered, 'tool')} offered")
    return (_intent(signals), f"Also known: {listed(facts)}.")


def _intent(signals: Signals) -> str:
    """Return what the customer was understood to want."""
    intent = signals.intent

    if intent.name is None:
        return "What the customer wrote resembles none of the policy's intents."

    sure = next(word for least, word in _SURE if intent.confidence >= least)
    return f'The customer {sure} wants "{intent.name}" (confidence {intent.confidence:.2f} of 1).'


def _ranking(decision: Decision) -> tuple[str, ...]:
    """Return the candidates by pool, best first, with the numbers that put them there."""
    if not decision.candidates:
        return (f'No target of pool "{decision.pool}" or its fallbacks can serve the call.',)

    lines: list[str] = []
    place = 0

    for pool, members in groupby(decision.candidates, key=lambda one: one.pool):
        ranked = list(members)
        lines.append(_heading(pool, decision.pool, ranked[0]))

        for candidate in ranked:
            place += 1
            lines.append(f"  {place}. {_candidate(candidate)}")

    return tuple(lines)


def _heading(pool: str, first: str, best: Candidate) -> str:
    """Return what a pool is there for and what its ranking goes by."""
    part = f'Pool "{pool}"' if pool == first else f'Then, as a fallback, pool "{pool}"'
    return f"{part}, {_strategy(best.factors)}:"


def _strategy(factors: tuple[Factor, ...]) -> str:
    """Return in words what the weights say."""
    weights = {factor.name: factor.weight for factor in factors if factor.weight > 0}

    if set(weights) == {ORDER}:
        return "in the order of the policy"

    if set(weights) == {COST}:
        return "the cheapest first"

    if set(weights) == {QUALITY}:
        return f"the highest quality first {_SCALE}"

    parts = [f"{weight:.0%} {factor}" for factor, weight in weights.items()]
    return f"by {listed(parts)} {_SCALE}"


def _candidate(candidate: Candidate) -> str:
    """Return a target with the numbers that its pool goes by."""
    counted = [one for one in candidate.factors if one.weight > 0]
    names = {one.name for one in counted}

    if names == {ORDER}:
        return candidate.target

    cost = f"{candidate.target}: about {format_usd(candidate.estimated_microusd)}"

    if names == {COST}:
        return cost

    parts = [f"{one.name} {one.value:.2f}" for one in counted]
    total = f"score {candidate.score:.2f} from " if len(parts) > 1 else ""
    return f"{cost}, {total}{listed(parts)}"


def _limits(decision: Decision) -> str:
    """Return what everything that the call does may take; a desk takes neither money nor tokens."""
    limits = decision.limits
    most = (
        f"Limits: {count(limits.attempts, 'attempt')} within {limits.deadline_s:g} s, "
        f"{limits.attempt_timeout_s:g} s each"
    )

    if not _is_conversation(decision.signals):
        return f"{most}."

    return (
        f"{most}; {format_usd(limits.budget_microusd)}; "
        f"{count(limits.max_output_tokens, 'token')} of answer."
    )
