"""OpenAI's chat completions, as they leave and as they come back."""

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
from mcp_router.providers.openai import decode, encode, listing
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

GPT = model("gpt-5-mini")
USAGE: dict[str, JsonValue] = {
    "prompt_tokens": 1200,
    "completion_tokens": 30,
    "total_tokens": 1230,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 10},
}
CALL: dict[str, JsonValue] = {
    "id": "call_a",
    "type": "function",
    "function": {"name": "lookup_ticket", "arguments": '{"id": "7"'},
}


def answer(message: JsonValue, finish_reason: JsonValue = "stop") -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1760000000,
            "model": "gpt-5-mini-2025-08-07",
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": USAGE,
        }
    ).encode()


def test_a_question_is_written_with_its_limit_and_the_key() -> None:
    request = encode(GPT, ASK, KEY)

    assert request.method == "POST"
    assert request.path == "/chat/completions"
    assert request.headers == (("authorization", "Bearer key-for-tests"),)
    assert sent(request) == {
        "model": "gpt-5-mini",
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
        "max_completion_tokens": 256,
    }


def test_a_conversation_with_tools_is_written_whole() -> None:
    assert sent(encode(model("gpt-4.1"), ROUND_TRIP, KEY)) == {
        "model": "gpt-4.1",
        "messages": [
            {"role": "system", "content": "Be brief.\n\nSay the ticket's status."},
            {"role": "user", "content": "Where is my parcel?"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {
                        "id": "call_0",
                        "type": "function",
                        "function": {"name": "lookup_ticket", "arguments": '{"id":"7"}'},
                    },
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "find_customer", "arguments": '{"email":"a@b.test"}'},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "call_0", "content": '{"status":"open"}'},
            {"role": "tool", "tool_call_id": "call_1", "content": ""},
            {"role": "user", "content": "And now?"},
        ],
        "max_completion_tokens": 512,
        "temperature": 0.5,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "lookup_ticket",
                    "description": "Look a ticket up.",
                    "parameters": SCHEMA,
                },
            }
        ],
    }


def test_a_call_of_a_tool_may_be_required() -> None:
    plain = encode(GPT, ROUND_TRIP, KEY)
    required = encode(GPT, replace(ROUND_TRIP, tools_required=True), KEY)
    body = sent(plain)
    assert isinstance(body, dict)

    assert sent(required) == {**body, "tool_choice": "required"}


def test_no_call_is_required_where_there_is_no_tool() -> None:
    assert encode(GPT, replace(ASK, tools_required=True), KEY) == encode(GPT, ASK, KEY)


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("gpt-3.5-turbo", True),
        ("gpt-4o-mini", True),
        ("gpt-4.1", True),
        ("gpt-5-chat-latest", True),
        ("gpt-oss-120b", True),
        ("llama-3.3-70b", True),
        ("olmo-2", True),
        ("gpt-5", False),
        ("gpt-5-mini-2025-08-07", False),
        ("gpt-5.6-luna", False),
        ("openai/gpt-5", False),
        ("o3", False),
        ("o4-mini", False),
    ],
)
def test_a_temperature_goes_only_to_models_that_take_one(name: str, takes: bool) -> None:
    body = sent(encode(model(name), replace(ASK, temperature=0.0), KEY))

    assert isinstance(body, dict)
    assert ("temperature" in body) is takes


def test_an_empty_message_is_sent_as_it_is_and_calls_alone_have_no_content() -> None:
    call = ToolCall(id="call_0", name="now", arguments_json="not json")
    request = CompletionRequest(
        messages=(
            Message(role=Role.USER, content=""),
            Message(role=Role.ASSISTANT, content="", tool_calls=(call,)),
        )
    )

    assert sent(encode(GPT, request, KEY)) == {
        "model": "gpt-5-mini",
        "messages": [
            {"role": "user", "content": ""},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_0",
                        "type": "function",
                        "function": {"name": "now", "arguments": "not json"},
                    }
                ],
            },
        ],
        "max_completion_tokens": 1024,
    }


def test_a_result_without_a_call_is_refused_before_sending() -> None:
    request = CompletionRequest(messages=(Message(role=Role.TOOL, content="open"),))

    with pytest.raises(InvalidArguments):
        encode(GPT, request, KEY)


@pytest.mark.parametrize("parameters", NOT_OBJECTS)
def test_a_tool_without_a_schema_is_refused_before_sending(parameters: str) -> None:
    request = replace(ASK, tools=(replace(TOOL, parameters_json=parameters),))

    with pytest.raises(InvalidArguments):
        encode(GPT, request, KEY)


