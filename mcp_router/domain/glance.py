"""What reports and tables want of a record, without what makes it long."""

from dataclasses import dataclass

from mcp_router.domain.attempt import Attempt
from mcp_router.domain.decision import Decision
from mcp_router.domain.guardrails import CacheUse
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import PolicyEvent
from mcp_router.domain.signals import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceSignals:
    """Of the signals, the intent."""

    intent: Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceDecision:
    """Of the decision, its outcome without candidates and facts."""

    policy: str
    rule: str
    pool: str
    signals: GlanceSignals


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A record in the shape that it has, with its short fields alone.

    Reading these is some ten times faster than reading a whole record.
    """

    decision_id: str
    at_ms: int
    tenant: str
    principal: str
    tool: str
    outcome: str
    latency_ms: int
    run_id: str | None = None
    ticket_id: str | None = None
    customer_id: str | None = None
    decision: GlanceDecision | None = None
    attempts: tuple[Attempt, ...] = ()
    target: str | None = None
    cost_microusd: int = 0
    action_id: str | None = None
    error_code: str | None = None
    cache: CacheUse | None = None
    event: PolicyEvent | None = None


def glance(record: Record) -> Glance:
    """Return the short fields of a record."""
    decision = record.decision
    return Glance(
        decision_id=record.decision_id,
        at_ms=record.at_ms,
        tenant=record.tenant,
        principal=record.principal,
        tool=record.tool,
        outcome=record.outcome,
        latency_ms=record.latency_ms,
        run_id=record.run_id,
        ticket_id=record.ticket_id,
        customer_id=record.customer_id,
        decision=None if decision is None else _glance(decision),
        attempts=record.attempts,
        target=record.target,
        cost_microusd=record.cost_microusd,
        action_id=record.action_id,
        error_code=record.error_code,
        cache=record.cache,
        event=record.event,
    )


def _glance(decision: Decision) -> GlanceDecision:
    return GlanceDecision(
        policy=decision.policy,
        rule=decision.rule,
        pool=decision.pool,
        signals=GlanceSignals(intent=decision.signals.intent),
    )
