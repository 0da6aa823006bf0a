"""The wire format of Gemini's generateContent.

Source: ai.google.dev/api/generate-content and ai.google.dev/gemini-api/docs/thought-signatures,
2026-11.
"""

import re
from functools import partial
from urllib.parse import quote

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
from mcp_router.errors import InvalidArguments
from mcp_router.providers.answer import (
    JsonObject,
    arguments_text,
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

LISTED = "models"  # where the answer to `listing` keeps the models

# Gemini 3 answers 400 to an earlier call without the signature that it came with. Calls of other
# models have none and ours do not carry theirs; this value, documented by Google, says so.
_UNSIGNED = "skip_thought_signature_validator"

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]")  # Anthropic takes no other character
_ORIGIN = 24  # OpenAI takes ids of up to 40 characters, in a conversation that moves on to it

FINISH = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
}


def encode(model: ModelTarget, request: CompletionRequest, api_key: Secret) -> WireRequest:
    """Return the request for one completion.

    Raises:
        InvalidArguments: a tool message answers no earlier call, or a tool has no usable schema.
    """
    return _post(model, "generateContent", _body(request), api_key)


def encode_stream(model: ModelTarget, request: CompletionRequest, api_key: Secret) -> WireRequest:
    """Return the request for the same completion as events.

    Raises:
        InvalidArguments: as `encode`.
    """
    # Without `alt` Google streams one JSON list instead of events.
    return _post(model, "streamGenerateContent?alt=sse", _body(request), api_key)


def decode(body: bytes) -> Completion:
    """Return the completion that an answer holds; thoughts are left out, but their tokens count.

    `model` is "" when the answer names none. A prompt that was blocked gives an empty text with
    `content_filter`. Tool calls without an id get one from the answer's id and their place.

    Raises:
        SendFailed: the answer is not what the format says (unknown, garbled).
    """
    answer = parse(body)
    candidates = children(answer, "candidates")

    if not candidates:
        return _blocked(answer)

    parts = read_parts(candidates[0])
    calls = tuple(
        read_call(answer, part, place)
        for place, part in enumerate(part for part in parts if "functionCall" in part)
    )
    stopped = FINISH.get(optional_text(candidates[0], "finishReason"), FinishReason.OTHER)
    return Completion(
        text="".join(optional_text(part, "text") for part in parts),
        tool_calls=calls,
        finish_reason=settle(stopped, calls),
        usage=read_usage(child(answer, "usageMetadata")),
        model=optional_text(answer, "modelVersion"),
        mean_logprob=optional_logprob(candidates[0], "avgLogprobs"),
    )


def read_parts(candidate: JsonObject) -> tuple[JsonObject, ...]:
    """Return what a candidate says and calls, without its thoughts."""
    content = child(candidate, "content") if candidate.get("content") else {}
    return tuple(part for part in children(content, "parts") if part.get("thought") is not True)


def read_call(answer: JsonObject, part: JsonObject, place: int) -> ToolCall:
    """Return the call of a part; without an id it gets one from the answer's and its place."""
    call = child(part, "functionCall")
    origin = _NOT_IN_IDS.sub("", optional_text(answer, "responseId"))[:_ORIGIN]
    otherwise = f"call_{origin}_{place}" if origin else f"call_{place}"
    return ToolCall(
        id=optional_text(call, "id") or otherwise,
        name=text(call, "name"),
        arguments_json=arguments_text(call, "args"),
    )


def listing(api_key: Secret) -> WireRequest:
    """Return the request that lists the models this key may use, as many as one page holds."""
    return WireRequest(
        method="GET", path="/v1beta/models?pageSize=1000", headers=_headers(api_key), body=b""
    )


def _body(request: CompletionRequest) -> JsonObject:
    names: dict[str, str] = {}
    limits: dict[str, JsonValue] = {"maxOutputTokens": request.max_output_tokens}

    if request.temperature is not None:
        limits["temperature"] = request.temperature

    body: dict[str, JsonValue] = {
        "contents": [
            {"role": "model" if by_model else "user", "parts": parts}
            for by_model, parts in merged(spoken(request), partial(_parts, names))
        ],
        "generationConfig": limits,
    }
    system = system_text(request)

    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}

    if request.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]

        if request.tools_required:
            body["toolConfig"] = {"functionCallingConfig": {"mode": "ANY"}}

    return body


def _post(model: ModelTarget, method: str, body: JsonObject, api_key: Secret) -> WireRequest:
    # Google's own listing writes `models/…`, so both spellings turn up in configurations.
    name = quote(model.model.removeprefix("models/"), safe="")
    return WireRequest(
        path=f"/v1beta/models/{name}:{method}",
        headers=_headers(api_key),
        body=json_body(body),
    )


def _headers(api_key: Secret) -> tuple[tuple[str, str], ...]:
    return (("x-goog-api-key", api_key.reveal()),)


def _parts(names: dict[str, str], message: Message) -> Blocks:
    """Write a message; `names` remembers which tool each call so far was for."""
    if message.role is Role.TOOL:
        call_id = answered_call(message)

        if call_id not in names:
            raise InvalidArguments("A `tool` message answers a call that no earlier message made.")

        response: JsonValue = {"output": message.content}
        function = {"id": call_id, "name": names[call_id], "response": response}
        return [{"functionResponse": function}]

    names.update((call.id, call.name) for call in message.tool_calls)
    spoken_text: Blocks = [{"text": message.content}] if message.content else []
    return [*spoken_text, *(_call_part(call) for call in message.tool_calls)]


def _call_part(call: ToolCall) -> JsonObject:
    return {
        "functionCall": {"id": call.id, "name": call.name, "args": arguments(call)},
        "thoughtSignature": _UNSIGNED,
    }


def _tool(tool: ToolSpec) -> JsonObject:
    return {
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": schema(tool),
    }


def _blocked(answer: JsonObject) -> Completion:
    """Read an answer without candidates, which is right only where the prompt was blocked."""
    if not answer.get("promptFeedback"):
        raise garbled("it has no candidate")

    text(child(answer, "promptFeedback"), "blockReason")
    return Completion(
        text="",
        tool_calls=(),
        finish_reason=FinishReason.CONTENT_FILTER,
        usage=read_usage(child(answer, "usageMetadata")),
        model=optional_text(answer, "modelVersion"),
    )


def read_usage(usage: JsonObject) -> Usage:
    """Read what is billed: prompts of tools as input, thoughts as output.

    `promptTokenCount` includes the cached tokens; counts that are zero are left out.
    """
    return Usage(
        input_tokens=count(usage, "promptTokenCount")
        + optional_count(usage, "toolUsePromptTokenCount"),
        output_tokens=optional_count(usage, "candidatesTokenCount")
        + optional_count(usage, "thoughtsTokenCount"),
        cache_read_tokens=optional_count(usage, "cachedContentTokenCount"),
    )
