"""The wire format of Anthropic's messages.

Source: platform.claude.com/docs/en/api/messages and `…/build-with-claude/handling-stop-reasons`,
2026-11.
"""

import re

from mcp_router.canonical import JsonValue
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    ToolSpec,
    Usage,
)
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget
from mcp_router.providers.answer import (
    JsonObject,
    arguments_text,
    child,
    children,
    count,
    garbled,
    optional_count,
    optional_text,
    parse,
    settle,
    text,
)
from mcp_router.providers.turns import (
    Blocks,
    answered_call,
    arguments,
    json_body,
    merged,
    schema,
    spoken,
    system_text,
)
from mcp_router.providers.wire import WireRequest

LISTED = "data"  # where the answer to `listing` keeps the models

# From Opus 4.7 on, Claude answers 400 to any temperature: "`temperature` is deprecated for this
# model" (platform.claude.com/docs, "Migrating to Claude Opus 4.7", 2026-11).
_NO_TEMPERATURE = re.compile(r"claude-(?!2|3|(?:opus|sonnet|haiku)-4(?!-[7-9](?:\D|$)))")
_HOTTEST = 1.0  # the highest temperature that Anthropic takes; the others take up to 2
FINISH = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}


def encode(model: ModelTarget, request: CompletionRequest, api_key: Secret) -> WireRequest:
    """Return the request for one completion, without a temperature if the model takes none.

    A temperature above 1 is sent as 1.

    Raises:
        InvalidArguments: a tool message names no call, or a tool has no usable schema.
    """
    return _post(_body(model, request), api_key)


def encode_stream(model: ModelTarget, request: CompletionRequest, api_key: Secret) -> WireRequest:
    """Return the request for the same completion as events.

    Raises:
        InvalidArguments: as `encode`.
    """
    return _post({**_body(model, request), "stream": True}, api_key)


def decode(body: bytes) -> Completion:
    """Return the completion that an answer holds; blocks of other kinds (thinking) are left out.

    Raises:
        SendFailed: the answer is not what the format says (unknown, garbled).
    """
    answer = parse(body)

    if answer.get("content") is None:
        raise garbled("`content` is missing")

    blocks = children(answer, "content")
    kinds = tuple(text(block, "type") for block in blocks)
    calls = tuple(
        _call(block) for kind, block in zip(kinds, blocks, strict=True) if kind == "tool_use"
    )
    texts = (
        optional_text(block, "text")
        for kind, block in zip(kinds, blocks, strict=True)
        if kind == "text"
    )
    stopped = FINISH.get(optional_text(answer, "stop_reason"), FinishReason.OTHER)
    return Completion(
        text="".join(texts),
        tool_calls=calls,
        finish_reason=settle(stopped, calls),
        usage=read_usage(child(answer, "usage")),
        model=text(answer, "model"),
    )


def listing(api_key: Secret) -> WireRequest:
    """Return the request that lists the models this key may use, as many as one page holds."""
    return WireRequest(
        method="GET", path="/v1/models?limit=1000", headers=_headers(api_key), body=b""
    )


def _body(model: ModelTarget, request: CompletionRequest) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {
        "model": model.model,
        "max_tokens": request.max_output_tokens,
        "messages": [
            {"role": "assistant" if by_model else "user", "content": blocks}
            for by_model, blocks in merged(spoken(request), _blocks)
        ],
    }
    system = system_text(request)

    if system:
        body["system"] = system

    if request.temperature is not None and not _NO_TEMPERATURE.match(model.model):
        body["temperature"] = min(request.temperature, _HOTTEST)

    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]

        if request.tools_required:
            body["tool_choice"] = {"type": "any"}

    return body


def _post(body: JsonObject, api_key: Secret) -> WireRequest:
    return WireRequest(path="/v1/messages", headers=_headers(api_key), body=json_body(body))


def _headers(api_key: Secret) -> tuple[tuple[str, str], ...]:
    return (("x-api-key", api_key.reveal()), ("anthropic-version", "2023-06-01"))


def _blocks(message: Message) -> Blocks:
    if message.role is Role.TOOL:
        result: dict[str, JsonValue] = {
            "type": "tool_result",
            "tool_use_id": answered_call(message),
        }

        if message.content:
            result["content"] = message.content

        return [result]

    spoken_text: Blocks = [{"type": "text", "text": message.content}] if message.content else []
    return [*spoken_text, *(_use(call) for call in message.tool_calls)]


def _use(call: ToolCall) -> JsonObject:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments(call)}


def _tool(tool: ToolSpec) -> JsonObject:
    return {"name": tool.name, "description": tool.description, "input_schema": schema(tool)}


def _call(block: JsonObject) -> ToolCall:
    return ToolCall(
        id=text(block, "id"),
        name=text(block, "name"),
        arguments_json=arguments_text(block, "input"),
    )


def read_usage(usage: JsonObject) -> Usage:
    """Read what is billed; Anthropic's `input_tokens` leaves the cached ones out, ours does not."""
    read = optional_count(usage, "cache_read_input_tokens")
    written = optional_count(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=count(usage, "input_tokens") + read + written,
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
    )
