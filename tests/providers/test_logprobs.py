"""How sure the tokens of an answer were, from the providers that tell it."""

import json
from dataclasses import replace

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.providers import anthropic, gemini, openai
from tests.providers.examples import ASK, KEY, model, sent

USAGE: JsonValue = {"prompt_tokens": 1, "completion_tokens": 2}


def told(logprobs: JsonValue) -> float | None:
    """Return what is read from an OpenAI answer with these log-probabilities."""
    choice = {"message": {"content": "Hi"}, "finish_reason": "stop", "logprobs": logprobs}
    body = {"choices": [choice], "usage": USAGE, "model": "m"}
    return openai.decode(json.dumps(body).encode()).mean_logprob


def told_by_gemini(average: JsonValue) -> float | None:
    candidate = {"content": {"parts": [{"text": "Hi"}]}, "avgLogprobs": average}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 2}
    body = {"candidates": [candidate], "usageMetadata": usage}
    return gemini.decode(json.dumps(body).encode()).mean_logprob


@pytest.mark.parametrize(
    ("name", "asks"), [("gpt-4.1-mini", True), ("gpt-5-nano", False), ("o3", False)]
)
def test_openai_is_asked_for_them_where_the_model_has_them(name: str, asks: bool) -> None:
    body = sent(openai.encode(model(name), replace(ASK, logprobs=True), KEY))

    assert isinstance(body, dict)
    assert body.get("logprobs", False) is asks


def test_nobody_is_asked_unasked() -> None:
    body = sent(openai.encode(model("gpt-4.1-mini"), ASK, KEY))

    assert isinstance(body, dict)
    assert "logprobs" not in body


@pytest.mark.parametrize("codec", [anthropic, gemini])
def test_the_others_take_no_such_wish(codec: object) -> None:
    encode = anthropic.encode if codec is anthropic else gemini.encode

    asked = encode(model("m"), replace(ASK, logprobs=True), KEY)

    assert asked == encode(model("m"), ASK, KEY)


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        ({"content": [{"logprob": -0.5}, {"logprob": -1.5}]}, -1.0),
        ({"content": [{"logprob": -0.5}, {"logprob": 3}, {"logprob": "x"}, {}]}, -0.5),
        ({"content": []}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_mean_is_over_the_tokens_that_have_one(
    logprobs: JsonValue, expected: float | None
) -> None:
    assert told(logprobs) == expected


@pytest.mark.parametrize(
    ("average", "expected"), [(-0.25, -0.25), (0, 0.0), (0.5, None), (True, None), (None, None)]
)
def test_gemini_tells_the_mean_by_itself(average: JsonValue, expected: float | None) -> None:
    assert told_by_gemini(average) == expected
