"""route_completion: an answer from the model that the policy chooses."""

import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.completion import (
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    ToolSpec,
)
from mcp_router.domain.effect import Effect
from mcp_router.domain.money import usd
from mcp_router.router import Completed, Order
from mcp_router.services import Services
from mcp_router.signals.collect import CallerFacts
from mcp_router.tools.tool import Arguments, CallResult, Id, Label, Result, Tool

MAX_PROMPT = 400_000
"""Characters of all messages together: about 100,000 tokens."""

MAX_MESSAGES = 200
MAX_TOOLS = 64


class _Part(BaseModel):
    """The base of the arguments' parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolCallPart(_Part):
    """A tool call that an earlier answer asked for; `arguments` is an object."""

    id: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="The id that the model gave the call."
    )
    name: Label = Field(description="The tool that it named.")
    arguments: dict[str, JsonValue] = Field(default_factory=dict, description="What it passed.")


class MessagePart(_Part):
    """One turn of the conversation."""

    role: Role = Field(description="Who speaks.")
    content: Annotated[str, Field(max_length=MAX_PROMPT)] = Field(
        default="", description="What was said."
    )
    tool_calls: list[ToolCallPart] = Field(
        default_factory=list,
        max_length=MAX_TOOLS,
        description="For role assistant: the calls that it asked for.",
    )
    tool_call_id: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="For role tool: the id of the call that this answers."
    )

    @model_validator(mode="after")
    def _answers_a_call(self) -> Self:
        """Refuse a tool's answer to nothing."""
        if (self.role is Role.TOOL) != (self.tool_call_id is not None):
            raise ValueError("tool_call_id belongs to messages of role tool, and to all of them")

        return self


class ToolPart(_Part):
    """A tool that the model may ask you to call; the router never calls it."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] = Field(
        description="What the model calls it by."
    )
    description: Annotated[str, Field(max_length=4_000)] = Field(
        default="", description="What the model reads to choose it."
    )
    parameters: dict[str, JsonValue] = Field(
        default={"type": "object"}, description="A JSON Schema."
    )


class RouteCompletionArguments(Arguments):
    """One question as `input`, or a conversation as `messages`; never both."""

    input: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)] | None = Field(
        default=None, description="One question of a customer."
    )
    messages: list[MessagePart] = Field(
        default_factory=list,
        max_length=MAX_MESSAGES,
        description="The conversation so far, oldest first.",
    )
    system: Annotated[str, Field(max_length=MAX_PROMPT)] | None = Field(
        default=None, description="Instructions that go before everything else."
    )
    tools: list[ToolPart] = Field(
        default_factory=list,
        max_length=MAX_TOOLS,
        description="Tools that the model may ask you to call.",
    )
    max_output_tokens: int = Field(
        default=1024,
        ge=1,
        le=32_000,
        description="The longest answer; the policy's rule may allow less.",
    )
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="Left out for models that take none."
    )
    policy: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="name or name@version; without it, the configured one."
    )
    run_id: Id | None = Field(
        default=None, description="Your run: the model is told what this run has already done."
    )
    ticket_id: Id | None = Field(
        default=None, description="The ticket that this is about, for the record."
    )
    subject: Label | None = Field(default=None, description="The ticket's subject, for matching.")
    customer_tier: Label | None = Field(
        default=None, description="Such as free, pro or vip; a rule may ask for it."
    )
    locale: Label | None = Field(default=None, description="A language tag, such as de-AT.")
    channel: Label | None = Field(default=None, description="Such as email, chat or voice.")

    @model_validator(mode="after")
    def _one_prompt(self) -> Self:
        """Refuse two prompts, none, and more than a model could read."""
        if (self.input is None) == (not self.messages):
            raise ValueError("give either input or messages")

        if sum(len(one.content) for one in self.messages) > MAX_PROMPT:
            raise ValueError(f"all messages together take at most {MAX_PROMPT} characters")

        return self

    def request(self) -> CompletionRequest:
        """Return the request in the words of every provider."""
        messages = [] if self.system is None else [Message(role=Role.SYSTEM, content=self.system)]

        if self.input is not None:
            messages.append(Message(role=Role.USER, content=self.input))

        messages.extend(_message(part) for part in self.messages)
        return CompletionRequest(
            messages=tuple(messages),
            tools=tuple(
                ToolSpec(
                    name=part.name,
                    description=part.description,
                    parameters_json=_json(part.parameters),
                )
                for part in self.tools
            ),
            max_output_tokens=self.max_output_tokens,
            temperature=self.temperature,
        )


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
        facts=CallerFacts(
            subject=arguments.subject,
            customer_tier=arguments.customer_tier,
            locale=arguments.locale,
            channel=arguments.channel,
        ),
        policy=arguments.policy,
        ticket_id=arguments.ticket_id,
    )
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


def _json(value: dict[str, JsonValue]) -> str:
    """Return the host's own data as text, unchanged: it is carried, not compared."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _attempt(attempt: Attempt) -> AttemptResult:
    """Return one attempt as the host sees it."""
    return AttemptResult(
        target=attempt.target,
        outcome=attempt.evidence,
        reason=attempt.reason,
        latency_ms=attempt.latency_ms,
        cost_usd=usd(attempt.cost_microusd),
    )


def _message(part: MessagePart) -> Message:
    """Return one turn in the words of every provider."""
    return Message(
        role=part.role,
        content=part.content,
        tool_calls=tuple(
            ToolCall(id=one.id, name=one.name, arguments_json=_json(one.arguments))
            for one in part.tool_calls
        ),
        tool_call_id=part.tool_call_id,
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
