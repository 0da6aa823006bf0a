import json

import httpx2
import pytest

from mcp_router.domain.completion import CompletionRequest, Message, Role, ToolCall, ToolSpec
from mcp_router.sandbox.credentials import OPENAI_KEY
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.models.app import create_app
from mcp_router.sandbox.models.state import ModelsState
from mcp_router.sandbox.server import SandboxServer
from mcp_router.settings import ProviderKind
from tests.sandbox.conftest import Serve
from tests.sandbox.openai_fixtures import Body, post, said
from tests.sandbox.wire_fixtures import ANSWER, QUESTION, SCHEMA, StillClock, datas, events

TOOL: Body = {
    "type": "function",
    "function": {"name": "lookup_ticket", "description": "Find one.", "parameters": SCHEMA},
}


@pytest.fixture
def state() -> ModelsState:
    return ModelsState(clock=StillClock())


@pytest.fixture
def server(serve: Serve, state: ModelsState) -> SandboxServer:
    effects = Effects()
    return serve(create_app(ProviderKind.OPENAI, state, effects), effects)


def usage(prompt: int, completion: int, cached: int = 0) -> Body:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def test_text_is_answered_with_a_chat_completion(
    client: httpx2.Client, server: SandboxServer
) -> None:
    answer = post(client, server, {"model": "gpt-5-nano", "messages": said(QUESTION)})

    assert answer.status_code == 200
    assert answer.headers["x-request-id"] == "req_000000000000000000000001"
    assert answer.json() == {
        "id": "chatcmpl-d0ff5974b6aa52cf562bea59",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": "gpt-5-nano-2025-08-07",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": ANSWER,
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage(4, 37),
    }
    assert server.effects.refs("completion") == ("openai/gpt-5-nano",)


def test_tool_round_asks_for_the_tool_and_then_uses_its_result(
    client: httpx2.Client, server: SandboxServer, state: ModelsState
) -> None:
    messages = said("Please look up ticket 42")
    first = post(client, server, {"model": "gpt-5.1", "messages": messages, "tools": [TOOL]})
    choice = first.json()["choices"][0]
    call_id = choice["message"]["tool_calls"][0]["id"]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "tool_calls": [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": "lookup_ticket", "arguments": '{"ticket_id": "42"}'},
            }
        ],
    }
    assert call_id.startswith("call_")

    called = {"role": "assistant", "content": "", "tool_calls": choice["message"]["tool_calls"]}
    result = {"role": "tool", "tool_call_id": call_id, "content": '{"status": "open"}'}
    second = post(
        client,
        server,
        {"model": "gpt-5.1", "messages": [*messages, called, result], "tools": [TOOL]},
    )

    assert second.json()["choices"][0]["message"]["content"] == (
        "I used lookup_ticket and found: status open."
    )
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
                name="lookup_ticket", description="Find one.", parameters_json=json.dumps(SCHEMA)
            ),
        ),
        max_output_tokens=16_384,
    )


def test_instructions_parts_and_limits_are_understood(
    client: httpx2.Client, server: SandboxServer, state: ModelsState
) -> None:
    body: Body = {
        "model": "gpt-5.1-2025-11-13",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "ref"}, {"type": "text", "text": "und"}],
            },
        ],
        "max_completion_tokens": 3,
        "temperature": 0.2,
        "tools": [TOOL],
        "tool_choice": "none",
    }
    choice = post(client, server, body).json()["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == (ANSWER[:12], "length")
    assert state.requests("gpt-5.1")[0].body == body
    assert state.requests("gpt-5.1")[0].request == CompletionRequest(
        messages=(
            Message(role=Role.SYSTEM, content="Be brief."),
            Message(role=Role.USER, content="refund"),
        ),
        max_output_tokens=3,
        temperature=0.2,
    )


def test_stream_carries_the_same_answer_in_chunks(
    client: httpx2.Client, server: SandboxServer
) -> None:
    body: Body = {
        "model": "gpt-5-nano",
        "messages": said(QUESTION),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    answer = post(client, server, body)
    chunks = datas(answer)
    text = "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in json.loads(json.dumps(chunk["choices"]))
    )

    assert text == ANSWER
    assert list(events(answer))[-1] == ("", "[DONE]")
    assert {(chunk["object"], chunk["model"], chunk["created"]) for chunk in chunks} == {
        ("chat.completion.chunk", "gpt-5-nano-2025-08-07", 1_767_225_600)
    }
    assert chunks[0]["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": None},
            "logprobs": None,
            "finish_reason": None,
        }
    ]
    assert chunks[-2]["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    ]
    assert [chunk["usage"] for chunk in chunks] == [None] * (len(chunks) - 1) + [usage(4, 37)]
    assert chunks[-1]["choices"] == []


def test_stream_without_usage_and_with_a_tool_call(
    client: httpx2.Client, server: SandboxServer
) -> None:
    body: Body = {
        "model": "gpt-5-nano",
        "messages": said("look up ticket 4213371337133713371337"),
        "tools": [TOOL],
        "stream": True,
    }
    chunks = datas(post(client, server, body))
    deltas = [json.loads(json.dumps(chunk["choices"]))[0] for chunk in chunks]
    calls = [delta["delta"]["tool_calls"][0] for delta in deltas if "tool_calls" in delta["delta"]]

    assert not any("usage" in chunk for chunk in chunks)
    assert deltas[-1]["finish_reason"] == "tool_calls"
    assert {key: calls[0][key] for key in ("index", "type", "function")} == {
        "index": 0,
        "type": "function",
        "function": {"name": "lookup_ticket", "arguments": ""},
    }
    assert "".join(call["function"]["arguments"] for call in calls) == '{"ticket_id": "1"}'


def test_long_prompt_is_reported_as_cached_the_second_time(
    client: httpx2.Client, server: SandboxServer
) -> None:
    body: Body = {"model": "gpt-5-nano", "messages": said("refund " + "x" * 5_993)}
    usages = [post(client, server, body).json()["usage"] for _ in range(2)]

    assert usages == [usage(1_500, 37), usage(1_500, 37, cached=1_500)]


def test_models_are_listed(client: httpx2.Client, server: SandboxServer) -> None:
    answer = client.get(
        f"{server.url}/v1/models", headers={"authorization": f"Bearer {OPENAI_KEY}"}
    )

    assert answer.json() == {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 1_754_524_800, "owned_by": "system"}
            for name in ("gpt-5-nano", "gpt-5-mini", "gpt-5.1")
        ],
    }


def test_slow_model_keeps_only_its_own_callers_waiting(
    client: httpx2.Client, server: SandboxServer, state: ModelsState
) -> None:
    state.set_latency("gpt-5-mini", 60_000)

    with pytest.raises(httpx2.ReadTimeout):
        client.post(
            f"{server.url}/v1/chat/completions",
            json={"model": "gpt-5-mini", "messages": said("hi")},
            headers={"authorization": f"Bearer {OPENAI_KEY}"},
            timeout=1,
        )

    assert post(client, server, {"model": "gpt-5.1", "messages": said("hi")}).status_code == 200
    assert server.effects.refs("completion") == ("openai/gpt-5.1",)
