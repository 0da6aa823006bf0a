"""Gemini's generateContent, as its server speaks it.

Source: ai.google.dev/api/generate-content and ai.google.dev/api/models, 2026-11. A wrong key is
answered with 400 API_KEY_INVALID and a missing one with 403, as Google does, not with 401.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from mcp_router.domain.completion import (
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    ToolSpec,
    Usage,
)
from mcp_router.sandbox.credentials import GEMINI_KEY
from mcp_router.sandbox.models.ask import (
    Ask,
    JsonObject,
    Problem,
    Served,
    find_unpaired,
    first_complaint,
    pieces,
)
from mcp_router.sandbox.models.catalog import CATALOG, SandboxModel, find_model
from mcp_router.settings import ProviderKind

_FINISH = {
    FinishReason.STOP: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.TOOL_CALLS: "STOP",
    FinishReason.CONTENT_FILTER: "SAFETY",
    FinishReason.OTHER: "OTHER",
}
_INVALID = "INVALID_ARGUMENT"


class _Strict(BaseModel):
    # Google's JSON takes both spellings of a name and refuses unknown ones.
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True
    )


class _FunctionCall(_Strict):
    name: str
    args: dict[str, JsonValue] = {}
    id: str | None = None


class _FunctionResponse(_Strict):
    name: str
    response: dict[str, JsonValue]
    id: str | None = None


class _Part(_Strict):
    text: str | None = None
    function_call: _FunctionCall | None = None
    function_response: _FunctionResponse | None = None
    thought: bool = False
    thought_signature: str | None = None


class _Content(_Strict):
    role: Literal["user", "model", "function"] = "user"
    parts: list[_Part] = Field(min_length=1)


class _System(_Strict):
    role: str | None = None
    parts: list[_Part]


class _Declaration(_Strict):
    name: str
    description: str = ""
    parameters: dict[str, JsonValue] | None = None
    parameters_json_schema: dict[str, JsonValue] | None = None
    behavior: JsonValue = None
    response: JsonValue = None
    response_json_schema: JsonValue = None


class _Tool(_Strict):
    function_declarations: list[_Declaration] = []


class _Calling(_Strict):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"] = "AUTO"
    allowed_function_names: list[str] = []


class _ToolConfig(_Strict):
    function_calling_config: _Calling = _Calling()


class _Generation(_Strict):
    max_output_tokens: int = Field(default=65_536, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    # What follows is taken and has no effect on the answer.
    candidate_count: Literal[1] = 1
    frequency_penalty: JsonValue = None
    presence_penalty: JsonValue = None
    response_json_schema: JsonValue = None
    response_mime_type: JsonValue = None
    response_schema: JsonValue = None
    seed: JsonValue = None
    stop_sequences: JsonValue = None
    thinking_config: JsonValue = None
    top_k: JsonValue = None
    top_p: JsonValue = None


class _Request(_Strict):
    contents: list[_Content] = Field(min_length=1)
    system_instruction: _System | None = None
    tools: list[_Tool] = []
    tool_config: _ToolConfig = _ToolConfig()
    generation_config: _Generation = _Generation()
    cached_content: JsonValue = None
    safety_settings: JsonValue = None


class Gemini:
    """The server's side of `:generateContent` and `:streamGenerateContent`."""

    kind = ProviderKind.GEMINI
    completion_path = "/v1beta/models/{model}:generateContent"
    stream_path: str | None = "/v1beta/models/{model}:streamGenerateContent"
    models_path = "/v1beta/models"
    request_id_header = "x-request-id"

    def authorize(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Problem | None:
        """Ask for the sandbox's key, in `x-goog-api-key` or `?key=`."""
        key = headers.get("x-goog-api-key") or query.get("key", "")

        if not key:
            text = "Method doesn't allow unregistered callers. Please use API Key."
            return Problem(status=403, message=text, kind="PERMISSION_DENIED")

        if not hmac.compare_digest(key.encode(), GEMINI_KEY.encode()):
            text = "API key not valid. Please pass a valid API key."
            return Problem(status=400, message=text, kind=_INVALID, code="API_KEY_INVALID")

        return None

    def read(self, raw: bytes, path_model: str, *, stream_path: bool) -> Ask | Problem:
        """Return what the body asks of the model that the path names."""
        model = find_model(self.kind, path_model)

        if model is None:
            text = f"models/{path_model} is not found for API version v1beta."
            return Problem(status=404, message=text, kind="NOT_FOUND")

        try:
            body = _Request.model_validate_json(raw)
        except ValidationError as invalid:
            complaint = first_complaint(invalid)
            unknown = f'Unknown name "{complaint.place}": Cannot find field.'
            wrong = f"Invalid value at '{complaint.place}': {complaint.text}"
            text = f"Invalid JSON payload received. {unknown if complaint.unknown else wrong}"
            return Problem(status=400, message=text, kind=_INVALID)

        return _ask(body, model, raw, streamed=stream_path)

    def write(self, served: Served) -> JsonObject:
        """Return a `GenerateContentResponse`."""
        answer = served.completion
        parts: list[JsonValue] = [{"text": answer.text}] if answer.text else []
        parts.extend(_function_call(call) for call in answer.tool_calls)
        return _response(served, parts, finish=_FINISH[answer.finish_reason])

    def stream(self, served: Served, ask: Ask) -> Iterator[bytes]:
        """Yield `GenerateContentResponse` objects; the last says why it ended."""
        answer = served.completion
        texts = pieces(answer.text) if answer.text else []
        parts: list[JsonValue] = [{"text": piece} for piece in texts]
        parts.extend(_function_call(call) for call in answer.tool_calls)

        for part in parts[:-1]:
            yield _event(_response(served, [part], finish=None))

        yield _event(_response(served, parts[-1:], finish=_FINISH[answer.finish_reason]))

    def unknown_path(self, method: str, path: str) -> Problem:
        """Return Google's 404."""
        return Problem(status=404, message="Method not found.", kind="NOT_FOUND")

    def error(self, problem: Problem, request_id: str) -> JsonObject:
        """Return Google's error object."""
        error: JsonObject = {
            "code": problem.status,
            "message": problem.message,
            "status": problem.kind,
        }

        if problem.code:
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": problem.code,
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                }
            ]

        return {"error": error}

    def listing(self) -> JsonObject:
        """Return one page of models."""
        models: list[JsonValue] = [
            {
                "name": f"models/{one.model}",
                "displayName": one.title,
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            }
            for one in CATALOG
            if one.kind is self.kind
        ]
        return {"models": models}


