"""explain_decision: why did this call go where it went?"""

from pydantic import Field

from mcp_router.decide.tell import tell
from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.budget import Balance, BudgetScope
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.decision import Candidate
from mcp_router.domain.effect import Effect
from mcp_router.domain.guardrails import (
    Advice,
    AnswerConfidence,
    CacheState,
    CacheUse,
    ConfidenceSource,
)
from mcp_router.domain.learning import Choice, LearningMode
from mcp_router.domain.money import usd
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import Arm
from mcp_router.services import Services
from mcp_router.tools.tool import Arguments, Id, Result, Tool


class ExplainDecisionArguments(Arguments):
    """Which decision."""

    decision_id: Id = Field(description="Of any result or error.")


class FactorResult(Result):
    """One part of a score; value times weight is what it contributes."""

    name: str = Field(description="What was measured.")
    value: float = Field(description="From 0 to 1; 1 is best.")
    weight: float = Field(description="How much the pool's strategy makes of it.")


class CandidateResult(Result):
    """A target that could have served the call, best first."""

    target: str = Field(description="Its name in the policy.")
    pool: str = Field(description="The pool that it stands in.")
    score: float = Field(description="From 0 to 1; higher is better.")
    factors: list[FactorResult] = Field(description="What the score was made of.")
    estimated_usd: float = Field(description="What the call was expected to cost there.")
    propensity: float | None = Field(
        description="The exact chance that it was drawn as the first one, where a policy learns."
    )


class RejectionResult(Result):
    """A target that could not, and why."""

    target: str = Field(description="Its name in the policy.")
    pool: str = Field(description="The pool that it stands in.")
    reason: str = Field(description="Why it could not serve the call.")


class TriedResult(Result):
    """One send to one target."""

    target: str = Field(description="What was asked.")
    purpose: Purpose = Field(description="What it was asked for.")
    outcome: Evidence = Field(description="What is known of the attempt.")
    reason: Reason = Field(description="Why it ended as it did.")
    failed_checks: list[str] = Field(description="The policy's checks that its answer failed.")
    latency_ms: int = Field(description="How long it took.")
    cost_usd: float = Field(description="What it cost, as far as the provider said.")


class DrawResult(Result):
    """What a policy that learns has drawn among the candidates of the rule's pool."""

    mode: LearningMode = Field(description="Whether the draw decided or was only noted.")
    draw: float = Field(description="The random number from 0 to 1.")
    target: str = Field(description="Whom it fell on.")


class CacheUseResult(Result):
    """The cache's part in the call."""

    state: CacheState = Field(description="Whether a kept answer was given.")
    reason: str = Field(description="Why, or why not.")


class BudgetResult(Result):
    """An account of the call, as it stood afterwards."""

    scope: BudgetScope = Field(description="What the budget is for.")
    spent_usd: float = Field(description="What was spent from it.")
    held_usd: float = Field(description="What calls under way have set aside.")
    limit_usd: float | None = Field(description="Its limit, if it has one.")


class ConfidenceResult(Result):
    """How sure the answer was."""

    value: float = Field(description="From 0 to 1.")
    source: ConfidenceSource = Field(description="Where that comes from.")


class AdvisorResult(Result):
    """What asking a stronger model came to."""

    target: str = Field(description="The model that was asked for its judgement.")
    followed: bool = Field(description="Whether the first model finished with it.")
    reason: str = Field(description="Why it was asked, or why nothing came of it.")
    latency_ms: int = Field(description="How long it took.")
    cost_usd: float = Field(description="What it cost.")


class ExplainDecisionResult(Result):
    """The record of a call: told in `story`, and as fields."""

    story: str = Field(description="The whole record, in sentences.")
    decision_id: str = Field(description="The decision that was asked for.")
    seq: int = Field(description="Its place in the decision log.")
    tool: str = Field(description="The tool that was called.")
    outcome: str = Field(description="How the call ended.")
    code: str | None = Field(description="The error's code, if it ended with one.")
    policy: str | None = Field(description="name@version of the policy that decided.")
    arm: Arm | None = Field(description="The side of a rollout that the call was on, if any.")
    rule: str | None = Field(description="The rule that matched.")
    why: str | None = Field(description="The rule's own reason, from the policy.")
    pool: str | None = Field(description="The rule's pool.")
    target: str | None = Field(description="What served the call.")
    action_id: str | None = Field(description="The action, for get_action, if it was a write.")
    candidates: list[CandidateResult] = Field(description="What could have served it, best first.")
    rejections: list[RejectionResult] = Field(description="What could not, and why.")
    draw: DrawResult | None = Field(description="What was drawn, where the policy learns.")
    attempts: list[TriedResult] = Field(description="Every send, in order.")
    cache: CacheUseResult | None = Field(description="The cache's part, where it was asked.")
    confidence: ConfidenceResult | None = Field(description="How sure the answer was, if known.")
    advisor: AdvisorResult | None = Field(description="What a stronger model was asked, if any.")
    escalation: str | None = Field(description="Why a person has to take over, if one has to.")
    budgets: list[BudgetResult] = Field(description="The call's accounts, as they stood after.")
    cost_usd: float = Field(description="Of all attempts together.")
    latency_ms: int = Field(description="From the call's arrival to its record.")


