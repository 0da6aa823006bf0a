"""Gemini's responses, as they come in."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Reason
from mcp_router.domain.completion import Completion, FinishReason, ToolCall, Usage
from mcp_router.providers.gemini import encode, encode_stream
from mcp_router.providers.gemini_stream import GeminiStream
from mcp_router.providers.tokens import estimate_tokens
from tests.providers.examples import ASK, KEY, ROUND_TRIP, model, sent
from tests.providers.streams import decoded, events, reason, reasons

MODEL = "gemini-2.5-flash"


def response(*parts: JsonValue, finish: str | None = None, output: int = 0) -> JsonValue:
    candidate: dict[str, JsonValue] = {"content": {"parts": list(parts), "role": "model"}}
    counts: dict[str, JsonValue] = {"promptTokenCount": 1200, "cachedContentTokenCount": 1024}

    if finish is not None:
        candidate["finishReason"] = finish

    if output:
        counts["candidatesTokenCount"] = output

    return {
        "candidates": [candidate],
        "usageMetadata": counts,
        "modelVersion": MODEL,
        "responseId": "r/1",
    }


def call(name: str) -> JsonValue:
    return {"functionCall": {"name": name, "args": {"note": "größer"}}}


STREAM: list[JsonValue] = [
    response({"text": "Hm.", "thought": True}),
    response({"text": "It is "}, output=2),
    response({"text": "größer."}, output=4),
    response(call("lookup_ticket")),
    response(call("now"), finish="STOP", output=30),
]


def test_a_streamed_request_is_the_usual_one_for_another_method() -> None:
    usual, streamed = (
        encode(model(MODEL), ROUND_TRIP, KEY),
        encode_stream(model(MODEL), ROUND_TRIP, KEY),
    )

    assert (streamed.body, streamed.headers) == (usual.body, usual.headers)
    assert streamed.path == f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    assert sent(streamed) == sent(usual)


def test_text_comes_in_pieces_and_the_answer_whole() -> None:
    decoder = GeminiStream()

    assert decoded(decoder, events(*STREAM)) == (
        ["It is ", "größer."],
        Completion(
            text="It is größer.",
            tool_calls=(
                ToolCall(id="call_r1_0", name="lookup_ticket", arguments_json='{"note":"größer"}'),
                ToolCall(id="call_r1_1", name="now", arguments_json='{"note":"größer"}'),
            ),
            finish_reason=FinishReason.TOOL_CALLS,
            usage=Usage(input_tokens=1200, output_tokens=30, cache_read_tokens=1024),
            model=MODEL,
        ),
    )
    assert not decoder.ended  # nothing in this format says so: the connection's end does


def test_a_blocked_prompt_is_an_empty_answer() -> None:
    blocked: JsonValue = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": MODEL}

    assert decoded(GeminiStream(), events(blocked)) == (
        [],
        Completion(
            text="",
            tool_calls=(),
            finish_reason=FinishReason.CONTENT_FILTER,
            usage=Usage(input_tokens=estimate_tokens(ASK), output_tokens=0),
            model=MODEL,
        ),
    )


def test_counts_may_come_late_and_alone() -> None:
    counts: JsonValue = {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1}}
    begin: JsonValue = {
        "candidates": [{"content": {"parts": [{"text": "Yes."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"trafficType": "ON_DEMAND"},
    }
    _, completion = decoded(GeminiStream(), events(begin, counts))

    assert completion.usage == Usage(input_tokens=7, output_tokens=1)


@pytest.mark.parametrize("kept", range(len(STREAM)))
def test_a_stream_without_its_end_is_incomplete(kept: int) -> None:
    stream = events(*STREAM[:kept])
    decoder = GeminiStream()
    text = "".join(decoder.take(event) for event in stream)
    broken = decoder.incomplete(ASK)

    assert reason(GeminiStream(), stream) is Reason.GARBLED
    assert (broken.text, broken.tool_calls) == (text, ())
    assert broken.finish_reason is FinishReason.INCOMPLETE
    assert broken.usage.output_tokens == -(-len(text.encode()) // 4)


def test_an_error_in_the_stream_breaks_it_off() -> None:
    error: JsonValue = {"error": {"code": 503, "status": "UNAVAILABLE"}}

    assert reason(GeminiStream(), events(STREAM[1], error)) is Reason.SERVER_ERROR


@pytest.mark.parametrize("data", ["", "{", "[]", "7", '{"candidates":7}'])
def test_an_event_that_is_no_response_is_garbled(data: str) -> None:
    assert reason(GeminiStream(), events(STREAM[1], data)) is Reason.GARBLED


def test_no_response_ever_breaks_the_decoder() -> None:
    found = list(reasons(GeminiStream, STREAM))

    assert len(found) > 100
    assert set(found) == {Reason.GARBLED}
