import json

import httpx2
import pytest
from pydantic import JsonValue

from mcp_router.domain.completion import CompletionRequest, Message, Role, ToolCall, ToolSpec
from mcp_router.sandbox.credentials import ANTHROPIC_KEY
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.models.app import create_app
from mcp_router.sandbox.models.state import ModelsState
from mcp_router.sandbox.server import SandboxServer
from mcp_router.settings import ProviderKind
from tests.sandbox.conftest import Serve
from tests.sandbox.wire_fixtures import ANSWER, QUESTION, SCHEMA, StillClock, datas, events

Body = dict[str, JsonValue]

HEADERS = {"x-api-key": ANTHROPIC_KEY, "anthropic-version": "2023-06-01"}
TOOL: Body = {"name": "lookup_ticket", "description": "Find one.", "input_schema": SCHEMA}
USE: Body = {
    "type": "tool_use",
    "id": "toolu_7",
    "name": "lookup_ticket",
    "input": {"ticket_id": "42"},
}


@pytest.fixture
def state() -> ModelsState:
    return ModelsState(clock=StillClock())


@pytest.fixture
def server(serve: Serve, state: ModelsState) -> SandboxServer:
    effects = Effects()
    return serve(create_app(ProviderKind.ANTHROPIC, state, effects), effects)


def ask(*messages: Body, model: str = "claude-haiku-4-5") -> Body:
    return {"model": model, "max_tokens": 500, "messages": list(messages)}


def user(content: JsonValue) -> Body:
    return {"role": "user", "content": content}


def post(client: httpx2.Client, server: SandboxServer, body: Body) -> httpx2.Response:
    return client.post(f"{server.url}/v1/messages", json=body, headers=HEADERS)


def usage(put_in: int, put_out: int, *, read: int = 0, written: int = 0) -> Body:
    return {
        "input_tokens": put_in,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": put_out,
        "service_tier": "standard",
    }


def test_text_is_answered_with_a_message(client: httpx2.Client, server: SandboxServer) -> None:
    answer = post(client, server, ask(user(QUESTION)))

    assert answer.status_code == 200
    assert answer.headers["request-id"] == "req_000000000000000000000001"
    assert answer.json() == {
        "id": "msg_d0ff5974b6aa52cf562bea59",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage(4, 37),
    }
    assert server.effects.refs("completion") == ("anthropic/claude-haiku-4-5",)


def test_tool_round_asks_for_the_tool_and_then_uses_its_result(
    client: httpx2.Client, server: SandboxServer, state: ModelsState
) -> None:
    question = user("Please look up ticket 42")
    first = post(client, server, {**ask(question), "tools": [TOOL]}).json()
    call_id = first["content"][0]["id"]

    assert call_id.startswith("toolu_")
    assert first["stop_reason"] == "tool_use"
    assert first["content"] == [{**USE, "id": call_id}]

    result: Body = {
        "type": "tool_result",
        "tool_use_id": call_id,
        "content": [{"type": "text", "text": '{"status": "open"}'}],
    }
    called: Body = {"role": "assistant", "content": first["content"]}
    second = post(client, server, {**ask(question, called, user([result])), "tools": [TOOL]})

    assert second.json()["content"] == [
        {"type": "text", "text": "I used lookup_ticket and found: status open."}
    ]
    assert state.requests()[1].request == CompletionRequest(
        messages=(
            Message(role=Role.USER, content="Please look up ticket 42"),
            Message(
                role=Role.ASSISTANT,
                content="",
                tool_calls=(
                    ToolCall(
                        id=call_id, name="lookup_ticket", arguments_json='{"ticket_id": "42"}'
                    ),
                ),
            ),
            Message(role=Role.TOOL, content='{"status": "open"}', tool_call_id=call_id),
        ),
        tools=(
            ToolSpec(
                name="lookup_ticket",
                description="Find one.",
                parameters_json=json.dumps(SCHEMA, separators=(",", ":")),
            ),
        ),
        max_output_tokens=500,
    )


def test_instructions_and_limits_are_understood(
    client: httpx2.Client, server: SandboxServer, state: ModelsState
) -> None:
    body: Body = {
        **ask(user([{"type": "text", "text": "refund"}]), model="claude-opus-4-5-20251101"),
        "system": [{"type": "text", "text": "Be brief."}],
        "max_tokens": 3,
        "temperature": 0.2,
        "tools": [TOOL],
        "tool_choice": {"type": "none"},
    }
    answer = post(client, server, body).json()

    assert answer["content"] == [{"type": "text", "text": ANSWER[:12]}]
    assert answer["stop_reason"] == "max_tokens"
    assert state.requests("claude-opus-4-5")[0].body == body
    assert state.requests("claude-opus-4-5")[0].request == CompletionRequest(
        messages=(
            Message(role=Role.SYSTEM, content="Be brief."),
            Message(role=Role.USER, content="refund"),
        ),
        max_output_tokens=3,
        temperature=0.2,
    )


