"""What is the same in two questions, what is alike, and what makes another question of one."""

import pytest

from mcp_router.cache.wording import agree, wording_of
from mcp_router.signals.words import CONSIDERED_CHARACTERS


@pytest.mark.parametrize(
    ("question", "normal"),
    [
        ("", ""),
        ("Where is my order?", "where is my order"),
        ("  WHERE is\n my   order!!", "where is my order"),
        ("Hello team, where is my order? Thanks!", "where is my order"),
        ("Good morning! Dear support, where is my order please", "where is my order"),
        ("hi there hello", "hi there hello"),
        ("thank you", "thank you"),
        ("highlights of the order", "highlights of the order"),
        ("I can't log in", "i cant log in"),
        ("I can\u2019t log in", "i cant log in"),
        ("Is -5 colder than 1.5%?", "is -5 colder than 1.5 %"),
        ("C++ or C#, for $5", "c++ or c# for $ 5"),
        ("\uff37\uff48\uff45\uff52\uff45", "where"),
    ],
)
def test_the_normal_form_of_a_question(question: str, normal: str) -> None:
    assert wording_of(question).normal == normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("where is my order", "Where is my order, please?"),
        ("how do I get a refund", "How can I get my refund?"),
        ("does it work with Visa", "does it work with visa"),
        ("DOES IT WORK WITH VISA", "does it work"),
        ("turn it on and off", "turn it off and on"),
        ("I cannot enable it", "I can not enable it"),
    ],
)
def test_two_wordings_may_ask_for_the_same(one: str, other: str) -> None:
    assert agree(wording_of(one), wording_of(other))
    assert agree(wording_of(other), wording_of(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("can I send 50", "can I send 500"),
        ("is it 5", "is it -5"),
        ("does it cost $5", "does it cost \u20ac5"),
        ("is it open", "is it not open"),
        ("can I pay", "can't I pay"),
        ("kann ich zahlen", "kann ich nicht zahlen"),
        ("where do I get it", "when do I get it"),
        ("do you ship to Norway", "do you ship to Spain"),
        ("do you ship", "do you ship to Spain"),
        ("is it in the EU", "is it in the UK"),
        ("activate my card", "deactivate my card"),
        ("switch the alarm on", "switch the alarm off"),
        ("how do I subscribe", "how do I unsubscribe"),
    ],
)
def test_what_turns_an_answer_round_is_another_question(one: str, other: str) -> None:
    assert not agree(wording_of(one), wording_of(other))
    assert not agree(wording_of(other), wording_of(one))


def test_a_text_that_is_too_long_is_compared_by_its_words_alone() -> None:
    long = wording_of("word " * CONSIDERED_CHARACTERS)

    assert (long.telling, long.carrying, long.size) == ((), (), 0)
