"""Anthropic's messages, as they leave and as they come back."""

import json
from dataclasses import replace

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    Usage,
)
from mcp_router.errors import InvalidArguments, SendFailed
from mcp_router.providers.anthropic import decode, encode, listing
from tests.providers.examples import (
    ASK,
    KEY,
    NOT_OBJECTS,
    ROUND_TRIP,
    SCHEMA,
    TOOL,
    model,
    mutilated,
    sent,
)

CLAUDE = model("claude-haiku-4-5")
HEADERS = (("x-api-key", "key-for-tests"), ("anthropic-version", "2023-06-01"))
TEXT: JsonValue = {"type": "text", "text": "It is on its way."}
USE: JsonValue = {
    "type": "tool_use",
    "id": "toolu_1",
    "name": "lookup_ticket",
    "input": {"id": "7", "note": "größer"},
}


def answer(content: JsonValue, stop_reason: JsonValue = "end_turn") -> bytes:
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-4-5-20251001",
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 100,
                "cache_read_input_tokens": 1024,
                "cache_creation_input_tokens": 76,
                "output_tokens": 30,
            },
        }
    ).encode()


def test_a_question_is_written_with_its_limit_the_key_and_the_version() -> None:
    request = encode(CLAUDE, ASK, KEY)

    assert request.method == "POST"
    assert request.path == "/v1/messages"
    assert request.headers == HEADERS
    assert sent(request) == {
        "model": "claude-haiku-4-5",
        "max_tokens": 256,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Where is my parcel?"}]}
        ],
    }


def test_a_conversation_puts_the_results_of_all_tools_into_one_turn() -> None:
    assert sent(encode(CLAUDE, ROUND_TRIP, KEY)) == {
        "model": "claude-haiku-4-5",
        "max_tokens": 512,
        "temperature": 0.5,
        "system": "Be brief.\n\nSay the ticket's status.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Where is my parcel?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {
                        "type": "tool_use",
                        "id": "call_0",
                        "name": "lookup_ticket",
                        "input": {"id": "7"},
                    },
                    {
                        "type": "tool_use",
                        "id": "call_1",
                        "name": "find_customer",
                        "input": {"email": "a@b.test"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_0",
                        "content": '{"status":"open"}',
                    },
                    {"type": "tool_result", "tool_use_id": "call_1"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "tools": [
            {
                "name": "lookup_ticket",
                "description": "Look a ticket up.",
                "input_schema": SCHEMA,
            }
        ],
    }


def test_empty_text_is_left_out_because_the_vendor_refuses_it() -> None:
    request = CompletionRequest(
        messages=(
            Message(role=Role.USER, content="One."),
            Message(role=Role.ASSISTANT, content=""),
            Message(role=Role.USER, content="Two."),
        )
    )

    assert sent(encode(CLAUDE, request, KEY)) == {
        "model": "claude-haiku-4-5",
        "max_tokens": 1024,
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"id":"7"}', {"id": "7"}),
        ("", {}),
        ('{"id": "7"', {"unparsed_arguments": '{"id": "7"'}),
        ("[1]", {"unparsed_arguments": "[1]"}),
    ],
)
def test_arguments_that_another_model_wrote_become_an_object(
    written: str, expected: JsonValue
) -> None:
    call = ToolCall(id="call_0", name="now", arguments_json=written)
    request = CompletionRequest(
        messages=(Message(role=Role.ASSISTANT, content="", tool_calls=(call,)),)
    )

    assert sent(encode(CLAUDE, request, KEY)) == {
        "model": "claude-haiku-4-5",
        "max_tokens": 1024,
        "messages": [
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "call_0", "name": "now", "input": expected}],
            }
        ],
    }


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 0.0), (1.0, 1.0), (1.7, 1.0)])
def test_temperature_stops_at_the_vendor_s_highest(asked: float, expected: float) -> None:
    body = sent(encode(CLAUDE, replace(ASK, temperature=asked), KEY))

    assert isinstance(body, dict)
    assert body["temperature"] == expected


