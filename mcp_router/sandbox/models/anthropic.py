"""Anthropic's messages, as their server speaks them.

Source: platform.claude.com/docs/en/api/messages, `…/api/errors` and
`…/build-with-claude/streaming`, 2026-11.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

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
from mcp_router.sandbox.credentials import ANTHROPIC_KEY
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
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
    FinishReason.OTHER: "end_turn",
}
_INVALID = "invalid_request_error"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)  # "Extra inputs are not permitted"


class _Text(_Strict):
    type: Literal["text"]
    text: str = Field(min_length=1)
    cache_control: dict[str, JsonValue] | None = None


class _ToolUse(_Strict):
    type: Literal["tool_use"]
    id: str = Field(pattern=r"^[a-zA-Z0-9_-]+$")
    name: str
    input: dict[str, JsonValue]
    cache_control: dict[str, JsonValue] | None = None


class _ToolResult(_Strict):
    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[_Text] = ""
    is_error: bool = False
    cache_control: dict[str, JsonValue] | None = None


_Block: TypeAlias = Annotated[_Text | _ToolUse | _ToolResult, Field(discriminator="type")]


class _Turn(_Strict):
    role: Literal["user", "assistant"]
    content: str | list[_Block] = Field(min_length=1)


class _InputSchema(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    type: Literal["object"]


class _Tool(_Strict):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")
    description: str = ""
    input_schema: _InputSchema
    type: Literal["custom"] | None = None
    cache_control: dict[str, JsonValue] | None = None


class _Request(_Strict):
    model: str
    max_tokens: int = Field(ge=1)
    messages: list[_Turn] = Field(min_length=1)
    system: str | list[_Text] = ""
    tools: list[_Tool] = []
    tool_choice: dict[str, JsonValue] | None = None
    temperature: float | None = Field(default=None, ge=0, le=1)
    stream: bool = False
    # What follows is taken and has no effect on the answer.
    container: JsonValue = None
    context_management: JsonValue = None
    metadata: JsonValue = None
    output_config: JsonValue = None
    service_tier: JsonValue = None
    stop_sequences: JsonValue = None
    thinking: JsonValue = None
    top_k: JsonValue = None
    top_p: JsonValue = None


class Anthropic:
    """The server's side of `POST /v1/messages`."""

    kind = ProviderKind.ANTHROPIC
    completion_path = "/v1/messages"
    stream_path: str | None = None
    models_path = "/v1/models"
    request_id_header = "request-id"

    def authorize(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Problem | None:
        """Ask for `x-api-key`, the sandbox's key and an `anthropic-version`."""
        key = headers.get("x-api-key", "")
        kind = "authentication_error"

        if not key:
            return Problem(status=401, message="x-api-key header is required", kind=kind)

        if not hmac.compare_digest(key.encode(), ANTHROPIC_KEY.encode()):
            return Problem(status=401, message="invalid x-api-key", kind=kind)

        if not headers.get("anthropic-version"):
            text = "anthropic-version: header is required"
            return Problem(status=400, message=text, kind=_INVALID)

        return None

    def read(self, raw: bytes, path_model: str, *, stream_path: bool) -> Ask | Problem:
        """Return what the body asks."""
        try:
            body = _Request.model_validate_json(raw)
        except ValidationError as invalid:
            complaint = first_complaint(invalid)
            where = complaint.place or "The request body is not valid JSON"
            text = "Field required" if complaint.missing else complaint.text
            return Problem(status=400, message=f"{where}: {text}", kind=_INVALID)

        model = find_model(self.kind, body.model)

        if model is None:
            text = f"model: {body.model}"
            return Problem(status=404, message=text, kind="not_found_error")

        if body.messages[0].role != "user":
            text = 'messages: first message must use the "user" role'
            return Problem(status=400, message=text, kind=_INVALID)

        return _ask(body, model, raw)

    def write(self, served: Served) -> JsonObject:
        """Return a `message` object."""
        answer = served.completion
        content: list[JsonValue] = [{"type": "text", "text": answer.text}] if answer.text else []
        content.extend(
            {**_tool_use(call), "input": json.loads(call.arguments_json)}
            for call in answer.tool_calls
        )
        finish = _FINISH[answer.finish_reason]
        return {**_head(served), "content": content, "stop_reason": finish}

    def stream(self, served: Served, ask: Ask) -> Iterator[bytes]:
        """Yield the named events from `message_start` to `message_stop`."""
        answer = served.completion
        head = _head(served)
        head["usage"] = {**_usage(answer.usage), "output_tokens": 1}
        yield _event("message_start", {"message": {**head, "content": []}})
        index = 0

        if answer.text:
            deltas: list[JsonObject] = [
                {"type": "text_delta", "text": piece} for piece in pieces(answer.text)
            ]
            yield from _block(index, {"type": "text", "text": ""}, deltas)
            yield _event("ping", {})
            index += 1

        for call in answer.tool_calls:
            deltas = [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in pieces(call.arguments_json)
            ]
            yield from _block(index, {**_tool_use(call), "input": {}}, deltas)
            index += 1

        finish: JsonObject = {"stop_reason": _FINISH[answer.finish_reason], "stop_sequence": None}
        yield _event("message_delta", {"delta": finish, "usage": _usage(answer.usage)})
        yield _event("message_stop", {})

    def unknown_path(self, method: str, path: str) -> Problem:
        """Return Anthropic's 404."""
        return Problem(status=404, message="Not found", kind="not_found_error")

    def error(self, problem: Problem, request_id: str) -> JsonObject:
        """Return Anthropic's error object."""
        error: JsonObject = {"type": problem.kind, "message": problem.message}
        return {"type": "error", "error": error, "request_id": request_id}

    def listing(self) -> JsonObject:
        """Return one page of models."""
        known = [one for one in CATALOG if one.kind is self.kind]
        models: list[JsonValue] = [
            {
                "type": "model",
                "id": one.served_as,
                "display_name": one.title,
                "created_at": "2025-10-01T00:00:00Z",
            }
            for one in known
        ]
        return {
            "data": models,
            "has_more": False,
            "first_id": known[0].served_as,
            "last_id": known[-1].served_as,
        }


def _ask(body: _Request, model: SandboxModel, raw: bytes) -> Ask | Problem:
    system = _text(body.system)
    opening = [Message(role=Role.SYSTEM, content=system)] if system else []
    messages = [*opening, *(message for turn in body.messages for message in _messages(turn))]
    unpaired = find_unpaired(messages)

    if unpaired is not None:
        text = (
            f"messages: unexpected `tool_use_id` found in `tool_result` blocks: {unpaired.id}"
            if unpaired.orphan
            else "messages: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {unpaired.id}"
        )
        return Problem(status=400, message=text, kind=_INVALID)

    tools = tuple(
        ToolSpec(
            name=tool.name,
            description=tool.description,
            parameters_json=tool.input_schema.model_dump_json(),
        )
        for tool in body.tools
    )
    chosen = (body.tool_choice or {}).get("type")
    return Ask(
        model=model,
        request=CompletionRequest(
            messages=tuple(messages),
            tools=() if chosen == "none" else tools,
            max_output_tokens=body.max_tokens,
            temperature=body.temperature,
            tools_required=chosen == "any",
        ),
        body=json.loads(raw),
        streamed=body.stream,
        explicit_cache=True,
    )


def _messages(turn: _Turn) -> Iterator[Message]:
    """Yield a turn's tool results, each as a message, then what was said and called."""
    if isinstance(turn.content, str):
        yield Message(role=Role(turn.role), content=turn.content)
        return

    texts = [block.text for block in turn.content if isinstance(block, _Text)]
    calls = tuple(
        ToolCall(id=block.id, name=block.name, arguments_json=json.dumps(block.input))
        for block in turn.content
        if isinstance(block, _ToolUse)
    )

    for block in turn.content:
        if isinstance(block, _ToolResult):
            yield Message(
                role=Role.TOOL, content=_text(block.content), tool_call_id=block.tool_use_id
            )

    if texts or calls:
        yield Message(role=Role(turn.role), content="\n".join(texts), tool_calls=calls)


def _text(content: str | list[_Text]) -> str:
    return content if isinstance(content, str) else "\n".join(block.text for block in content)


def _head(served: Served) -> JsonObject:
    return {
        "id": f"msg_{served.id}",
        "type": "message",
        "role": "assistant",
        "model": served.completion.model,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(served.completion.usage),
    }


def _tool_use(call: ToolCall) -> JsonObject:
    return {"type": "tool_use", "id": call.id, "name": call.name}


def _usage(usage: Usage) -> JsonObject:
    """Write what is billed; unlike ours, Anthropic's `input_tokens` leaves the cached ones out."""
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    return {
        "input_tokens": usage.input_tokens - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": usage.output_tokens,
        "service_tier": "standard",
    }


def _block(index: int, start: JsonObject, deltas: list[JsonObject]) -> Iterator[bytes]:
    yield _event("content_block_start", {"index": index, "content_block": start})

    for delta in deltas:
        yield _event("content_block_delta", {"index": index, "delta": delta})

    yield _event("content_block_stop", {"index": index})


def _event(kind: str, data: JsonObject) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()
