"""Anthropic's events, as they come in."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Reason
from mcp_router.domain.completion import Completion, FinishReason, ToolCall, Usage
from mcp_router.providers.anthropic import encode, encode_stream
from mcp_router.providers.anthropic_stream import AnthropicStream
from tests.providers.examples import ASK, KEY, ROUND_TRIP, model, sent
from tests.providers.streams import decoded, events, reason, reasons

MODEL = "claude-haiku-4-5-20251001"


def start(block: JsonValue) -> JsonValue:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def delta(kind: str, **said: JsonValue) -> JsonValue:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **said}}


def finish(stopped: JsonValue) -> JsonValue:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": stopped, "stop_sequence": None},
        "usage": {"output_tokens": 30, "input_tokens": None},
    }


BEGIN: JsonValue = {
    "type": "message_start",
    "message": {
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "usage": {
            "input_tokens": 100,
            "cache_read_input_tokens": 1024,
            "cache_creation_input_tokens": 76,
            "output_tokens": 1,
        },
    },
}
USE: JsonValue = {"type": "tool_use", "id": "toolu_1", "name": "lookup_ticket", "input": {}}
STOP: JsonValue = {"type": "content_block_stop", "index": 0}
END: JsonValue = {"type": "message_stop"}
TEXT: list[JsonValue] = [
    start({"type": "text", "text": ""}),
    delta("text_delta", text="It is "),
    {"type": "ping"},
    delta("text_delta", text="größer."),
    STOP,
]
CALL: list[JsonValue] = [
    start(USE),
    delta("input_json_delta", partial_json=""),
    delta("input_json_delta", partial_json='{"id": "7", "note"'),
    delta("input_json_delta", partial_json=': "größer"}'),
    STOP,
]
STREAM: list[JsonValue] = [BEGIN, *TEXT, *CALL, finish("tool_use"), END]
COUNTED = Usage(input_tokens=1200, output_tokens=30, cache_read_tokens=1024, cache_write_tokens=76)


def test_a_streamed_request_is_the_usual_one() -> None:
    usual, streamed = (
        encode(model("claude-haiku-4-5"), ROUND_TRIP, KEY),
        encode_stream(model("claude-haiku-4-5"), ROUND_TRIP, KEY),
    )
    body = sent(usual)

    assert isinstance(body, dict)
    assert sent(streamed) == {**body, "stream": True}
    assert (streamed.path, streamed.headers) == (usual.path, usual.headers)


def test_text_comes_in_pieces_and_the_answer_whole() -> None:
    decoder = AnthropicStream()

    assert decoded(decoder, events(*STREAM)) == (
        ["It is ", "größer."],
        Completion(
            text="It is größer.",
            tool_calls=(
                ToolCall(
                    id="toolu_1",
                    name="lookup_ticket",
                    arguments_json='{"id":"7","note":"größer"}',
                ),
            ),
            finish_reason=FinishReason.TOOL_CALLS,
            usage=COUNTED,
            model=MODEL,
        ),
    )
    assert decoder.ended


def test_other_blocks_and_events_are_left_out() -> None:
    stream = [
        BEGIN,
        start({"type": "thinking", "thinking": ""}),
        delta("thinking_delta", thinking="Hm."),
        delta("signature_delta", signature="c2ln"),
        *CALL,
        start({"type": "server_tool_use", "id": "srv", "name": "search", "input": {}}),
        delta("input_json_delta", partial_json='{"query":'),
        {"type": "something_new"},
        *TEXT,
        finish("tool_use"),
        END,
    ]
    said, completion = decoded(AnthropicStream(), events(*stream))

    assert said == ["It is ", "größer."]
    assert [call.name for call in completion.tool_calls] == ["lookup_ticket"]


def test_a_call_without_pieces_has_the_input_that_it_began_with() -> None:
    stream = [BEGIN, start(USE), STOP, finish("tool_use"), END]
    _, completion = decoded(AnthropicStream(), events(*stream))

    assert completion.tool_calls == (
        ToolCall(id="toolu_1", name="lookup_ticket", arguments_json="{}"),
    )


def test_a_call_that_the_limit_cut_off_is_left_out() -> None:
    stream = [BEGIN, *TEXT, *CALL[:3], STOP, finish("max_tokens"), END]
    _, completion = decoded(AnthropicStream(), events(*stream))

    assert completion.tool_calls == ()
    assert completion.finish_reason is FinishReason.LENGTH


def test_a_call_that_cannot_be_read_is_garbled() -> None:
    stream = [BEGIN, *CALL[:3], STOP, finish("tool_use"), END]

    assert reason(AnthropicStream(), events(*stream)) is Reason.GARBLED


@pytest.mark.parametrize("kept", range(1, len(STREAM) - 2))
def test_a_stream_without_its_end_is_incomplete(kept: int) -> None:
    stream = events(*STREAM[:kept])
    decoder = AnthropicStream()
    text = "".join(decoder.take(event) for event in stream)
    broken = decoder.incomplete(ASK)

    assert reason(AnthropicStream(), stream) is Reason.GARBLED
    assert (broken.text, broken.tool_calls, broken.model) == (text, (), MODEL)
    assert broken.finish_reason is FinishReason.INCOMPLETE
    # The count that the stream begins with is not what the text has come to since.
    assert broken.usage.output_tokens == max(1, -(-len(text.encode()) // 4))
    assert broken.usage.input_tokens == 1200


def test_an_error_in_the_stream_breaks_it_off() -> None:
    error: JsonValue = {"type": "error", "error": {"type": "overloaded_error"}}

    assert reason(AnthropicStream(), events(BEGIN, *TEXT, error)) is Reason.SERVER_ERROR


@pytest.mark.parametrize("data", ["", "{", "[]", "7", "{}", '{"type":"content_block_delta"}'])
def test_an_event_that_is_none_of_the_format_is_garbled(data: str) -> None:
    assert reason(AnthropicStream(), events(BEGIN, *TEXT, data)) is Reason.GARBLED


def test_no_event_ever_breaks_the_decoder() -> None:
    found = list(reasons(AnthropicStream, STREAM))

    assert len(found) > 100
    assert set(found) == {Reason.GARBLED}
