"""What a host asks for when it asks for a completion, and what it may say of the conversation."""

import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from mcp_router.domain.completion import CompletionRequest, Message, Role, ToolCall, ToolSpec
from mcp_router.domain.privacy import NOTHING_KNOWN, KnownFields
from mcp_router.domain.signals import PII_KINDS, SAFETY_FLAGS, SENSITIVE_TOPICS
from mcp_router.signals.collect import CallerFacts
from mcp_router.tools.tool import Arguments, Id, Label

MAX_PROMPT = 400_000
"""Characters of all messages together: about 100,000 tokens."""

MAX_MESSAGES = 200
MAX_TOOLS = 64

Share = Annotated[float, Field(ge=0, le=1)]
"""A confidence or another part of a whole."""

Words = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(max_length=32)
]
"""Names of flags, topics or kinds."""


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


Fields = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=300)], ...], Field(max_length=32)
]
"""What the desk knows of a person."""


class RequesterPart(_Part):
    """What you know of the requester and the organisation: models get placeholders for all of it.

    None of it is found by its form alone as surely as by your telling it.
    """

    names: Fields = Field(default=(), description="Of persons, each as a whole.")
    emails: Fields = Field(default=(), description="E-mail addresses.")
    phones: Fields = Field(default=(), description="Telephone numbers, with the country's code.")
    addresses: Fields = Field(default=(), description="Street addresses.")
    organisations: Fields = Field(default=(), description="Names of companies.")

    def known(self) -> KnownFields:
        """Return the fields in the words of the router."""
        return KnownFields(
            names=self.names,
            emails=self.emails,
            phones=self.phones,
            addresses=self.addresses,
            organisations=self.organisations,
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
    tool_choice: Literal["auto", "required"] = Field(
        default="auto",
        description="With tools: whether the model may also answer in words, or must call one.",
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
    customer_id: Id | None = Field(
        default=None,
        description=(
            "Your customer: keeps them in one version of a rollout, and is whom a conversation's "
            "placeholders and kept content belong to."
        ),
    )
    requester: RequesterPart | None = Field(
        default=None,
        description="What you know of the requester; models never see it, the answer has it back.",
    )
    customer_tier: Label | None = Field(
        default=None, description="Such as free, pro or vip; a rule may ask for it."
    )
    locale: Label | None = Field(default=None, description="A language tag, such as de-AT.")
    channel: Label | None = Field(default=None, description="Such as email, chat or voice.")
    intent: Label | None = Field(
        default=None,
        description=(
            "What the customer wants, if you know: an intent of the policy. Another one is "
            "ignored; without it, the router reads the question."
        ),
    )
    intent_confidence: Share | None = Field(
        default=None, description="How sure you are of `intent`; without it, 1."
    )
    retrieval_confidence: Share | None = Field(
        default=None, description="How well what you retrieved answers the question."
    )
    safety_flags: Words | None = Field(
        default=None,
        description=(
            f"Such as {', '.join(SAFETY_FLAGS)}. Yours replace what the router finds in the "
            "text; an empty list says that there is nothing."
        ),
    )
    sensitive_topics: Words | None = Field(
        default=None,
        description=f"Such as {', '.join(SENSITIVE_TOPICS)}. Replaces as `safety_flags`.",
    )
    pii_kinds: Words | None = Field(
        default=None,
        description=(
            f"Personal data in the conversation, such as {', '.join(PII_KINDS)}. Replaces as "
            "`safety_flags`."
        ),
    )
    ticket_status: Label | None = Field(default=None, description="Such as new, open or pending.")
    ticket_priority: Label | None = Field(default=None, description="Such as normal or urgent.")
    complexity: Share | None = Field(
        default=None,
        description="How complex the question is; without it, the router counts what is in it.",
    )
    deadline_s: float | None = Field(
        default=None,
        ge=0.1,
        le=3_600,
        description="In how many seconds you give up; a rule may choose a faster model.",
    )
    stream: bool = Field(
        default=False,
        description=(
            "Whether to hand the text on while it is written, as progress notifications; needs "
            "a progressToken. After the first piece no other model takes over."
        ),
    )

    @model_validator(mode="after")
    def _one_prompt(self) -> Self:
        """Refuse two prompts, none, and more than a model could read."""
        if (self.input is None) == (not self.messages):
            raise ValueError("give either input or messages")

        if sum(len(one.content) for one in self.messages) > MAX_PROMPT:
            raise ValueError(f"all messages together take at most {MAX_PROMPT} characters")

        return self

    @model_validator(mode="after")
    def _a_tool_to_call(self) -> Self:
        """Refuse to require a call of no tool."""
        if self.tool_choice == "required" and not self.tools:
            raise ValueError("tool_choice required needs tools")

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
            tools_required=self.tool_choice == "required",
        )

    def known(self) -> KnownFields:
        """Return what the host knows of the requester."""
        return NOTHING_KNOWN if self.requester is None else self.requester.known()

    def facts(self) -> CallerFacts:
        """Return what the host says of the conversation."""
        return CallerFacts(
            subject=self.subject,
            customer_id=self.customer_id,
            intent=self.intent,
            intent_confidence=self.intent_confidence,
            customer_tier=self.customer_tier,
            locale=self.locale,
            channel=self.channel,
            retrieval_confidence=self.retrieval_confidence,
            safety_flags=self.safety_flags,
            sensitive_topics=self.sensitive_topics,
            pii_kinds=self.pii_kinds,
            ticket_status=self.ticket_status,
            ticket_priority=self.ticket_priority,
            complexity=self.complexity,
            deadline_s=self.deadline_s,
        )


def _json(value: dict[str, JsonValue]) -> str:
    """Return the host's own data as text, unchanged: it is carried, not compared."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
