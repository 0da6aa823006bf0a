"""OpenAI's chat completions, as their server speaks them.

Source: platform.openai.com/docs/api-reference/chat and its streaming page, 2026-11.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from mcp_router.domain.completion import (
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    ToolSpec,
    Usage,
)
from mcp_router.sandbox.credentials import OPENAI_KEY
from mcp_router.sandbox.models.ask import (
    Ask,
    JsonObject,
    Problem,
    Served,
    find_unpaired,
    first_complaint,
    pieces,
)
from mcp_router.sandbox.models.catalog import CATALOG, SandboxModel, Tier, find_model
from mcp_router.settings import ProviderKind

_FINISH = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.OTHER: "stop",
}
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_INVALID = "invalid_request_error"
_CREATED = 1_754_524_800  # when the listed models came out, roughly


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)  # OpenAI refuses unknown parameters


class _Part(_Strict):
    type: Literal["text"]
    text: str


class _CalledFunction(_Strict):
    name: str
    arguments: str


class _Call(_Strict):
    id: str
    type: Literal["function"]
    function: _CalledFunction


class _Message(_Strict):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] = []
    tool_call_id: str | None = None


class _Function(_Strict):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str = ""
    parameters: dict[str, JsonValue] = {}
    strict: bool | None = None


class _Tool(_Strict):
    type: Literal["function"]
    function: _Function


class _StreamOptions(_Strict):
    include_usage: bool = False
    include_obfuscation: bool = False


class _Request(_Strict):
    model: str
    messages: list[_Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[_Tool] = []
    tool_choice: JsonValue = None
    # What follows is taken and has no effect on the answer.
    frequency_penalty: JsonValue = None
    logit_bias: JsonValue = None
    logprobs: JsonValue = None
    metadata: JsonValue = None
    n: Literal[1] | None = None
    parallel_tool_calls: JsonValue = None
    presence_penalty: JsonValue = None
    prompt_cache_key: JsonValue = None
    reasoning_effort: JsonValue = None
    response_format: JsonValue = None
    safety_identifier: JsonValue = None
    seed: JsonValue = None
    service_tier: JsonValue = None
    stop: JsonValue = None
    store: JsonValue = None
    top_p: JsonValue = None
    user: JsonValue = None
    verbosity: JsonValue = None


class OpenAI:
    """The server's side of `POST /v1/chat/completions`."""

    kind = ProviderKind.OPENAI
    completion_path = "/v1/chat/completions"
    stream_path: str | None = None
    models_path = "/v1/models"
    request_id_header = "x-request-id"

    def authorize(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Problem | None:
        """Ask for `Authorization: Bearer` and the sandbox's key."""
        scheme, _, key = headers.get("authorization", "").partition(" ")

        if scheme.lower() != "bearer" or not key:
            return Problem(
                status=401,
                message="You didn't provide an API key in an Authorization header.",
                kind=_INVALID,
            )

        if not hmac.compare_digest(key.encode(), OPENAI_KEY.encode()):
            return Problem(
                status=401,
                message="Incorrect API key provided.",
                kind=_INVALID,
                code="invalid_api_key",
            )

        return None

    def read(self, raw: bytes, path_model: str, *, stream_path: bool) -> Ask | Problem:
        """Return what the body asks; refuses what the named model does not support."""
        try:
            body = _Request.model_validate_json(raw)
        except ValidationError as invalid:
            return _refusal(invalid)

        model = find_model(self.kind, body.model)

        if model is None:
            return Problem(
                status=404,
                message=f"The model `{body.model}` does not exist or you do not have access to it.",
                kind=_INVALID,
                code="model_not_found",
            )

        return _unsupported(body, model) or _ask(body, model, raw)

    def write(self, served: Served) -> JsonObject:
        """Return a `chat.completion` object."""
        answer = served.completion
        calls: list[JsonValue] = [_call(call) for call in answer.tool_calls]
        message: JsonObject = {
            "role": "assistant",
            "content": answer.text or None,
            "refusal": None,
            "annotations": [],
        }

        if calls:
            message["tool_calls"] = calls

        choice: JsonObject = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _FINISH[answer.finish_reason],
        }
        head = _head(served, "chat.completion")
        return {**head, "choices": [choice], "usage": _usage(answer.usage)}

    def stream(self, served: Served, ask: Ask) -> Iterator[bytes]:
        """Yield `chat.completion.chunk` objects and `[DONE]`."""
        answer = served.completion
        deltas: list[JsonObject] = [{"role": "assistant", "content": "", "refusal": None}]

        if answer.text:
            deltas.extend({"content": piece} for piece in pieces(answer.text))

        for index, call in enumerate(answer.tool_calls):
            deltas.append({"tool_calls": [{"index": index, **_call(call, arguments="")}]})
            deltas.extend(
                {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
                for piece in pieces(call.arguments_json)
            )

        chunks = [_choice(delta, None) for delta in deltas]
        chunks.append(_choice({}, _FINISH[answer.finish_reason]))
        head = _head(served, "chat.completion.chunk")
        unknown: JsonObject = {"usage": None} if ask.usage_streamed else {}

        for chunk in chunks:
            yield _event({**head, "choices": [chunk], **unknown})

        if ask.usage_streamed:
            yield _event({**head, "choices": [], "usage": _usage(answer.usage)})

        yield b"data: [DONE]\n\n"

    def unknown_path(self, method: str, path: str) -> Problem:
        """Return OpenAI's 404."""
        return Problem(status=404, message=f"Invalid URL ({method} {path})", kind=_INVALID)

    def error(self, problem: Problem, request_id: str) -> JsonObject:
        """Return OpenAI's error object."""
        return {
            "error": {
                "message": problem.message,
                "type": problem.kind,
                "param": problem.parameter,
                "code": problem.code,
            }
        }

    def listing(self) -> JsonObject:
        """Return OpenAI's list object."""
        models: list[JsonValue] = [
            {"id": one.model, "object": "model", "created": _CREATED, "owned_by": "system"}
            for one in CATALOG
            if one.kind is self.kind
        ]
        return {"object": "list", "data": models}


def _refusal(invalid: ValidationError) -> Problem:
    complaint = first_complaint(invalid)
    place = complaint.place

    if not place:
        text = "We could not parse the JSON body of your request."
        return Problem(status=400, message=text, kind=_INVALID)

    if complaint.unknown:
        message, code = f"Unknown parameter: '{place}'.", "unknown_parameter"
    elif complaint.missing:
        message, code = f"Missing required parameter: '{place}'.", "missing_required_parameter"
    else:
        message, code = f"Invalid value for '{place}': {complaint.text}.", "invalid_value"

    return Problem(status=400, message=message, kind=_INVALID, code=code, parameter=place)


def _unsupported(body: _Request, model: SandboxModel) -> Problem | None:
    """Refuse what models that reason refuse: the older limit, and a temperature of one's own.

    gpt-5.1 does not reason unless asked to, and then takes a temperature.
    """
    if body.max_tokens is not None:
        return Problem(
            status=400,
            message=(
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead."
            ),
            kind=_INVALID,
            code="unsupported_parameter",
            parameter="max_tokens",
        )

    if body.temperature not in (None, 1) and model.tier is not Tier.LARGE:
        return Problem(
            status=400,
            message=(
                "Unsupported value: 'temperature' does not support this value with this model. "
                "Only the default (1) value is supported."
            ),
            kind=_INVALID,
            code="unsupported_value",
            parameter="temperature",
        )

    return None


def _ask(body: _Request, model: SandboxModel, raw: bytes) -> Ask | Problem:
    messages = tuple(_message(message) for message in body.messages)
    unpaired = find_unpaired(messages)

    if unpaired is not None:
        text = (
            "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            if unpaired.orphan
            else "An assistant message with 'tool_calls' must be followed by tool messages "
            f"responding to each 'tool_call_id'. No response: {unpaired.id}"
        )
        return Problem(status=400, message=text, kind=_INVALID, parameter="messages")

    tools = () if body.tool_choice == "none" else tuple(_tool(tool) for tool in body.tools)
    return Ask(
        model=model,
        request=CompletionRequest(
            messages=messages,
            tools=tools,
            max_output_tokens=body.max_completion_tokens or 16_384,
            temperature=body.temperature,
            tools_required=body.tool_choice == "required",
        ),
        body=json.loads(raw),
        streamed=body.stream is True,
        usage_streamed=body.stream_options is not None and body.stream_options.include_usage,
    )


def _message(message: _Message) -> Message:
    content = message.content
    text = content if isinstance(content, str) else "".join(part.text for part in content or [])
    return Message(
        role=_ROLES[message.role],
        content=text,
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.function.name, arguments_json=call.function.arguments)
            for call in message.tool_calls
        ),
        tool_call_id=message.tool_call_id,
    )


def _tool(tool: _Tool) -> ToolSpec:
    function = tool.function
    return ToolSpec(
        name=function.name,
        description=function.description,
        parameters_json=json.dumps(function.parameters),
    )


def _head(served: Served, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{served.id}",
        "object": kind,
        "created": served.at_s,
        "model": served.completion.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _choice(delta: JsonObject, finish: str | None) -> JsonObject:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _call(call: ToolCall, arguments: str | None = None) -> JsonObject:
    text = call.arguments_json if arguments is None else arguments
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": text},
    }


def _usage(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _event(chunk: JsonObject) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
