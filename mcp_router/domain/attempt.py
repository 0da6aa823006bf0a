"""One send to one target, and what it left behind."""

from dataclasses import dataclass
from enum import StrEnum

from mcp_router.domain.completion import Usage


class Evidence(StrEnum):
    """What is known of the effect after an attempt: the rows of the fallback law."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why an attempt ended as it did."""

    OK = "ok"
    REFUSED = "refused"  # no connection, or TLS failed: no request byte left
    TIMEOUT = "timeout"
    RESET = "reset"
    RATE_LIMITED = "rate_limited"
    UNAUTHORIZED = "unauthorized"
    REJECTED = "rejected"  # a 4xx that proves the request was not applied
    NOT_FOUND = "not_found"
    CHANGED = "changed"  # a precondition no longer holds (409)
    EXISTS = "exists"  # a unique key is taken: the write was applied before
    QUOTA = "quota"
    SERVER_ERROR = "server_error"
    GARBLED = "garbled"
    REDIRECTED = "redirected"
    OVER_BUDGET = "over_budget"
    BREAKER_OPEN = "breaker_open"  # its circuit breaker lets nothing through now
    CHECKS_FAILED = "checks_failed"  # it answered, and the answer broke the policy's format checks
    INCOMPLETE = "incomplete"  # its stream broke after text had been handed on
    CANCELLED = "cancelled"  # the host went away while the target was at work


class Purpose(StrEnum):
    """What an attempt was for."""

    ANSWER = "answer"
    ADVICE = "advice"  # a stronger model's judgement of the first answer
    FINISH = "finish"  # the first model again, with that advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The trace of one send, as the record keeps it.

    `started_ms` counts from the call's start; a record that is older than the field has 0.
    """

    target: str
    evidence: Evidence
    reason: Reason
    latency_ms: int
    cost_microusd: int = 0
    status: int | None = None
    usage: Usage | None = None
    model: str | None = None
    purpose: Purpose = Purpose.ANSWER
    failed_checks: tuple[str, ...] = ()  # by name, never what the answer said
    started_ms: int = 0
