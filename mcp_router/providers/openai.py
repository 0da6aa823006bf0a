"""The wire format of OpenAI's chat completions, which many other servers speak too.

Source: platform.openai.com/docs/api-reference/chat, 2026-11. A server that knows only the older
`max_tokens` is not supported.
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
    child,
    children,
    count,
    garbled,
    optional_count,
    optional_logprob,
    optional_text,
    parse,
    settle,
    text,
)
from mcp_router.providers.turns import answered_call, json_body, schema, spoken, system_text
from mcp_router.providers.wire import WireRequest

LISTED = "data"  # where the answer to `listing` keeps the models

# Models that reason answer 400 to any temperature but their own: the o series and, from gpt-5 on,
# all but the chat and the open models (platform.openai.com/docs/guides/latest-model, 2026-11).
_NO_TEMPERATURE = re.compile(r"(?:^|/)(?:o\d|gpt-(?!3|4|oss|.*chat))")

FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}


def encode(model: ModelTarget, request: CompletionRequest, api_key: Secret) -> WireRequest:
    """Return the request for one completion, without a temperature if the model takes none.

    Raises:
        InvalidArguments: a tool message names no call, or a tool has no usable schema.
    """
    return _post(_body(model, request), api_key)


def encode_stream(model: ModelTarget, request: CompletionRequest, api_key: Secret) -> WireRequest:
    """Return the request for the same completion as events; without asking no usage comes.

    Raises:
        InvalidArguments: as `encode`.
    """
    options: JsonValue = {"include_usage": True}
    body = {**_body(model, request), "stream": True, "stream_options": options}
    return _post(body, api_key)


def decode(body: bytes) -> Completion:
    """Return the completion that an answer holds; tool arguments stay as the model wrote them.

    A refusal is the text, and `finish_reason` says `content_filter`.

    Raises:
        SendFailed: the answer is not what the format says (unknown, garbled).
    """
    answer = parse(body)
    choices = children(answer, "choices")

    if not choices:
        raise garbled("it has no choice")

    message = child(choices[0], "message")
    calls = tuple(_call(item) for item in children(message, "tool_calls"))
    refusal = optional_text(message, "refusal")
    stopped = FINISH.get(optional_text(choices[0], "finish_reason"), FinishReason.OTHER)
    return Completion(
        text=optional_text(message, "content") or refusal,
        tool_calls=calls,
        finish_reason=FinishReason.CONTENT_FILTER if refusal else settle(stopped, calls),
        usage=read_usage(child(answer, "usage")),
        model=text(answer, "model"),
        mean_logprob=_mean_logprob(choices[0]),
    )


def _mean_logprob(choice: JsonObject) -> float | None:
    """Return the mean log-probability of the answer's tokens, None where they were not told."""
    if choice.get("logprobs") is None:
        return None

    told = [
        found
        for token in children(child(choice, "logprobs"), "content")
        if (found := optional_logprob(token, "logprob")) is not None
    ]
    return sum(told) / len(told) if told else None


def listing(api_key: Secret) -> WireRequest:
    """Return the request that lists the models this key may use."""
    return WireRequest(method="GET", path="/models", headers=_headers(api_key), body=b"")


def _body(model: ModelTarget, request: CompletionRequest) -> dict[str, JsonValue]:
    system = system_text(request)
    opening: list[JsonValue] = [{"role": "system", "content": system}] if system else []
    body: dict[str, JsonValue] = {
        "model": model.model,
        "messages": [*opening, *(_message(message) for message in spoken(request))],
        "max_completion_tokens": request.max_output_tokens,
    }

    if not _NO_TEMPERATURE.search(model.model):
        if request.temperature is not None:
            body["temperature"] = request.temperature

        # The models that reason refuse this one too; for them nothing is known.
        if request.logprobs:
            body["logprobs"] = True

    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]

        if request.tools_required:
            body["tool_choice"] = "required"

    return body


def _post(body: JsonObject, api_key: Secret) -> WireRequest:
    return WireRequest(path="/chat/completions", headers=_headers(api_key), body=json_body(body))


def _headers(api_key: Secret) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {api_key.reveal()}"),)


def _message(message: Message) -> JsonObject:
    if message.role is Role.TOOL:
        return {
            "role": "tool",
            "tool_call_id": answered_call(message),
            "content": message.content,
        }

    if not message.tool_calls:
        return {"role": message.role.value, "content": message.content}

    return {
        "role": message.role.value,
        "content": message.content or None,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_json},
            }
            for call in message.tool_calls
        ],
    }


def _tool(tool: ToolSpec) -> JsonObject:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": schema(tool),
        },
    }


def _call(item: JsonObject) -> ToolCall:
    function = child(item, "function")
    return ToolCall(
        id=text(item, "id"),
        name=text(function, "name"),
        arguments_json=optional_text(function, "arguments"),
    )


def read_usage(usage: JsonObject) -> Usage:
    """Read what is billed; `prompt_tokens` includes the cached ones, as ours does."""
    details = child(usage, "prompt_tokens_details") if usage.get("prompt_tokens_details") else {}
    return Usage(
        input_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        cache_read_tokens=optional_count(details, "cached_tokens"),
        cache_write_tokens=optional_count(details, "cache_write_tokens"),
    )
