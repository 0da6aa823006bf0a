"""The estimate of a request's length."""

from dataclasses import replace

from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.providers.tokens import estimate_tokens, text_tokens
from tests.providers.examples import ASK, CALLS, TOOL


def said(text: str) -> CompletionRequest:
    return CompletionRequest(messages=(Message(role=Role.USER, content=text),))


def test_nothing_is_nothing() -> None:
    assert estimate_tokens(CompletionRequest(messages=())) == 0


def test_four_letters_are_a_token_rounded_up_beside_the_frame_of_the_message() -> None:
    assert [estimate_tokens(said("a" * length)) for length in (0, 1, 4, 5)] == [4, 5, 5, 6]


def test_scripts_that_are_cut_finer_count_by_their_bytes() -> None:
    assert estimate_tokens(said("小包はどこですか")) == 4 + 6  # 8 characters, 24 bytes


def test_tools_and_calls_count_with_names_texts_and_schemas() -> None:
    schema = len(TOOL.name + TOOL.description + TOOL.parameters_json)
    calls = len("I look." + "lookup_ticket" + '{"id":"7"}' + "find_customer")
    calls += len('{"email":"a@b.test"}')
    question = len("Where is my parcel?")
    request = replace(ASK, messages=(*ASK.messages, CALLS), tools=(TOOL,))

    assert estimate_tokens(request) == -(-(schema + calls + question) // 4) + 2 * 4 + 8


def test_half_of_an_emoji_is_counted_too() -> None:
    assert estimate_tokens(said("\ud83d")) == 5


def test_what_a_model_said_counts_by_its_bytes_alone() -> None:
    assert [text_tokens(text) for text in ("", "a", "abcd", "größe")] == [0, 1, 1, 2]