def test_a_number_that_json_lacks_is_refused_before_sending() -> None:
    with pytest.raises(InvalidArguments):
        encode(model("gpt-4o"), replace(ASK, temperature=float("nan")), KEY)


def test_half_of_an_emoji_from_the_host_does_not_stop_a_request() -> None:
    request = CompletionRequest(messages=(Message(role=Role.USER, content="\ud83d"),))

    assert b'"content":"\\ud83d"' in encode(GPT, request, KEY).body


def test_the_models_are_asked_for_with_the_key() -> None:
    request = listing(KEY)

    assert (request.method, request.path) == ("GET", "/models")
    assert request.headers == (("authorization", "Bearer key-for-tests"),)


def test_a_text_is_read_with_what_it_used() -> None:
    assert decode(answer({"role": "assistant", "content": "It is on its way."})) == Completion(
        text="It is on its way.",
        tool_calls=(),
        finish_reason=FinishReason.STOP,
        usage=Usage(input_tokens=1200, output_tokens=30, cache_read_tokens=1024),
        model="gpt-5-mini-2025-08-07",
    )


def test_tool_arguments_stay_as_the_model_wrote_them_even_when_they_are_no_json() -> None:
    message: JsonValue = {"role": "assistant", "content": None, "tool_calls": [CALL]}

    assert decode(answer(message, "tool_calls")) == Completion(
        text="",
        tool_calls=(ToolCall(id="call_a", name="lookup_ticket", arguments_json='{"id": "7"'),),
        finish_reason=FinishReason.TOOL_CALLS,
        usage=Usage(input_tokens=1200, output_tokens=30, cache_read_tokens=1024),
        model="gpt-5-mini-2025-08-07",
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("something_new", FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
def test_why_the_model_stopped_without_tools(said: str | None, expected: FinishReason) -> None:
    assert decode(answer({"role": "assistant", "content": "…"}, said)).finish_reason is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("stop", FinishReason.TOOL_CALLS),
        ("tool_calls", FinishReason.TOOL_CALLS),
        ("length", FinishReason.LENGTH),
    ],
)
def test_why_the_model_stopped_with_tools(said: str, expected: FinishReason) -> None:
    message: JsonValue = {"role": "assistant", "content": None, "tool_calls": [CALL]}

    assert decode(answer(message, said)).finish_reason is expected


def test_a_refusal_is_the_text_and_counts_as_filtered() -> None:
    completion = decode(
        answer({"role": "assistant", "content": None, "refusal": "I can't help with that."})
    )

    assert completion.text == "I can't help with that."
    assert completion.finish_reason is FinishReason.CONTENT_FILTER


def test_tokens_that_went_into_the_cache_are_read() -> None:
    usage: JsonValue = {
        "prompt_tokens": 2000,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 1500},
    }
    body = json.loads(answer({"role": "assistant", "content": "x"})) | {"usage": usage}

    assert decode(json.dumps(body).encode()).usage == Usage(
        input_tokens=2000, output_tokens=5, cache_write_tokens=1500
    )


def test_half_of_an_emoji_is_replaced() -> None:
    assert decode(answer({"role": "assistant", "content": "Bye \ud83d"})).text == "Bye \ufffd"


@pytest.mark.parametrize(
    "body",
    [
        *(text.encode() for text in NOT_OBJECTS),
        b"\xff\xfe\x00",
        b'{"choices":[],"model":"m","usage":{"prompt_tokens":1,"completion_tokens":1}}',
        answer({"role": "assistant", "content": None}, "tool_calls"),
        answer({"role": "assistant", "content": [{"type": "text", "text": "parts"}]}),
    ],
)
def test_any_other_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(SendFailed) as caught:
        decode(body)

    assert caught.value.evidence is Evidence.UNKNOWN
    assert caught.value.reason is Reason.GARBLED
    assert caught.value.status == 200


def test_no_answer_ever_breaks_the_decoder() -> None:
    whole = json.loads(answer({"role": "assistant", "content": "x", "tool_calls": [CALL]}))
    reasons = []

    for odd in mutilated(whole):
        try:
            decode(json.dumps(odd).encode())
        except SendFailed as failed:
            reasons.append(failed.reason)

    assert len(reasons) > 100
    assert set(reasons) == {Reason.GARBLED}
