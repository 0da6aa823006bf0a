"""The estimate of a request's length, and what reports teach it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.providers.tokens import (
    TokenRatio,
    TokenScale,
    estimate_tokens,
    learned_ratio,
    text_tokens,
)
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


def test_a_scale_that_has_learned_nothing_leaves_estimates_as_they_are() -> None:
    scale = TokenScale()

    assert [scale.corrected(family, 1_000) for family in (None, "claude")] == [1_000, 1_000]


def test_a_family_is_corrected_by_its_own_reports_and_an_unknown_one_by_all() -> None:
    scale = TokenScale()
    scale.learned("claude", 1_000, 1_300)
    scale.learned("gpt", 1_000, 900)

    assert scale.corrected("claude", 1_000) == 1_300
    assert scale.corrected("gpt", 1_000) == 900
    assert scale.corrected("gemini", 1_000) == scale.corrected(None, 1_000) == 1_100
    assert scale.corrected("claude", 1) == 2


def test_the_first_reports_count_as_a_mean_and_later_ones_by_a_twentieth() -> None:
    ratio = TokenRatio()

    for reported in (100, 140):
        ratio = learned_ratio(ratio, estimate=100, reported=reported)

    assert (round(ratio.value, 6), ratio.reports) == (1.2, 2)
    assert learned_ratio(TokenRatio(value=1.0, reports=500), estimate=100, reported=200) == (
        TokenRatio(value=1.05, reports=501)
    )


@pytest.mark.parametrize(
    ("estimate", "reported", "value"),
    [(100, 10_000, 3.0), (100, 1, 0.5), (0, 50, 1.0), (50, 0, 1.0), (50, -1, 1.0)],
)
def test_a_report_out_of_all_proportion_is_cut_and_one_of_nothing_ignored(
    estimate: int, reported: int, value: float
) -> None:
    assert learned_ratio(TokenRatio(), estimate=estimate, reported=reported).value == value


@settings(deadline=None)  # other work on the machine must not fail it
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=60))
def test_a_ratio_stays_within_its_bounds(reports: list[tuple[int, int]]) -> None:
    scale = TokenScale()

    for estimate, reported in reports:
        scale.learned("claude", estimate, reported)

    assert 500 <= scale.corrected("claude", 1_000) <= 3_000