def test_a_call_of_a_tool_may_be_required() -> None:
    plain = encode(CLAUDE, ROUND_TRIP, KEY)
    required = encode(CLAUDE, replace(ROUND_TRIP, tools_required=True), KEY)
    body = sent(plain)
    assert isinstance(body, dict)

    assert sent(required) == {**body, "tool_choice": {"type": "any"}}


def test_no_call_is_required_where_there_is_no_tool() -> None:
    assert encode(CLAUDE, replace(ASK, tools_required=True), KEY) == encode(CLAUDE, ASK, KEY)


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("claude-3-5-haiku-20241022", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-haiku-4-5", True),
        ("claude-sonnet-4-6", True),
        ("somebody-else-s", True),
        ("claude-opus-4-7", False),
        ("claude-opus-4-8-20260601", False),
        ("claude-opus-5", False),
        ("claude-sonnet-5-5", False),
    ],
)
def test_a_temperature_goes_only_to_models_that_take_one(name: str, takes: bool) -> None:
    body = sent(encode(model(name), replace(ASK, temperature=0.0), KEY))

    assert isinstance(body, dict)
    assert ("temperature" in body) is takes


def test_a_result_without_a_call_is_refused_before_sending() -> None:
    request = CompletionRequest(messages=(Message(role=Role.TOOL, content="open"),))

    with pytest.raises(InvalidArguments):
        encode(CLAUDE, request, KEY)


@pytest.mark.parametrize("parameters", NOT_OBJECTS)
def test_a_tool_without_a_schema_is_refused_before_sending(parameters: str) -> None:
    request = replace(ASK, tools=(replace(TOOL, parameters_json=parameters),))

    with pytest.raises(InvalidArguments):
        encode(CLAUDE, request, KEY)


def test_the_models_are_asked_for_with_the_key() -> None:
    request = listing(KEY)

    assert (request.method, request.path) == ("GET", "/v1/models?limit=1000")
    assert request.headers == HEADERS


def test_a_text_is_read_with_what_it_used_cached_tokens_included() -> None:
    assert decode(answer([TEXT])) == Completion(
        text="It is on its way.",
        tool_calls=(),
        finish_reason=FinishReason.STOP,
        usage=Usage(
            input_tokens=1200, output_tokens=30, cache_read_tokens=1024, cache_write_tokens=76
        ),
        model="claude-haiku-4-5-20251001",
    )


def test_tool_calls_are_read_and_other_blocks_are_left_out() -> None:
    thinking: JsonValue = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    completion = decode(answer([thinking, TEXT, USE, {"type": "something_new"}], "tool_use"))

    assert completion.text == "It is on its way."
    assert completion.finish_reason is FinishReason.TOOL_CALLS
    assert completion.tool_calls == (
        ToolCall(id="toolu_1", name="lookup_ticket", arguments_json='{"id":"7","note":"größer"}'),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("pause_turn", FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
def test_why_the_model_stopped(said: str | None, expected: FinishReason) -> None:
    assert decode(answer([TEXT], said)).finish_reason is expected


def test_an_empty_answer_is_an_answer() -> None:
    assert decode(answer([])).text == ""


@pytest.mark.parametrize(
    "body",
    [
        *(text.encode() for text in NOT_OBJECTS),
        answer(None),
        answer([TEXT], "tool_use"),
        answer([{"type": "tool_use", "id": "toolu_1", "name": "now", "input": "{}"}], "tool_use"),
        answer([USE], "tool_use").replace(b'"7"', b"1e999"),
        answer([USE], "tool_use").replace(b'"7"', b"NaN"),
    ],
)
def test_any_other_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(SendFailed) as caught:
        decode(body)

    assert caught.value.evidence is Evidence.UNKNOWN
    assert caught.value.reason is Reason.GARBLED
    assert caught.value.status == 200


def test_no_answer_ever_breaks_the_decoder() -> None:
    reasons = []

    for odd in mutilated(json.loads(answer([TEXT, USE], "tool_use"))):
        try:
            decode(json.dumps(odd).encode())
        except SendFailed as failed:
            reasons.append(failed.reason)

    assert len(reasons) > 100
    assert set(reasons) == {Reason.GARBLED}
