"""A completion as every provider understands it, before and after the wire.

Schemas and tool arguments travel as JSON text: they are data of the caller that the router
carries unread, and text keeps these values frozen and comparable.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Emit: TypeAlias = Callable[[str], Awaitable[None]]
"""Takes the next piece of an answer's text while the rest is still on its way."""


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class FinishReason(StrEnum):
    """Why a model stopped, in one vocabulary for all providers."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    INCOMPLETE = "incomplete"  # the stream broke after text had been handed on
    ESCALATED = "escalated"  # no answer is published: a person takes over
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool that the model asks the host to call."""

    id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool that the host offers to the model."""

    name: str
    description: str
    parameters_json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn; `tool_call_id` names the call that a `tool` message answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """What the host asks; limits are in tokens.

    `logprobs` asks for the tokens' log-probabilities, from providers that tell them.
    `tools_required` asks for a call of a tool, whichever it is; it means nothing without tools.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int = 1024
    temperature: float | None = None
    logprobs: bool = False
    tools_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider billed them; `input_tokens` includes the cached ones."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A model's whole answer; `mean_logprob` is of its tokens (natural logarithm), where known."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    usage: Usage
    model: str
    mean_logprob: float | None = None
