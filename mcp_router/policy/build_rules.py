"""From the parts of a rule, as a document writes them, to the values that decisions use."""

from decimal import Decimal

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.guardrails import (
    NO_CHECKS,
    AdvisorPlan,
    AnswerChecks,
    CachePlan,
    ConfidencePlan,
)
from mcp_router.domain.money import microusd
from mcp_router.domain.policy import NO_REQUIREMENTS, Condition, Requirements
from mcp_router.policy.draft_rules import (
    AdvisorForm,
    CacheForm,
    ChecksForm,
    ConfidenceForm,
    RequiresForm,
    WhenForm,
)
from mcp_router.policy.routed import COMPLETION_TOOL

ADVICE_TOKENS = 200
"""How long an advice may be where the document does not say."""

_SAME_WORDS = 1.0


def dollars(amount: float) -> int:
    """Return dollars in micro-dollars; a float's shortest text is the number that was written."""
    return microusd(Decimal(str(amount)))


def maybe_dollars(amount: float | None) -> int | None:
    """Return dollars in micro-dollars, None where there are none."""
    return None if amount is None else dollars(amount)


def condition(when: WhenForm) -> Condition:
    """Return what a rule asks; rules are about completions only."""
    return Condition(
        tools=(COMPLETION_TOOL,),
        intents=tuple(when.intent or ()),
        min_confidence=when.confidence_at_least,
        customer_tiers=tuple(when.customer_tier or ()),
        tenants=tuple(when.tenant or ()),
        locales=tuple(when.locale or ()),
        channels=tuple(when.channel or ()),
        min_prompt_tokens=when.prompt_tokens_at_least,
        max_prompt_tokens=when.prompt_tokens_at_most,
        min_turns=when.turns_at_least,
        tools_offered=when.tools_offered,
        max_turns=when.turns_at_most,
        tools_required=when.tools_required,
        min_retrieval_confidence=when.retrieval_confidence_at_least,
        max_retrieval_confidence=when.retrieval_confidence_at_most,
        safety_flags=tuple(when.safety_flag or ()),
        sensitive_topics=tuple(when.sensitive_topic or ()),
        pii_kinds=tuple(when.pii_kind or ()),
        ticket_statuses=tuple(map(str, when.ticket_status or ())),
        ticket_priorities=tuple(map(str, when.ticket_priority or ())),
        min_complexity=when.complexity_at_least,
        max_complexity=when.complexity_at_most,
        min_cache_similarity=when.cache_similarity_at_least,
        min_deadline_s=when.deadline_s_at_least,
        max_deadline_s=when.deadline_s_at_most,
        min_ticket_spend_microusd=maybe_dollars(when.ticket_spend_usd_at_least),
    )


def requirements(form: RequiresForm | None) -> Requirements:
    """Return what a target must be."""
    if form is None:
        return NO_REQUIREMENTS

    return Requirements(
        min_quality=form.quality_at_least,
        max_p95_ms=form.p95_ms_at_most,
        residency=tuple(form.residency or ()),
        max_retention_days=form.retention_days_at_most,
        capabilities=tuple(form.capabilities or ()),
    )


def answer_checks(form: ChecksForm | None) -> AnswerChecks:
    """Return the format checks of answers."""
    if form is None:
        return NO_CHECKS

    return AnswerChecks(
        json_schema=None if form.json_schema is None else schema_text(form.json_schema),
        max_characters=form.max_characters,
        required_phrases=tuple(form.required_phrases),
        forbidden_phrases=tuple(form.forbidden_phrases),
        language=form.language,
        citations=form.citations or 0,
    )


def schema_text(schema: dict[str, object]) -> str:
    """Return a JSON Schema as canonical JSON; what stands in a document always has such a form."""
    return canonical_json(plain(schema))


def confidence_plan(form: ConfidenceForm | None) -> ConfidencePlan:
    """Return how sure an answer must be."""
    if form is None:
        return ConfidencePlan()

    return ConfidencePlan(sources=tuple(form.sources), floor=form.floor)


def advisor_plan(form: AdvisorForm | None) -> AdvisorPlan | None:
    """Return when a stronger model is asked."""
    if form is None:
        return None

    return AdvisorPlan(
        pool=form.pool,
        below=form.below,
        max_microusd=dollars(form.budget_usd),
        max_output_tokens=form.max_output_tokens or ADVICE_TOKENS,
    )


def cache_plan(form: CacheForm | None) -> CachePlan | None:
    """Return how long answers may be given again."""
    if form is None:
        return None

    like = form.similarity_at_least
    return CachePlan(ttl_s=form.ttl_s, min_similarity=_SAME_WORDS if like is None else like)
