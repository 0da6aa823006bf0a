"""The shape of what sends a call somewhere: conditions, limits and everything else of a rule."""

from typing import Annotated

from pydantic import ConfigDict, Field, Strict

from mcp_router.domain.guardrails import ConfidenceSource
from mcp_router.policy.draft_words import (
    Attempts,
    Count,
    Dollars,
    Id,
    Language,
    Line,
    Priorities,
    Prose,
    Seconds,
    Share,
    Statuses,
    Tokens,
    Words,
)
from mcp_router.review import Form

_MOST_POOLS = 20  # after the first one; more than any call's attempts
_MOST_PHRASES = 50


class LimitsForm(Form):
    """What a rule or a tool sets for itself; the rest comes from the document's `limits`."""

    deadline_s: Seconds | None = Field(default=None, description="seconds for the whole call")
    attempt_timeout_s: Seconds | None = Field(
        default=None, description="seconds for one send, within the deadline"
    )
    attempts: Attempts | None = Field(default=None, description="sends at most")
    budget_usd: Dollars | None = Field(
        default=None,
        description="US dollars at most, failed attempts that may have been billed included",
    )
    max_output_tokens: Tokens | None = Field(
        default=None, description="the longest answer; a host may ask for less, not for more"
    )


class DefaultLimitsForm(Form):
    """What a rule or a tool gets when it says nothing else; all five are required."""

    deadline_s: Seconds = Field(description="seconds for the whole call")
    attempt_timeout_s: Seconds = Field(description="seconds for one send, within the deadline")
    attempts: Attempts = Field(description="sends at most")
    budget_usd: Dollars = Field(
        description="US dollars at most, failed attempts that may have been billed included"
    )
    max_output_tokens: Tokens = Field(
        description="the longest answer; a host may ask for less, not for more"
    )


class WhenForm(Form):
    """What a rule asks; every key that is there must hold, a list asks for any of its words."""

    intent: Words | None = Field(default=None, description="the intent is one of these")
    confidence_at_least: Share | None = Field(
        default=None, description="the match of the intent is at least that sure"
    )
    customer_tier: Words | None = Field(default=None, description="the tier is one of these")
    tenant: Words | None = Field(default=None, description="the caller's tenant is one of these")
    locale: Words | None = Field(
        default=None,
        description="the locale is one of these, or a region of one: de covers de-AT",
    )
    channel: Words | None = Field(default=None, description="the channel is one of these")
    prompt_tokens_at_least: Count | None = Field(
        default=None, description="the prompt is estimated at that many tokens or more"
    )
    prompt_tokens_at_most: Count | None = Field(default=None, description="or that many or fewer")
    turns_at_least: Count | None = Field(
        default=None, description="user and assistant have spoken that often"
    )
    turns_at_most: Count | None = Field(default=None, description="or that often at most")
    tools_offered: bool | None = Field(
        default=None, description="true: the host offers tools; false: it does not"
    )
    tools_required: bool | None = Field(
        default=None, description="true: the answer must be a call of a tool; false: it need not"
    )
    retrieval_confidence_at_least: Share | None = Field(
        default=None, description="the host trusts what it retrieved at least that much"
    )
    retrieval_confidence_at_most: Share | None = Field(
        default=None, description="or that much at most"
    )
    safety_flag: Words | None = Field(default=None, description="one of these flags is raised")
    sensitive_topic: Words | None = Field(
        default=None, description="one of these topics is touched"
    )
    pii_kind: Words | None = Field(
        default=None, description="one of these kinds of personal data is there"
    )
    ticket_status: Statuses | None = Field(
        default=None, description="the ticket's status is one of these"
    )
    ticket_priority: Priorities | None = Field(
        default=None, description="the ticket's priority is one of these"
    )
    complexity_at_least: Share | None = Field(
        default=None, description="the question is at least that complex"
    )
    complexity_at_most: Share | None = Field(default=None, description="or that complex at most")
    cache_similarity_at_least: Share | None = Field(
        default=None, description="a kept answer's question is at least that alike"
    )
    deadline_s_at_least: Seconds | None = Field(
        default=None, description="the caller waits at least that many seconds more"
    )
    deadline_s_at_most: Seconds | None = Field(
        default=None, description="or that many seconds at most"
    )
    ticket_spend_usd_at_least: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="the ticket has cost at least that many US dollars so far",
    )