async def run(
    services: Services, call: Call, arguments: ExplainDecisionArguments
) -> ExplainDecisionResult:
    """Read the record and tell it."""
    async with services.log.record(call, may_owe=True):
        stored = await services.log.find(call.caller.tenant, arguments.decision_id)
        return told(stored.seq, stored.record)


def told(seq: int, record: Record) -> ExplainDecisionResult:
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
        arm=decision.arm if decision else None,
        rule=decision.rule if decision else None,
        why=decision.why if decision else None,
        pool=decision.pool if decision else None,
        target=record.target,
        action_id=record.action_id,
        candidates=[_candidate(one) for one in (decision.candidates if decision else ())],
        rejections=[
            RejectionResult(target=one.target, pool=one.pool, reason=one.reason)
            for one in (decision.rejections if decision else ())
        ],
        draw=_draw(decision.choice if decision else None),
        attempts=[_tried(one) for one in record.attempts],
        cache=_cache(record.cache),
        confidence=_confidence(record.confidence),
        advisor=_advisor(record.advice),
        escalation=record.escalation,
        budgets=[_budget(one) for one in record.budgets],
        cost_usd=usd(record.cost_microusd),
        latency_ms=record.latency_ms,
    )


def _candidate(one: Candidate) -> CandidateResult:
    return CandidateResult(
        target=one.target,
        pool=one.pool,
        score=one.score,
        factors=[
            FactorResult(name=factor.name, value=factor.value, weight=factor.weight)
            for factor in one.factors
        ],
        estimated_usd=usd(one.estimated_microusd),
        propensity=one.propensity,
    )


def _draw(choice: Choice | None) -> DrawResult | None:
    if choice is None:
        return None

    return DrawResult(mode=choice.mode, draw=choice.draw, target=choice.target)


def _tried(one: Attempt) -> TriedResult:
    return TriedResult(
        target=one.target,
        purpose=one.purpose,
        outcome=one.evidence,
        reason=one.reason,
        failed_checks=list(one.failed_checks),
        latency_ms=one.latency_ms,
        cost_usd=usd(one.cost_microusd),
    )


def _cache(use: CacheUse | None) -> CacheUseResult | None:
    return CacheUseResult(state=use.state, reason=use.reason) if use is not None else None


def _confidence(sure: AnswerConfidence | None) -> ConfidenceResult | None:
    return ConfidenceResult(value=sure.value, source=sure.source) if sure is not None else None


def _advisor(advice: Advice | None) -> AdvisorResult | None:
    if advice is None:
        return None

    return AdvisorResult(
        target=advice.target,
        followed=advice.followed,
        reason=advice.reason,
        latency_ms=advice.latency_ms,
        cost_usd=usd(advice.cost_microusd),
    )


def _budget(balance: Balance) -> BudgetResult:
    limit = balance.account.limit_microusd
    return BudgetResult(
        scope=balance.account.scope,
        spent_usd=usd(balance.spent_microusd),
        held_usd=usd(balance.held_microusd),
        limit_usd=None if limit is None else usd(limit),
    )


TOOL = Tool(
    name="explain_decision",
    title="Explain a decision",
    description=(
        "Tell why a call went where it went: the rule, the intent, the ranking with its factors, "
        "every rejected target with its reason, the attempts and their cost, the cache, the "
        "confidence, and why a person has to take over. Use the decision_id of a result or of an "
        "error. Records are kept per tenant."
    ),
    arguments=ExplainDecisionArguments,
    result=ExplainDecisionResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
    idempotent=True,
    open_world=False,
)
