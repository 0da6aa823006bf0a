"""Gemini's generateContent, as it leaves and as it comes back."""

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
from mcp_router.providers.gemini import decode, encode, listing
from tests.providers.examples import (
    ASK,
    CALLS,
    KEY,
    NOT_OBJECTS,
    RESULTS,
    ROUND_TRIP,
    SCHEMA,
    TOOL,
    model,
    mutilated,
    sent,
)

FLASH = model("gemini-2.5-flash")
UNSIGNED = "skip_thought_signature_validator"
TEXT: JsonValue = {"text": "It is on its way."}
CALL: JsonValue = {"functionCall": {"name": "lookup_ticket", "args": {"id": "7"}}}
USAGE: dict[str, JsonValue] = {
    "promptTokenCount": 1200,
    "cachedContentTokenCount": 1024,
    "candidatesTokenCount": 30,
    "thoughtsTokenCount": 12,
    "totalTokenCount": 1242,
}


def answer(parts: JsonValue, finish_reason: JsonValue = "STOP", **more: JsonValue) -> bytes:
    content: JsonValue = {"role": "model", "parts": parts}
    return json.dumps(
        {
            "candidates": [{"content": content, "finishReason": finish_reason, "index": 0}],
            "usageMetadata": USAGE,
            "modelVersion": "gemini-2.5-flash",
            **more,
        }
    ).encode()


def test_a_question_is_written_with_its_limit_and_the_key() -> None:
    request = encode(FLASH, ASK, KEY)

    assert request.method == "POST"
    assert request.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert request.headers == (("x-goog-api-key", "key-for-tests"),)
    assert sent(request) == {
        "contents": [{"role": "user", "parts": [{"text": "Where is my parcel?"}]}],
        "generationConfig": {"maxOutputTokens": 256},
    }


def test_a_conversation_names_the_tool_of_each_result() -> None:
    assert sent(encode(FLASH, ROUND_TRIP, KEY)) == {
        "systemInstruction": {"parts": [{"text": "Be brief.\n\nSay the ticket's status."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Where is my parcel?"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "I look."},
                    {
                        "functionCall": {
                            "id": "call_0",
                            "name": "lookup_ticket",
                            "args": {"id": "7"},
                        },
                        "thoughtSignature": UNSIGNED,
                    },
                    {
                        "functionCall": {
                            "id": "call_1",
                            "name": "find_customer",
                            "args": {"email": "a@b.test"},
                        },
                        "thoughtSignature": UNSIGNED,
                    },
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "call_0",
                            "name": "lookup_ticket",
                            "response": {"output": '{"status":"open"}'},
                        }
                    },
                    {
                        "functionResponse": {
                            "id": "call_1",
                            "name": "find_customer",
                            "response": {"output": ""},
                        }
                    },
                    {"text": "And now?"},
                ],
            },
        ],
        "generationConfig": {"maxOutputTokens": 512, "temperature": 0.5},
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "lookup_ticket",
                        "description": "Look a ticket up.",
                        "parametersJsonSchema": SCHEMA,
                    }
                ]
            }
        ],
    }


def test_an_id_that_is_used_twice_means_the_latest_call() -> None:
    again = Message(
        role=Role.ASSISTANT,
        content="",
        tool_calls=(ToolCall(id="call_0", name="find_customer", arguments_json="{}"),),
    )
    request = CompletionRequest(messages=(CALLS, *RESULTS, again, RESULTS[0]))
    body = sent(encode(FLASH, request, KEY))

    assert isinstance(body, dict)
    assert body["contents"][-1] == {
        "role": "user",
        "parts": [
            {
                "functionResponse": {
                    "id": "call_0",
                    "name": "find_customer",
                    "response": {"output": '{"status":"open"}'},
                }
            }
        ],
    }


@pytest.mark.parametrize("call_id", [None, "", "call_9"])
def test_a_result_of_no_known_call_is_refused_before_sending(call_id: str | None) -> None:
    result = Message(role=Role.TOOL, content="open", tool_call_id=call_id)

    with pytest.raises(InvalidArguments):
        encode(FLASH, CompletionRequest(messages=(CALLS, result)), KEY)


@pytest.mark.parametrize("parameters", NOT_OBJECTS)
def test_a_tool_without_a_schema_is_refused_before_sending(parameters: str) -> None:
    request = replace(ASK, tools=(replace(TOOL, parameters_json=parameters),))

    with pytest.raises(InvalidArguments):
        encode(FLASH, request, KEY)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("models/gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("../v1/files?x=", "/v1beta/models/..%2Fv1%2Ffiles%3Fx%3D:generateContent"),
    ],
)
def test_the_model_is_one_step_of_the_path(name: str, path: str) -> None:
    assert encode(model(name), ASK, KEY).path == path


