"""The parts of a rule in words: what it asks of a call, of a target and of an answer."""

from collections.abc import Iterator

from mcp_router.decide.wording import count, listed
from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.guardrails import (
    AdvisorPlan,
    AnswerChecks,
    CachePlan,
    ConfidencePlan,
)
from mcp_router.domain.money import usd
from mcp_router.domain.policy import Condition, Requirements, Weights
from mcp_router.domain.target import TargetKind

ALWAYS = "always"
_SAME = "same"


def told_limits(limits: ChainLimits, kind: TargetKind) -> str:
    """Return what everything that one call does may take; a desk takes neither money nor tokens."""
    most = (
        f"{count(limits.attempts, 'attempt')} within {limits.deadline_s:g} s, "
        f"{limits.attempt_timeout_s:g} s each"
    )

    if kind is TargetKind.DESK:
        return most

    tokens = count(limits.max_output_tokens, "token")
    return f"{most}; ${usd(limits.budget_microusd):g}; {tokens} of answer"


def told_condition(condition: Condition) -> str:
    """Return what must hold, in words; what is not asked is not told."""
    told = (*_told_caller(condition), *_told_request(condition), *_told_ranges(condition))
    return "; ".join(told) or ALWAYS


def _told_caller(condition: Condition) -> Iterator[str]:
    """Yield what is one of several words."""
    if condition.intents:
        yield f"intent {_any_of(condition.intents)}"

    if condition.min_confidence is not None:
        yield f"confidence at least {condition.min_confidence:g}"

    for noun, words in (
        ("customer tier", condition.customer_tiers),
        ("tenant", condition.tenants),
        ("locale", condition.locales),
        ("channel", condition.channels),
        ("safety flag", condition.safety_flags),
        ("sensitive topic", condition.sensitive_topics),
        ("personal data", condition.pii_kinds),
        ("ticket status", condition.ticket_statuses),
        ("ticket priority", condition.ticket_priorities),
    ):
        if words:
            yield f"{noun} {_any_of(words)}"


def _told_request(condition: Condition) -> Iterator[str]:
    """Yield what is asked of the request's size and tools."""
    if condition.min_prompt_tokens is not None:
        yield f"prompt of at least {count(condition.min_prompt_tokens, 'token')}"

    if condition.max_prompt_tokens is not None:
        yield f"prompt of at most {count(condition.max_prompt_tokens, 'token')}"

    if condition.min_turns is not None:
        yield f"at least {count(condition.min_turns, 'turn')}"

    if condition.max_turns is not None:
        yield f"at most {count(condition.max_turns, 'turn')}"

    if condition.tools_offered is not None:
        yield "tools offered" if condition.tools_offered else "no tools offered"

    if condition.tools_required is not None:
        yield "a tool required" if condition.tools_required else "no tool required"


def _told_ranges(condition: Condition) -> Iterator[str]:
    """Yield the bounds of shares, seconds and money."""
    for noun, least, most in (
        (
            "retrieval confidence",
            condition.min_retrieval_confidence,
            condition.max_retrieval_confidence,
        ),
        ("complexity", condition.min_complexity, condition.max_complexity),
        ("cache similarity", condition.min_cache_similarity, None),
        ("seconds to the deadline", condition.min_deadline_s, condition.max_deadline_s),
    ):
        if least is not None:
            yield f"{noun} at least {least:g}"

        if most is not None:
            yield f"{noun} at most {most:g}"

    if condition.min_ticket_spend_microusd is not None:
        yield f"at least ${usd(condition.min_ticket_spend_microusd):g} spent on the ticket"


def told_requirements(requires: Requirements) -> str:
    """Return what a target must be; nothing where it may be anything."""
    return "; ".join(_told_requirements(requires))


def _told_requirements(requires: Requirements) -> Iterator[str]:
    if requires.min_quality is not None:
        yield f"quality at least {requires.min_quality:g}"

    if requires.max_p95_ms is not None:
        yield f"95 of 100 answers within {requires.max_p95_ms:,} ms"

    if requires.residency:
        yield f"kept in {_any_of(requires.residency)}"

    if requires.max_retention_days is not None:
        yield f"kept for at most {count(requires.max_retention_days, 'day')}"

    if requires.capabilities:
        yield f"can do {listed(requires.capabilities)}"


def told_checks(checks: AnswerChecks) -> str:
    """Return what an answer must be; nothing where it may be anything."""
    return "; ".join(_told_checks(checks))


def _told_checks(checks: AnswerChecks) -> Iterator[str]:
    if checks.json_schema is not None:
        yield "JSON by its schema"

    if checks.max_characters is not None:
        yield f"at most {count(checks.max_characters, 'character')}"

    if checks.required_phrases:
        yield f"with {listed(_quoted(checks.required_phrases))}"

    if checks.forbidden_phrases:
        yield f"without {_any_of(_quoted(checks.forbidden_phrases))}"

    if checks.language is not None:
        yield "in the call's language" if checks.language == _SAME else f"in {checks.language}"

    if checks.citations:
        yield f"at least {count(checks.citations, 'citation')}"


def told_confidence(plan: ConfidencePlan, advisor: AdvisorPlan | None) -> str:
    """Return how sure an answer must be, and what happens where it is not."""
    if not plan.sources:
        return ""

    told = f"from {', else '.join(one.replace('_', ' ') for one in plan.sources)}"

    if advisor is not None:
        told += (
            f"; below {advisor.below:g} {advisor.pool} is asked for advice, "
            f"for ${usd(advisor.max_microusd):g} at most"
        )

    return told if plan.floor is None else f"{told}; below {plan.floor:g} a person takes over"


def told_cache(plan: CachePlan | None) -> str:
    """Return how long answers are kept, and for whom."""
    if plan is None:
        return ""

    return f"for {plan.ttl_s:g} s, for questions at least {plan.min_similarity:g} alike"


def told_budgets(plan: BudgetPlan) -> str:
    """Return the budgets beyond one call; nothing where there are none."""
    return "; ".join(_told_budgets(plan))


def _told_budgets(plan: BudgetPlan) -> Iterator[str]:
    for amount, what in (
        (plan.ticket_microusd, "for a ticket"),
        (plan.run_microusd, "for a run"),
        (plan.tenant_month_microusd, "for a tenant and month"),
    ):
        if amount is not None:
            yield f"${usd(amount):g} {what}"

    if plan.hand_over_at is not None and plan.ticket_expected_microusd is not None:
        most = usd(plan.ticket_expected_microusd) * plan.hand_over_at
        yield f"a person takes a ticket over that has cost more than ${most:g}"


def told_weights(weights: Weights) -> str:
    """Return the factors of a balanced pool, the heaviest first."""
    factors = (
        (weights.cost, "cost"),
        (weights.latency, "latency"),
        (weights.success, "success"),
        (weights.quality, "quality"),
    )
    shown = sorted(factors, key=lambda one: -one[0])
    return ", ".join(f"{name} {weight:.0%}" for weight, name in shown if weight > 0)


def _quoted(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f'"{phrase}"' for phrase in phrases)


def _any_of(words: tuple[str, ...]) -> str:
    """Return words of which one is enough.

    >>> _any_of(("a", "b", "c"))
    'a, b or c'
    """
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
