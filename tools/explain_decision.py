"""explain_decision: why did this call go where it went?"""

from pydantic import Field

from mcp_router.decide.tell import tell
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.domain.money import usd
from mcp_router.domain.record import Record
from mcp_router.services import Services
from mcp_router.tools.tool import Arguments, Id, Result, Tool


class ExplainDecisionArguments(Arguments):
    """Which decision."""

    decision_id: Id = Field(description="Of any result or error.")


class CandidateResult(Result):
    """A target that could have served the call, best first."""

    target: str = Field(description="Its name in the policy.")
    pool: str = Field(description="The pool that it stands in.")
    score: float = Field(description="From 0 to 1; higher is better.")
    estimated_usd: float = Field(description="What the call was expected to cost there.")


class RejectionResult(Result):
    """A target that could not, and why."""

    target: str = Field(description="Its name in the policy.")
    pool: str = Field(description="The pool that it stands in.")
    reason: str = Field(description="Why it could not serve the call.")


class ExplainDecisionResult(Result):
    """The record of a call: told in `story`, and as fields."""

    story: str = Field(description="The whole record, in sentences.")
    decision_id: str = Field(description="The decision that was asked for.")
    seq: int = Field(description="Its place in the decision log.")
    tool: str = Field(description="The tool that was called.")
    outcome: str = Field(description="How the call ended.")
    code: str | None = Field(description="The error's code, if it ended with one.")
    policy: str | None = Field(description="name@version of the policy that decided.")
    rule: str | None = Field(description="The rule that matched.")
    why: str | None = Field(description="The rule's own reason, from the policy.")
    pool: str | None = Field(description="The rule's pool.")
    target: str | None = Field(description="What served the call.")
    action_id: str | None = Field(description="The action, for get_action, if it was a write.")
    candidates: list[CandidateResult] = Field(description="What could have served it, best first.")
    rejections: list[RejectionResult] = Field(description="What could not, and why.")
    cost_usd: float = Field(description="Of all attempts together.")
    latency_ms: int = Field(description="From the call's arrival to its record.")


async def run(
    services: Services, call: Call, arguments: ExplainDecisionArguments
) -> ExplainDecisionResult:
    """Read the record and tell it."""
    async with services.log.record(call, may_owe=True):
        stored = await services.log.find(call.caller.tenant, arguments.decision_id)
        return _result(stored.seq, stored.record)


def _result(seq: int, record: Record) -> ExplainDecisionResult:
    """Return a record as the host sees it."""
    decision = record.decision
    return ExplainDecisionResult(
        story=tell(record),
        decision_id=record.decision_id,
        seq=seq,
        tool=record.tool,
        outcome=record.outcome,
        code=record.error_code,
        policy=decision.policy if decision else None,
        rule=decision.rule if decision else None,
        why=decision.why if decision else None,
        pool=decision.pool if decision else None,
        target=record.target,
        action_id=record.action_id,
        candidates=[
            CandidateResult(
                target=one.target,
                pool=one.pool,
                score=one.score,
                estimated_usd=usd(one.estimated_microusd),
            )
            for one in (decision.candidates if decision else ())
        ],
        rejections=[
            RejectionResult(target=one.target, pool=one.pool, reason=one.reason)
            for one in (decision.rejections if decision else ())
        ],
        cost_usd=usd(record.cost_microusd),
        latency_ms=record.latency_ms,
    )


TOOL = Tool(
    name="explain_decision",
    title="Explain a decision",
    description=(
        "Tell why a call went where it went: the rule, the intent, the ranking, every rejected "
        "target with its reason, the attempts and their cost. Use the decision_id of a result or "
        "of an error. Records are kept per tenant."
    ),
    arguments=ExplainDecisionArguments,
    result=ExplainDecisionResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
    idempotent=True,
    open_world=False,
)
