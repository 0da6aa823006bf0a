"""The shape of a policy's cases: given these signals, expect that."""

from pydantic import Field

from mcp_router.policy.draft_words import (
    Count,
    Id,
    IntentName,
    Line,
    Prose,
    RuleId,
    Seconds,
    Share,
    TargetName,
    TicketPriority,
    TicketStatus,
    Word,
    Words,
)
from mcp_router.review import Form


class GivenForm(Form):
    """The signals of a case, by the names that `when` asks for; the rest is not said."""

    tool: Word | None = Field(
        default=None, description="the tool that is called; route_completion if not said"
    )
    tenant: Word | None = Field(default=None, description="the caller's tenant; else local")
    intent: IntentName | None = Field(
        default=None, description="what the customer wants; with `text` it is found there"
    )
    confidence: Share | None = Field(
        default=None, description="how sure the match is; 1 if only the intent is said"
    )
    customer_tier: Word | None = Field(default=None, description="the customer's tier")
    locale: Word | None = Field(default=None, description="a language tag such as de-AT")
    channel: Word | None = Field(default=None, description="a word such as email or voice")
    prompt_tokens: Count | None = Field(default=None, description="the prompt's length")
    answer_tokens: Count | None = Field(
        default=None, description="the longest answer that the host asks for"
    )
    turns: Count | None = Field(
        default=None, description="how often user and assistant have spoken"
    )
    tools_offered: bool | None = Field(
        default=None, description="whether the host offers the model tools"
    )
    tools_required: bool | None = Field(
        default=None, description="whether the answer must be a call of a tool"
    )
    retrieval_confidence: Share | None = Field(
        default=None, description="the host's confidence in what it retrieved"
    )
    safety_flag: Words | None = Field(default=None, description="safety flags that are raised")
    sensitive_topic: Words | None = Field(default=None, description="sensitive topics")
    pii_kind: Words | None = Field(default=None, description="kinds of personal data")
    ticket_status: TicketStatus | None = Field(default=None, description="the ticket's status")
    ticket_priority: TicketPriority | None = Field(
        default=None, description="the ticket's priority"
    )
    complexity: Share | None = Field(default=None, description="how complex the question is")
    cache_similarity: Share | None = Field(
        default=None, description="how like the nearest kept answer's question is"
    )
    deadline_s: Seconds | None = Field(
        default=None, description="seconds until the caller gives up"
    )
    ticket_spend_usd: float | None = Field(
        default=None, ge=0, le=1_000_000, description="what the ticket has cost so far"
    )


class ExpectForm(Form):
    """What a case expects; at least one of these."""

    rule: RuleId | None = Field(
        default=None, description="the rule that decides; tool:NAME for a tool's own"
    )
    pool: Id | None = Field(default=None, description="the pool that the call goes to")
    target: TargetName | None = Field(default=None, description="the first target")
    cache: bool | None = Field(
        default=None, description="whether the rule may use the cache for this call"
    )
    refused: bool | None = Field(default=None, description="whether no target may serve the call")


class CaseForm(Form):
    """One case."""

    name: Line = Field(description="what the case shows, in words")
    text: Prose | None = Field(
        default=None, description="what the customer writes; the intent is found in it"
    )
    given: GivenForm | None = Field(default=None, description="the signals of the call")
    expect: ExpectForm = Field(description="what must come out; at least one key")


class CasesForm(Form):
    """A file of cases, beside the policy that they are about."""

    cases: list[object] = Field(min_length=1, max_length=2_000)