def _ask(body: _Request, model: SandboxModel, raw: bytes, *, streamed: bool) -> Ask | Problem:
    instruction = body.system_instruction
    system = "".join(part.text or "" for part in instruction.parts) if instruction else ""
    messages = [Message(role=Role.SYSTEM, content=system)] if system else []
    waiting: list[ToolCall] = []

    for content in body.contents:
        messages.extend(_messages(content, waiting, len(messages)))

    if find_unpaired(messages) is not None:
        text = (
            "Please ensure that the number of function response parts is equal to the number of "
            "function call parts of the function call turn."
        )
        return Problem(status=400, message=text, kind=_INVALID)

    mode = body.tool_config.function_calling_config.mode
    declared = [one for tool in body.tools for one in tool.function_declarations]
    return Ask(
        model=model,
        request=CompletionRequest(
            messages=tuple(messages),
            tools=tuple(map(_tool, declared)) if mode != "NONE" else (),
            max_output_tokens=body.generation_config.max_output_tokens,
            temperature=body.generation_config.temperature,
            tools_required=mode == "ANY",
        ),
        body=json.loads(raw),
        streamed=streamed,
    )


def _messages(content: _Content, waiting: list[ToolCall], place: int) -> Iterator[Message]:
    """Yield a turn's function responses, each as a message, then what was said and called.

    A response belongs to the call whose id it gives, or else to the oldest of the same name;
    `waiting` keeps the calls of the turn before that have no response yet.
    """
    parts = [part for part in content.parts if not part.thought]

    for part in parts:
        if (response := part.function_response) is not None:
            answered = _answered(response, waiting)
            waiting[:] = [one for one in waiting if one.id != answered]
            yield Message(role=Role.TOOL, content=_output(response.response), tool_call_id=answered)

    calls = [
        ToolCall(
            id=made.id or f"{place}-{index}",
            name=made.name,
            arguments_json=json.dumps(made.args),
        )
        for index, part in enumerate(parts)
        if (made := part.function_call) is not None
    ]
    said = "".join(part.text or "" for part in parts)

    if said or calls:
        waiting[:] = calls
        role = Role.ASSISTANT if content.role == "model" else Role.USER
        yield Message(role=role, content=said, tool_calls=tuple(calls))


def _answered(response: _FunctionResponse, waiting: list[ToolCall]) -> str:
    """Return the id of the call that a response answers; of none, an id that no call has."""
    for call in waiting:
        if call.name == response.name and response.id in (None, call.id):
            return call.id

    return response.id or response.name


def _output(response: JsonObject) -> str:
    """Return what the function gave: the member `output` if there is one, else all of it."""
    output = response.get("output", response)
    return output if isinstance(output, str) else json.dumps(output)


def _tool(declared: _Declaration) -> ToolSpec:
    schema = declared.parameters_json_schema or declared.parameters or {"type": "object"}
    return ToolSpec(
        name=declared.name, description=declared.description, parameters_json=json.dumps(schema)
    )


def _function_call(call: ToolCall) -> JsonObject:
    # Without an id, as the 2.5 models answer.
    return {"functionCall": {"name": call.name, "args": json.loads(call.arguments_json)}}


def _response(served: Served, parts: list[JsonValue], *, finish: str | None) -> JsonObject:
    candidate: JsonObject = {"content": {"parts": parts, "role": "model"}, "index": 0}

    if finish is not None:
        candidate["finishReason"] = finish

    if served.completion.mean_logprob is not None:
        candidate["avgLogprobs"] = served.completion.mean_logprob

    return {
        "candidates": [candidate],
        "usageMetadata": _usage(served.completion.usage),
        "modelVersion": served.completion.model,
        "responseId": served.id,
    }


def _usage(usage: Usage) -> JsonObject:
    counts: JsonObject = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input_tokens}],
    }

    if usage.cache_read_tokens:  # Google leaves out counts that are zero
        counts["cachedContentTokenCount"] = usage.cache_read_tokens

    return counts


def _event(response: JsonObject) -> bytes:
    return b"data: " + json.dumps(response).encode() + b"\r\n\r\n"
