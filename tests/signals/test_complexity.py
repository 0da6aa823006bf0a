"""A question is as complex as what can be counted in it, and never simpler for one thing more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.signals.complexity import complexity

PLAIN = "where is my order"


@pytest.mark.parametrize(
    ("text", "intents", "expected"),
    [
        ("", 0, 0.0),
        ("hello", 0, 0.002),
        (PLAIN, 1, 0.008),
        ("Where is it? When will it come? Who has it?", 1, 0.1533),
        ("It broke, fell, burned: all gone; help", 0, 0.074),
        ("from 10:30 until 1,000 on 2024-03-12", 0, 0.062),
        (PLAIN, 2, 0.083),
        (PLAIN, 9, 0.158),
        ("it says ```x = 1```", 1, 0.1267),
        ("Traceback (most recent call last)", 0, 0.11),
        ("word " * 150, 0, 0.3),
    ],
)
def test_the_figures_of_a_question(text: str, intents: int, expected: float) -> None:
    """Records keep these figures: whoever moves them changes what old decisions meant."""
    assert complexity(text, intents=intents) == expected


def test_all_of_everything_is_one() -> None:
    text = "why, because 1 and 2? " * 100 + "```code```"

    assert complexity(text, intents=3) == 1.0


@settings(deadline=None)  # other work on the machine must not fail it
@given(
    st.text(max_size=300),
    st.sampled_from(["one more word", "why?", "this, that; it: so", "7 of 8", "```x```"]),
    st.integers(0, 5),
)
def test_one_thing_more_never_makes_it_simpler(text: str, more: str, intents: int) -> None:
    before = complexity(text, intents=intents)

    assert 0.0 <= before <= complexity(f"{text} {more}", intents=intents) <= 1.0
    assert before <= complexity(text, intents=intents + 1)
