"""route_completion: an answer from the model that the policy chooses."""

from dataclasses import replace

from pydantic import Field

from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.completion import FinishReason
from mcp_router.domain.effect import Effect
from mcp_router.domain.guardrails import (
    Advice,
    AnswerConfidence,
    CacheState,
    CacheUse,
    ConfidenceSource,
)
from mcp_router.domain.money import usd
from mcp_router.domain.rollout import Arm
from mcp_router.router import Completed, Order
from mcp_router.services import Services
from mcp_router.tools.completion_arguments import RouteCompletionArguments
from mcp_router.tools.tool import CallResult, Result, Tool


class ToolCallResult(Result):
    """A tool that the model asks you to call; `arguments` is JSON text, as the model wrote it."""

    id: str = Field(description="Give it back as tool_call_id with the tool's answer.")
    name: str = Field(description="The tool to call.")
    arguments: str = Field(description="JSON text, as the model wrote it.")


class AttemptResult(Result):
    """One send to one model."""

    target: str = Field(description="The model that was asked.")
    outcome: Evidence = Field(description="What is known of the attempt.")
    reason: Reason = Field(description="Why it ended as it did.")
    latency_ms: int = Field(description="How long it took.")
    cost_usd: float = Field(description="What it cost, as far as the provider said.")
    purpose: Purpose = Field(description="What was asked for: an answer, advice, or its finish.")
    failed_checks: list[str] = Field(description="What the policy asks of an answer and it broke.")


class CacheResult(Result):
    """Whether the answer came from the cache, and why not if not."""

    state: CacheState = Field(description="Whether the answer came from the cache.")
    reason: str = Field(description="Why, if it did not.")


class ConfidenceResult(Result):
    """How sure an answer is."""

    value: float = Field(description="From 0 to 1.")
    source: ConfidenceSource = Field(description="What it was read from.")


class AdvisorResult(Result):
    """A stronger model that was asked to judge the first answer."""

    model: str = Field(description="The target's name in the policy.")
    followed: bool = Field(description="Whether the answer was finished with its judgement.")
    cost_usd: float = Field(description="Of the judgement alone.")
    latency_ms: int = Field(description="Of the judgement alone.")
    reason: str = Field(description="Why it was asked, or why it could not be had.")


class RouteCompletionResult(CallResult):
    """The answer, and what an auditor or a finance partner would ask about it."""

    output: str = Field(description="The answer; empty where the model only calls tools.")
    tool_calls: list[ToolCallResult] = Field(description="Calls that the model asks you to make.")
    model: str | None = Field(
        description="The target's name in the policy; null where no answer is published."
    )
    policy: str = Field(description="name@version of the policy that decided.")
    arm: Arm | None = Field(description="While a version is rolled out: which one decided.")
    pool: str = Field(description="The pool of the model that answered, else the rule's.")
    intent: str | None = Field(description="What the customer was understood to want.")
    confidence: float = Field(description="Of the intent, from 0 to 1.")
    answer_confidence: ConfidenceResult | None = Field(
        description="How sure the answer is, where the policy asks for that."
    )
    cache: CacheResult = Field(description="Whether a stored answer was used.")
    attempts: list[AttemptResult] = Field(description="Every model that was asked, in order.")
    cost_usd: float = Field(description="Of all attempts together.")
    latency_ms: int = Field(description="Of the whole call.")
    advisor: AdvisorResult | None = Field(
        description="The stronger model whose judgement was asked for, if one was."
    )
    finish_reason: FinishReason = Field(
        description="Why the model stopped. incomplete: the answer broke off after a part of it "
        "was handed on. escalated: no answer is published, see escalation."
    )
    escalation: str | None = Field(
        description="Why a person has to take over; hand the ticket on with escalate_to_human."
    )


async def run(
    services: Services, call: Call, arguments: RouteCompletionArguments
) -> RouteCompletionResult:
    """Route the completion."""
    order = Order(
        request=arguments.request(),
        facts=arguments.facts(),
        policy=arguments.policy,
        ticket_id=arguments.ticket_id,
        known=arguments.known(),
    )
    # A host's library may ask for progress on every call; only one that wants pieces gives up the
    # models that could take over after the first of them.
    call = call if arguments.stream else replace(call, emit=None)
    return _result(call, await services.router.complete(call, order))


def _result(call: Call, completed: Completed) -> RouteCompletionResult:
    """Return a completed walk as the host sees it."""
    decision, completion = completed.decision, completed.completion
    pools = {one.target: one.pool for one in decision.candidates}
    return RouteCompletionResult(
        output=completion.text,
        tool_calls=[
            ToolCallResult(id=one.id, name=one.name, arguments=one.arguments_json)
            for one in completion.tool_calls
        ],
        model=completed.target,
        decision_id=call.call_id,
        policy=decision.policy,
        arm=decision.arm,
        pool=pools.get(completed.target or "", decision.pool),
        intent=decision.signals.intent.name,
        confidence=decision.signals.intent.confidence,
        answer_confidence=_confidence(completed.confidence),
        cache=_cache(completed.cache),
        attempts=[_attempt(one) for one in completed.attempts],
        cost_usd=usd(completed.cost_microusd),
        latency_ms=completed.latency_ms,
        advisor=_advisor(completed.advice),
        finish_reason=completion.finish_reason,
        escalation=completed.escalation,
    )


def _cache(use: CacheUse | None) -> CacheResult:
    """Return what became of the cache; a call that a person takes over never asks it."""
    if use is None:
        return CacheResult(state=CacheState.BYPASS, reason="a person takes over")

    return CacheResult(state=use.state, reason=use.reason)


def _confidence(confidence: AnswerConfidence | None) -> ConfidenceResult | None:
    """Return how sure the answer is as the host sees it."""
    if confidence is None:
        return None

    return ConfidenceResult(value=confidence.value, source=confidence.source)


def _advisor(advice: Advice | None) -> AdvisorResult | None:
    """Return what asking an advisor came to as the host sees it."""
    if advice is None:
        return None

    return AdvisorResult(
        model=advice.target,
        followed=advice.followed,
        cost_usd=usd(advice.cost_microusd),
        latency_ms=advice.latency_ms,
        reason=advice.reason,
    )


def _attempt(attempt: Attempt) -> AttemptResult:
    """Return one attempt as the host sees it."""
    return AttemptResult(
        target=attempt.target,
        outcome=attempt.evidence,
        reason=attempt.reason,
        latency_ms=attempt.latency_ms,
        cost_usd=usd(attempt.cost_microusd),
        purpose=attempt.purpose,
        failed_checks=list(attempt.failed_checks),
    )


TOOL = Tool(
    name="route_completion",
    title="Route a completion",
    description=(
        "Answer a customer's question, or plan tool calls, with the model that the routing policy "
        "ranks first for it; the next one takes over if it fails. Give `input` for a single "
        "question or `messages` for a conversation; tools are only proposed back, never called. "
        "Do not use it to read or write tickets. The result says which model, why, and what it "
        "cost. No answer and `finish_reason` escalated: a person has to take over."
    ),
    arguments=RouteCompletionArguments,
    result=RouteCompletionResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
)