def test_stream_carries_the_same_answer_in_named_events(
    client: httpx2.Client, server: SandboxServer
) -> None:
    answer = post(client, server, {**ask(user(QUESTION)), "stream": True})
    names = [name for name, _ in events(answer)]
    sent = datas(answer)
    deltas = [one["delta"] for one in sent if one["type"] == "content_block_delta"]
    pieces = [json.loads(json.dumps(delta)) for delta in deltas]

    assert [one["type"] for one in sent] == names
    assert names[:2] == ["message_start", "content_block_start"]
    assert names[-4:] == ["content_block_stop", "ping", "message_delta", "message_stop"]
    assert sent[0]["message"] == {
        "id": "msg_d0ff5974b6aa52cf562bea59",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(4, 1),
    }
    assert sent[1] == {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    assert {piece["type"] for piece in pieces} == {"text_delta"}
    assert "".join(piece["text"] for piece in pieces) == ANSWER
    assert sent[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": usage(4, 37),
    }


def test_stream_carries_a_tool_call_as_partial_json(
    client: httpx2.Client, server: SandboxServer
) -> None:
    body: Body = {**ask(user("Look up ticket 123456789012345")), "tools": [TOOL], "stream": True}
    sent = datas(post(client, server, body))
    start = json.loads(json.dumps(sent[1]["content_block"]))
    deltas = [one["delta"] for one in sent if one["type"] == "content_block_delta"]
    pieces = [json.loads(json.dumps(delta)) for delta in deltas]

    assert {key: start[key] for key in ("type", "name", "input")} == {
        "type": "tool_use",
        "name": "lookup_ticket",
        "input": {},
    }
    assert {piece["type"] for piece in pieces} == {"input_json_delta"}
    assert len(pieces) == 2
    assert "".join(piece["partial_json"] for piece in pieces) == '{"ticket_id": "123456789012345"}'
    assert sent[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}


def test_marked_prompt_is_written_to_the_cache_and_then_read(
    client: httpx2.Client, server: SandboxServer
) -> None:
    marked: Body = {
        "type": "text",
        "text": "refund " + "x" * 5_993,
        "cache_control": {"type": "ephemeral"},
    }
    usages = [post(client, server, ask(user([marked]))).json()["usage"] for _ in range(2)]

    assert usages == [usage(0, 37, written=1_500), usage(0, 37, read=1_500)]


@pytest.mark.parametrize(
    ("headers", "status", "kind", "message"),
    [
        ({}, 401, "authentication_error", "x-api-key header is required"),
        ({"x-api-key": "nope"}, 401, "authentication_error", "invalid x-api-key"),
        (
            {"x-api-key": ANTHROPIC_KEY},
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/messages"])
def test_missing_or_wrong_credentials_are_refused(
    client: httpx2.Client,
    server: SandboxServer,
    headers: dict[str, str],
    status: int,
    kind: str,
    message: str,
    path: str,
) -> None:
    method = "GET" if path == "/v1/models" else "POST"
    answer = client.request(method, server.url + path, headers=headers)

    assert (answer.status_code, answer.json()) == (
        status,
        {
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": answer.headers["request-id"],
        },
    )
    assert server.effects.count() == 0


@pytest.mark.parametrize(
    ("change", "status", "kind", "message"),
    [
        ({"model": "claude-9"}, 404, "not_found_error", "model: claude-9"),
        ({"max_tokens": None}, 400, "invalid_request_error", "max_tokens: "),
        ({"nope": 1}, 400, "invalid_request_error", "nope: Extra inputs are not permitted"),
        ({"messages": [{"role": "user"}]}, 400, "invalid_request_error", "messages.0.content: "),
        ({"messages": []}, 400, "invalid_request_error", "messages: "),
        ({"temperature": 1.5}, 400, "invalid_request_error", "temperature: "),
        (
            {"messages": [{"role": "assistant", "content": "hi"}]},
            400,
            "invalid_request_error",
            'messages: first message must use the "user" role',
        ),
        (
            {"tools": [{"name": "x", "input_schema": {}}]},
            400,
            "invalid_request_error",
            "tools.0.input_schema.type: Field required",
        ),
        (
            {"messages": [user([{"type": "tool_result", "tool_use_id": "toolu_1"}])]},
            400,
            "invalid_request_error",
            "messages: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1",
        ),
        (
            {"messages": [user("x"), {"role": "assistant", "content": [USE]}, user("y")]},
            400,
            "invalid_request_error",
            "messages: `tool_use` ids were found without `tool_result` blocks immediately after: "
            "toolu_7",
        ),
    ],
)
def test_request_that_anthropic_refuses_is_refused(
    client: httpx2.Client,
    server: SandboxServer,
    change: Body,
    status: int,
    kind: str,
    message: str,
) -> None:
    answer = post(client, server, {**ask(user("hi")), **change})
    error = answer.json()["error"]

    assert (answer.status_code, error["type"]) == (status, kind)
    assert error["message"].startswith(message)
    assert server.effects.count() == 0


def test_body_that_is_no_json_is_refused(client: httpx2.Client, server: SandboxServer) -> None:
    answer = client.post(f"{server.url}/v1/messages", content=b"{", headers=HEADERS)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("The request body is not valid JSON: ")


def test_unknown_path_is_not_found(client: httpx2.Client, server: SandboxServer) -> None:
    answer = client.post(f"{server.url}/v1/complete")

    assert (answer.status_code, answer.json()) == (
        404,
        {
            "type": "error",
            "error": {"type": "not_found_error", "message": "Not found"},
            "request_id": "req_000000000000000000000001",
        },
    )


def test_models_are_listed(client: httpx2.Client, server: SandboxServer) -> None:
    answer = client.get(f"{server.url}/v1/models?limit=1000", headers=HEADERS)

    assert answer.json() == {
        "data": [
            {
                "type": "model",
                "id": served_as,
                "display_name": title,
                "created_at": "2025-10-01T00:00:00Z",
            }
            for served_as, title in (
                ("claude-haiku-4-5-20251001", "Claude Haiku 4.5"),
                ("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5"),
                ("claude-opus-4-5-20251101", "Claude Opus 4.5"),
            )
        ],
        "has_more": False,
        "first_id": "claude-haiku-4-5-20251001",
        "last_id": "claude-opus-4-5-20251101",
    }