class RequiresForm(Form):
    """What a target must be, whatever its score."""

    quality_at_least: Share | None = Field(
        default=None, description="the lowest `quality` that will do"
    )
    p95_ms_at_most: int | None = Field(
        default=None,
        ge=1,
        le=3_600_000,
        description="95 of 100 answers of the last minutes came within that many milliseconds",
    )
    residency: Words | None = Field(
        default=None, description="where what is sent may be kept: any of these regions"
    )
    retention_days_at_most: Count | None = Field(
        default=None, description="for how many days it may be kept"
    )
    capabilities: Words | None = Field(
        default=None, description="what the target can do: all of these"
    )


class ChecksForm(Form):
    """What an answer must be before a customer may see it; else the next target is asked."""

    json_schema: dict[str, object] | None = Field(
        default=None, description="a JSON Schema that the answer, as JSON, must fulfil"
    )
    max_characters: int | None = Field(
        default=None, ge=1, le=1_000_000, description="the longest text"
    )
    required_phrases: list[Line] = Field(
        default_factory=list,
        max_length=_MOST_PHRASES,
        description="phrases that must be there, in any case",
    )
    forbidden_phrases: list[Line] = Field(
        default_factory=list,
        max_length=_MOST_PHRASES,
        description="phrases that must not, in any case",
    )
    language: Language | None = Field(
        default=None, description="a language tag, or `same` for that of the call's locale"
    )
    citations: int | None = Field(
        default=None, ge=1, le=100, description="how many references such as [1] must be there"
    )


class ConfidenceForm(Form):
    """How sure an answer must be before it is published."""

    sources: list[Annotated[ConfidenceSource, Strict(False)]] = Field(
        alias="from",
        min_length=1,
        max_length=len(ConfidenceSource),
        description="where the confidence comes from; the first that is available counts",
    )
    floor: Share | None = Field(
        default=None, description="below it a person takes over; without it nothing is withheld"
    )


class AdvisorForm(Form):
    """When a stronger model is asked for its judgement of the first answer."""

    pool: str = Field(description="the pool of the advisors")
    below: Share = Field(description="the confidence below which one is asked")
    budget_usd: Dollars = Field(description="US dollars that the advice may cost, of the rule's")
    max_output_tokens: Tokens | None = Field(
        default=None, description="the longest advice; 200 if not said"
    )


class CacheForm(Form):
    """How long answers may be given again, and how like the questions must be."""

    ttl_s: float = Field(gt=0, le=31_536_000, description="seconds until an answer is too old")
    similarity_at_least: Share | None = Field(
        default=None, description="how like a question must be; 1, the same words, if not said"
    )


class RuleForm(Form):
    """Where a completion goes, and why."""

    id: Id = Field(description="names the rule in records")
    why: Prose = Field(description="its reason, told by explain_decision")
    when: WhenForm | None = Field(default=None, description="the conditions; all of them must hold")
    pool: str = Field(description="where the call goes")
    fallback: list[str] = Field(
        default_factory=list,
        max_length=_MOST_POOLS,
        description="pools that come after it, in order",
    )
    limits: LimitsForm | None = Field(
        default=None, description="its own limits, where they differ from the policy's"
    )
    requires: RequiresForm | None = Field(
        default=None, description="what a target must be, whatever its score"
    )
    checks: ChecksForm | None = Field(
        default=None, description="what an answer must be before a customer may see it"
    )
    confidence: ConfidenceForm | None = Field(
        default=None, description="how sure an answer must be before it is published"
    )
    advisor: AdvisorForm | None = Field(
        default=None, description="when a stronger model is asked for its judgement"
    )
    cache: CacheForm | None = Field(
        default=None, description="whether answers may be given again, and for how long"
    )


class PlaceForm(Form):
    """Which completions a rule takes, whatever else of it is wrong."""

    model_config = ConfigDict(extra="ignore")

    id: Id
    when: WhenForm | None = None


class ToolForm(Form):
    """Where the calls of one desk tool go."""

    pool: str = Field(description="the pool of desks that the tool works with")
    fallback: list[str] = Field(
        default_factory=list,
        max_length=_MOST_POOLS,
        description="for tools that read: pools that may answer instead",
    )
    limits: LimitsForm | None = Field(
        default=None, description="its own limits, where they differ from the policy's"
    )
