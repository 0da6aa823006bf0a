"""Records of calls, of which only what a test is about is said."""

from dataclasses import replace

from mcp_router.decide.decide import decide
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.decision import Decision
from mcp_router.domain.policy import PoolStrategy
from mcp_router.domain.record import Record
from mcp_router.testing.clock import NOON_MS
from tests.decide.examples import COMPLETION, configured, model, policy, pool, rule

FIRST, SECOND = "cheap-one", "dear-two"


def decision() -> Decision:
    """Return one that ranks `FIRST` before `SECOND`."""
    pools = (pool("cost", PoolStrategy.AS_LISTED, (FIRST, 0.8), (SECOND, 0.8)),)
    targets = configured(model(FIRST, cost=1), model(SECOND, cost=9))
    made = decide(policy((rule("all", "cost"),), pools), COMPLETION, targets)
    assert [one.target for one in made.candidates] == [FIRST, SECOND]
    return made


DECISION = decision()


def attempt(
    target: str = FIRST,
    reason: Reason = Reason.OK,
    *,
    latency_ms: int = 800,
    cost_microusd: int = 100,
) -> Attempt:
    evidence = Evidence.APPLIED if reason is Reason.OK else Evidence.UNKNOWN
    return Attempt(
        target=target,
        evidence=evidence,
        reason=reason,
        latency_ms=latency_ms,
        cost_microusd=cost_microusd,
    )


def call(*attempts: Attempt, name: str = "1", at_ms: int = NOON_MS, outcome: str = "ok") -> Record:
    """Return a completion whose last attempt has answered, where one has."""
    answered = bool(attempts) and attempts[-1].reason is Reason.OK
    return Record(
        decision_id=f"dec_{name}",
        at_ms=at_ms,
        tenant="acme",
        principal="copilot",
        transport="stdio",
        tool="route_completion",
        outcome=outcome,
        latency_ms=10,
        decision=DECISION,
        attempts=attempts,
        target=attempts[-1].target if answered else None,
        cost_microusd=sum(one.cost_microusd for one in attempts),
    )


def failed(code: str, *attempts: Attempt, name: str = "1", at_ms: int = NOON_MS) -> Record:
    """Return a call that ended with that error."""
    ended = call(*attempts, name=name, at_ms=at_ms, outcome="error")
    return replace(ended, target=None, error_code=code)


FELL_BACK = call(attempt(FIRST, Reason.TIMEOUT), attempt(SECOND))
OVER = failed("budget_exceeded")
