"""Billed tokens, against another reader of the same answers: genai-prices' own extraction."""

import json

import pytest
from genai_prices import extract_usage

from mcp_router.canonical import JsonValue
from mcp_router.domain.completion import Usage
from mcp_router.providers import anthropic, gemini, openai

OPENAI: JsonValue = {
    "model": "gpt-5.6-luna",
    "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 3000,
        "completion_tokens": 40,
        "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 512},
        "completion_tokens_details": {"reasoning_tokens": 30},
    },
}
ANTHROPIC: JsonValue = {
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "x"}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 1464,
        "cache_read_input_tokens": 1024,
        "cache_creation_input_tokens": 512,
        "output_tokens": 40,
    },
}
GEMINI: JsonValue = {
    "modelVersion": "gemini-2.5-flash",
    "candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}],
    "usageMetadata": {
        "promptTokenCount": 2900,
        "toolUsePromptTokenCount": 100,
        "cachedContentTokenCount": 1024,
        "candidatesTokenCount": 10,
        "thoughtsTokenCount": 30,
    },
}


@pytest.mark.parametrize(
    ("usage", "answer", "vendor", "flavor"),
    [
        (openai.decode(json.dumps(OPENAI).encode()).usage, OPENAI, "openai", "chat"),
        (anthropic.decode(json.dumps(ANTHROPIC).encode()).usage, ANTHROPIC, "anthropic", "default"),
        (gemini.decode(json.dumps(GEMINI).encode()).usage, GEMINI, "google", "default"),
    ],
    ids=["openai", "anthropic", "gemini"],
)
def test_both_readers_count_the_same_tokens(
    usage: Usage, answer: JsonValue, vendor: str, flavor: str
) -> None:
    listed = extract_usage(answer, provider_id=vendor, api_flavor=flavor).usage

    assert usage.input_tokens == listed.input_tokens == 3000
    assert usage.output_tokens == listed.output_tokens == 40
    assert usage.cache_read_tokens == listed.cache_read_tokens == 1024
    assert usage.cache_write_tokens == listed.cache_write_tokens
