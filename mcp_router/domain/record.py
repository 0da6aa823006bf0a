"""The one row that the decision log keeps for a call."""

from dataclasses import dataclass, field

from mcp_router.domain.attempt import Attempt
from mcp_router.domain.audit_event import AuditEvent
from mcp_router.domain.budget import Balance
from mcp_router.domain.decision import Decision
from mcp_router.domain.guardrails import Advice, AnswerConfidence, CacheUse
from mcp_router.domain.learning import OutcomeReport
from mcp_router.domain.privacy import ContentEvent, PiiCount
from mcp_router.domain.rollout import PolicyEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What the log keeps of a completion: never its text."""

    model: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    tool_calls: int
    price_table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything an auditor may ask of one call, or of one change of a policy or of the log.

    `outcome` is `ok`, `escalated`, `incomplete`, `cancelled`, `error`, or an action's.
    """

    decision_id: str
    at_ms: int
    tenant: str
    principal: str
    transport: str
    tool: str
    outcome: str
    latency_ms: int
    client: str | None = None
    run_id: str | None = None
    ticket_id: str | None = None
    customer_id: str | None = None  # as the host named them
    decision: Decision | None = None
    attempts: tuple[Attempt, ...] = ()
    target: str | None = None
    cost_microusd: int = 0
    answer: ModelAnswer | None = None
    action_id: str | None = None
    error_code: str | None = None
    cache: CacheUse | None = None
    budgets: tuple[Balance, ...] = ()  # as they stood after the call
    confidence: AnswerConfidence | None = None
    advice: Advice | None = None
    escalation: str | None = None  # why a person has to take over
    pii: tuple[PiiCount, ...] = ()  # personal data on its way to a model, never a value
    prompt_digest: str | None = None  # keyed: nobody can guess the text from it
    answer_digest: str | None = None
    event: PolicyEvent | None = None  # a change of a policy, which is no call
    content_event: ContentEvent | None = None  # a change of content that was kept
    report: OutcomeReport | None = None  # what the host told of an earlier decision
    trace_id: str | None = None  # of the host's trace, where it told one
    audit: AuditEvent | None = None  # what happened to the log or was decided by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record with its place in the log, counted from 1 without gaps within one database.

    `line` is what an export has of it, where it was read from the log or from an export.
    """

    seq: int
    record: Record
    line: str | None = field(default=None, compare=False, repr=False)