def test_the_models_are_asked_for_with_the_key() -> None:
    request = listing(KEY)

    assert (request.method, request.path) == ("GET", "/v1beta/models?pageSize=1000")
    assert request.headers == (("x-goog-api-key", "key-for-tests"),)


def test_a_text_is_read_with_what_it_used_thoughts_as_output() -> None:
    thought: JsonValue = {"text": "Hm.", "thought": True}

    assert decode(answer([thought, TEXT])) == Completion(
        text="It is on its way.",
        tool_calls=(),
        finish_reason=FinishReason.STOP,
        usage=Usage(input_tokens=1200, output_tokens=42, cache_read_tokens=1024),
        model="gemini-2.5-flash",
    )


def test_tool_calls_get_ids_from_their_places() -> None:
    completion = decode(answer([TEXT, CALL, CALL]))

    assert completion.finish_reason is FinishReason.TOOL_CALLS
    assert completion.tool_calls == (
        ToolCall(id="call_0", name="lookup_ticket", arguments_json='{"id":"7"}'),
        ToolCall(id="call_1", name="lookup_ticket", arguments_json='{"id":"7"}'),
    )


def test_ids_of_different_answers_differ_where_the_answers_are_named() -> None:
    completion = decode(answer([CALL], responseId="sZ3paKe8Na/Gz7IPpYHQ6Qs-and-longer"))

    assert [call.id for call in completion.tool_calls] == ["call_sZ3paKe8NaGz7IPpYHQ6Qs-a_0"]
    assert len(completion.tool_calls[0].id) <= 40


def test_an_id_that_the_model_gave_is_kept() -> None:
    given: JsonValue = {"functionCall": {"id": "fc-1", "name": "now"}}

    assert decode(answer([given])).tool_calls == (
        ToolCall(id="fc-1", name="now", arguments_json="{}"),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("RECITATION", FinishReason.CONTENT_FILTER),
        ("BLOCKLIST", FinishReason.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", FinishReason.CONTENT_FILTER),
        ("SPII", FinishReason.CONTENT_FILTER),
        ("MALFORMED_FUNCTION_CALL", FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
def test_why_the_model_stopped(said: str | None, expected: FinishReason) -> None:
    assert decode(answer([TEXT], said)).finish_reason is expected


def test_a_model_that_only_thought_gives_an_empty_text() -> None:
    body: JsonValue = {
        "candidates": [{"finishReason": "MAX_TOKENS"}],
        "usageMetadata": {"promptTokenCount": 7, "thoughtsTokenCount": 100},
    }

    assert decode(json.dumps(body).encode()) == Completion(
        text="",
        tool_calls=(),
        finish_reason=FinishReason.LENGTH,
        usage=Usage(input_tokens=7, output_tokens=100),
        model="",
    )


def test_a_blocked_prompt_is_an_empty_text_that_was_filtered() -> None:
    body: JsonValue = {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
        "modelVersion": "gemini-2.5-flash",
    }

    assert decode(json.dumps(body).encode()) == Completion(
        text="",
        tool_calls=(),
        finish_reason=FinishReason.CONTENT_FILTER,
        usage=Usage(input_tokens=7, output_tokens=0),
        model="gemini-2.5-flash",
    )


@pytest.mark.parametrize(
    "body",
    [
        *(text.encode() for text in NOT_OBJECTS),
        b'{"candidates":[],"usageMetadata":{"promptTokenCount":1}}',
        b'{"promptFeedback":{},"usageMetadata":{"promptTokenCount":1}}',
        b'{"promptFeedback":{"safetyRatings":[]},"usageMetadata":{"promptTokenCount":1}}',
        answer([{"functionCall": {"name": "now", "args": []}}]),
    ],
)
def test_any_other_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(SendFailed) as caught:
        decode(body)

    assert caught.value.evidence is Evidence.UNKNOWN
    assert caught.value.reason is Reason.GARBLED
    assert caught.value.status == 200


def test_a_call_of_a_tool_may_be_required() -> None:
    plain = encode(FLASH, ROUND_TRIP, KEY)
    required = encode(FLASH, replace(ROUND_TRIP, tools_required=True), KEY)
    body = sent(plain)
    assert isinstance(body, dict)

    assert sent(required) == {**body, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}


def test_no_call_is_required_where_there_is_no_tool() -> None:
    assert encode(FLASH, replace(ASK, tools_required=True), KEY) == encode(FLASH, ASK, KEY)


def test_no_answer_ever_breaks_the_decoder() -> None:
    reasons = []

    for odd in mutilated(json.loads(answer([TEXT, CALL], responseId="r"))):
        try:
            decode(json.dumps(odd).encode())
        except SendFailed as failed:
            reasons.append(failed.reason)

    assert len(reasons) > 100
    assert set(reasons) == {Reason.GARBLED}
