"""OpenAI's chunks, as they come in."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Reason
from mcp_router.domain.completion import Completion, FinishReason, ToolCall, Usage
from mcp_router.providers.openai import encode, encode_stream
from mcp_router.providers.openai_stream import OpenAIStream
from mcp_router.providers.tokens import estimate_tokens
from tests.providers.examples import ASK, KEY, ROUND_TRIP, model, sent
from tests.providers.streams import decoded, events, reason, reasons

USAGE: dict[str, JsonValue] = {
    "prompt_tokens": 1200,
    "completion_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 1024},
}
END = "[DONE]"


def chunk(delta: JsonValue, finish: JsonValue = None) -> JsonValue:
    return {
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        "usage": None,
    }


def called(place: int | None, call_id: str | None, name: str | None, arguments: str) -> JsonValue:
    function: dict[str, JsonValue] = {"name": name, "arguments": arguments}
    piece: dict[str, JsonValue] = {"id": call_id, "type": "function", "function": function}
    return chunk({"tool_calls": [piece if place is None else {"index": place, **piece}]})


COUNTS: JsonValue = {"model": "gpt-5-mini-2025-08-07", "choices": [], "usage": USAGE}
STREAM: list[JsonValue] = [
    chunk({"role": "assistant", "content": "", "refusal": None}),
    chunk({"content": "It is "}),
    chunk({"content": "größer."}),
    called(0, "call_a", "lookup_ticket", ""),
    called(0, None, None, '{"id":'),
    called(0, None, None, ' "7"}'),
    called(1, "call_b", "now", "{}"),
    chunk({}, "tool_calls"),
    COUNTS,
    END,
]


def test_a_streamed_request_is_the_usual_one_and_asks_for_the_usage() -> None:
    usual, streamed = (
        encode(model("gpt-4.1"), ROUND_TRIP, KEY),
        encode_stream(model("gpt-4.1"), ROUND_TRIP, KEY),
    )
    body = sent(usual)

    assert isinstance(body, dict)
    assert sent(streamed) == {**body, "stream": True, "stream_options": {"include_usage": True}}
    assert (streamed.path, streamed.headers) == (usual.path, usual.headers)


def test_text_comes_in_pieces_and_the_answer_whole() -> None:
    assert decoded(OpenAIStream(), events(*STREAM)) == (
        ["It is ", "größer."],
        Completion(
            text="It is größer.",
            tool_calls=(
                ToolCall(id="call_a", name="lookup_ticket", arguments_json='{"id": "7"}'),
                ToolCall(id="call_b", name="now", arguments_json="{}"),
            ),
            finish_reason=FinishReason.TOOL_CALLS,
            usage=Usage(input_tokens=1200, output_tokens=30, cache_read_tokens=1024),
            model="gpt-5-mini-2025-08-07",
        ),
    )


def test_only_the_last_mark_ends_the_stream() -> None:
    decoder = OpenAIStream()
    ended = []

    for event in events(*STREAM):
        decoder.take(event)
        ended.append(decoder.ended)

    assert ended == [False] * (len(STREAM) - 1) + [True]


def test_a_refusal_is_the_text() -> None:
    said, completion = decoded(
        OpenAIStream(),
        events(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"), END),
    )

    assert said == ["I can", "not."]
    assert completion.finish_reason is FinishReason.CONTENT_FILTER


def test_usage_that_a_server_does_not_stream_is_estimated() -> None:
    call = called(0, "call_a", "now", '{"zone":"UTC"}')
    _, completion = decoded(
        OpenAIStream(), events(chunk({"content": "I look."}), call, chunk({}, "tool_calls"), END)
    )

    said = "I look." + "now" + '{"zone":"UTC"}'
    assert completion.usage == Usage(
        input_tokens=estimate_tokens(ASK), output_tokens=-(-len(said) // 4)
    )


def test_whole_calls_without_a_place_are_calls_of_their_own() -> None:
    stream = [called(None, "a", "now", "{}"), called(None, "b", "then", "{}"), chunk({}, "stop")]
    _, completion = decoded(OpenAIStream(), events(*stream))

    assert [call.name for call in completion.tool_calls] == ["now", "then"]
    assert completion.finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize("kept", range(len(STREAM) - 3))
def test_a_stream_without_its_end_is_incomplete(kept: int) -> None:
    stream = events(*STREAM[:kept])
    decoder = OpenAIStream()
    text = "".join(decoder.take(event) for event in stream)

    assert reason(OpenAIStream(), stream) is Reason.GARBLED
    assert decoder.incomplete(ASK) == Completion(
        text=text,
        tool_calls=(),
        finish_reason=FinishReason.INCOMPLETE,
        usage=Usage(input_tokens=estimate_tokens(ASK), output_tokens=-(-len(text.encode()) // 4)),
        model="gpt-5-mini-2025-08-07" if kept else "",
    )


def test_an_error_in_the_stream_breaks_it_off() -> None:
    error: JsonValue = {"error": {"message": "overloaded", "type": "server_error"}}

    assert reason(OpenAIStream(), events(STREAM[1], error)) is Reason.SERVER_ERROR


@pytest.mark.parametrize("data", ["", "{", "[]", "7", "[DONE", '{"choices":7}'])
def test_an_event_that_is_no_chunk_is_garbled(data: str) -> None:
    assert reason(OpenAIStream(), events(STREAM[1], data)) is Reason.GARBLED


def test_a_call_without_a_name_is_garbled() -> None:
    stream = events(called(0, "call_a", None, "{}"), chunk({}, "tool_calls"), END)

    assert reason(OpenAIStream(), stream) is Reason.GARBLED


def test_no_chunk_ever_breaks_the_decoder() -> None:
    found = list(reasons(OpenAIStream, STREAM[:-1]))

    assert len(found) > 100
    assert set(found) <= {Reason.GARBLED, Reason.SERVER_ERROR}
