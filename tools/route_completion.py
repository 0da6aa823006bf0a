"""route_completion: an answer from the model that the policy chooses."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.completion import FinishReason
from mcp_router.domain.effect import Effect
from mcp_router.domain.money import usd
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


class CacheResult(Result):
    """Whether the answer came from the cache, and why not if not."""

    state: Literal["hit", "miss", "bypass"] = Field(
        description="Whether the answer came from the cache."
    )
    reason: str = Field(description="Why, if it did not.")


class RouteCompletionResult(CallResult):
    """The answer, and what an auditor or a finance partner would ask about it."""

    output: str = Field(description="The answer; empty where the model only calls tools.")
    tool_calls: list[ToolCallResult] = Field(description="Calls that the model asks you to make.")
    model: str = Field(description="The target's name in the policy.")
    policy: str = Field(description="name@version of the policy that decided.")
    pool: str = Field(description="The pool of the model that answered.")
    intent: str | None = Field(description="What the customer was understood to want.")
    confidence: float = Field(description="Of the intent, from 0 to 1.")
    cache: CacheResult = Field(description="Whether a stored answer was used.")
    attempts: list[AttemptResult] = Field(description="Every model that was asked, in order.")
    cost_usd: float = Field(description="Of all attempts together.")
    latency_ms: int = Field(description="Of the whole call.")
    advisor: None = Field(default=None, description="No advisor model was asked.")
    finish_reason: FinishReason = Field(description="Why the model stopped.")


async def run(
    services: Services, call: Call, arguments: RouteCompletionArguments
) -> RouteCompletionResult:
    """Route the completion."""
    order = Order(
        request=arguments.request(),
        facts=arguments.facts(),
        policy=arguments.policy,
        ticket_id=arguments.ticket_id,
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
        pool=pools[completed.target],
        intent=decision.signals.intent.name,
        confidence=decision.signals.intent.confidence,
        cache=CacheResult(state="bypass", reason="this policy keeps no cache"),
        attempts=[_attempt(one) for one in completed.attempts],
        cost_usd=usd(completed.cost_microusd),
        latency_ms=completed.latency_ms,
        finish_reason=completion.finish_reason,
    )


def _attempt(attempt: Attempt) -> AttemptResult:
    """Return one attempt as the host sees it."""
    return AttemptResult(
        target=attempt.target,
        outcome=attempt.evidence,
        reason=attempt.reason,
        latency_ms=attempt.latency_ms,
        cost_usd=usd(attempt.cost_microusd),
    )


TOOL = Tool(
    name="route_completion",
    title="Route a completion",
    description=(
        "Answer a customer's question, or plan tool calls, with the model that the routing policy "
        "ranks first for it; the next one takes over if it fails. Give `input` for a single "
        "question or `messages` for a conversation; tools are only proposed back, never called. "
        "Do not use it to read or write tickets. The result says which model, why, and what it "
        "cost; prompts and answers are not stored."
    ),
    arguments=RouteCompletionArguments,
    result=RouteCompletionResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
)
