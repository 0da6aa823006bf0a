"""The spans of a call, made from its record: one of the router, one for each attempt. Pure.

No span holds content: what a record does not keep, a span cannot tell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mcp_router.domain.attempt import Attempt, Reason
from mcp_router.domain.guardrails import CacheState
from mcp_router.domain.record import Record
from mcp_router.domain.trace import TraceContext
from mcp_router.telemetry import names

CALL_TOOL = "tools/call"
MICRO = 1_000_000

Value: TypeAlias = str | int | float | bool | tuple[str, ...]
Attributes: TypeAlias = tuple[tuple[str, Value], ...]

_NOT_SENT = frozenset({Reason.OVER_BUDGET, Reason.BREAKER_OPEN})
"""What these say of a target is that nobody asked it: an event of the router, not a span."""

_FAILED = frozenset({"error", "cancelled", "failed", "outcome_unknown", "incomplete"})
"""Outcomes of a call that did not do what was asked, also where no error code says so."""


class SpanKind(StrEnum):
    """Which side of a request a span tells of."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedModel:
    """How the conventions name a configured model: its provider and the provider's own name."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Something that happened within a span."""

    name: str
    at_ms: int
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span; `error` is its `error.type`, None where all went well."""

    name: str
    kind: SpanKind
    span_id: str
    parent_id: str | None
    start_ms: int
    end_ms: int
    attributes: Attributes
    error: str | None = None
    events: tuple[SpanEvent, ...] = ()


def spans_of(
    record: Record,
    trace: TraceContext,
    models: Mapping[str, TracedModel],
    new_id: Callable[[], str],
) -> tuple[Span, ...]:
    """Return the spans of a call, the router's own first; `new_id` names each."""
    sent = [one for one in record.attempts if one.reason not in _NOT_SENT]
    last = record.at_ms + record.latency_ms
    router = Span(
        name=f"{CALL_TOOL} {record.tool}",
        kind=SpanKind.SERVER,
        span_id=new_id(),
        parent_id=trace.parent_span_id,
        start_ms=record.at_ms,
        end_ms=last,
        attributes=_of_call(record, len(sent)),
        error=record.error_code or (record.outcome if record.outcome in _FAILED else None),
        events=_skipped(record),
    )
    before: tuple[Attempt | None, ...] = (None, *sent)
    return router, *(
        _attempt(record, place, attempt, earlier, models.get(attempt.target), router, new_id())
        for place, (earlier, attempt) in enumerate(zip(before, sent, strict=False), start=1)
    )


def _attempt(
    record: Record,
    place: int,
    attempt: Attempt,
    earlier: Attempt | None,
    model: TracedModel | None,
    router: Span,
    span_id: str,
) -> Span:
    """Return the span of one send."""
    start_ms = record.at_ms + attempt.started_ms
    is_last = attempt is record.attempts[-1] and attempt.target == record.target
    fell_back = earlier is not None and earlier.reason is not Reason.OK
    attributes = [
        *(_of_model(record, attempt, model, is_last) if model else ()),
        (names.ROUTER_TARGET, attempt.target),
        (names.ROUTER_ATTEMPT, place),
        (names.ROUTER_EVIDENCE, attempt.evidence.value),
        (names.ROUTER_PURPOSE, attempt.purpose.value),
        (names.ROUTER_FALLBACK, earlier.reason.value if earlier and fell_back else None),
        (names.ROUTER_ACTION, record.action_id),
        (names.HTTP_STATUS, attempt.status),
    ]
    return Span(
        name=f"chat {model.model}" if model else f"{record.tool} {attempt.target}",
        kind=SpanKind.CLIENT,
        span_id=span_id,
        parent_id=router.span_id,
        start_ms=start_ms,
        end_ms=start_ms + attempt.latency_ms,
        attributes=_told(*attributes),
        error=None if attempt.reason is Reason.OK else attempt.reason.value,
    )


def _of_model(
    record: Record, attempt: Attempt, model: TracedModel, is_last: bool
) -> tuple[tuple[str, Value | None], ...]:
    """Return what the conventions want to know of a request to a model."""
    usage = attempt.usage
    finish = (record.answer.finish_reason,) if is_last and record.answer else None
    return (
        (names.GEN_AI_OPERATION, "chat"),
        (names.GEN_AI_PROVIDER, model.provider),
        (names.GEN_AI_REQUEST_MODEL, model.model),
        (names.GEN_AI_RESPONSE_MODEL, attempt.model),
        (names.GEN_AI_FINISH_REASONS, finish),
        (names.GEN_AI_CONVERSATION, record.ticket_id),
        (names.GEN_AI_INPUT_TOKENS, usage.input_tokens if usage else None),
        (names.GEN_AI_OUTPUT_TOKENS, usage.output_tokens if usage else None),
        (names.GEN_AI_CACHE_READ, usage.cache_read_tokens if usage else None),
        (names.GEN_AI_CACHE_WRITE, usage.cache_write_tokens if usage else None),
        (names.ROUTER_COST, attempt.cost_microusd / MICRO),
    )


def _of_call(record: Record, sends: int) -> Attributes:
    """Return what the router's own span tells."""
    cache = record.cache.state is CacheState.HIT if record.cache else None
    return _told(
        (names.MCP_METHOD, CALL_TOOL),
        (names.GEN_AI_OPERATION, "execute_tool"),
        (names.GEN_AI_TOOL, record.tool),
        (names.GEN_AI_CONVERSATION, record.ticket_id),
        (names.ROUTER_DECISION, record.decision_id),
        (names.ROUTER_TENANT, record.tenant),
        (names.ROUTER_RUN, record.run_id),
        *_of_decision(record),
        (names.ROUTER_TARGET, record.target),
        (names.ROUTER_OUTCOME, record.outcome),
        (names.ROUTER_ACTION, record.action_id),
        (names.ROUTER_CACHE_HIT, cache),
        (names.ROUTER_ESCALATED, True if record.escalation else None),
        (names.ROUTER_ATTEMPTS, sends),
        (names.ROUTER_COST, record.cost_microusd / MICRO),
    )


def _of_decision(record: Record) -> tuple[tuple[str, Value | None], ...]:
    """Return why the call went where it went; nothing for a call that was refused before."""
    decision = record.decision

    if decision is None:
        return ()

    policy, _, version = decision.policy.partition("@")
    return (
        (names.ROUTER_POLICY, policy),
        (names.ROUTER_POLICY_VERSION, version),
        (names.ROUTER_ARM, decision.arm.value if decision.arm else None),
        (names.ROUTER_RULE, decision.rule),
        (names.ROUTER_POOL, decision.pool),
        (names.ROUTER_INTENT, decision.signals.intent.name),
    )


def _skipped(record: Record) -> tuple[SpanEvent, ...]:
    """Return the targets that were not asked."""
    return tuple(
        SpanEvent(
            name=names.TARGET_SKIPPED,
            at_ms=record.at_ms + one.started_ms,
            attributes=(
                (names.ROUTER_TARGET, one.target),
                (names.ROUTER_REASON, one.reason.value),
            ),
        )
        for one in record.attempts
        if one.reason in _NOT_SENT
    )


def _told(*pairs: tuple[str, Value | None]) -> Attributes:
    """Return the pairs that say something."""
    return tuple((name, value) for name, value in pairs if value is not None)
