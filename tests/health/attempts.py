"""Attempts for the tests of health."""

from mcp_router.domain.attempt import Attempt, Evidence, Reason


def attempt(
    reason: Reason = Reason.OK,
    *,
    target: str = "haiku",
    latency_ms: int = 100,
    cost_microusd: int = 0,
) -> Attempt:
    return Attempt(
        target=target,
        evidence=Evidence.UNKNOWN,
        reason=reason,
        latency_ms=latency_ms,
        cost_microusd=cost_microusd,
    )
