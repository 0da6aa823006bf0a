"""What is the same in two questions, what is alike, and what makes another question of one."""

import unicodedata

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
        ("can\u00b4t, can\uff07t", "cant cant"),
        ("Is 5+ <= 6~7 | a=b?", "is 5 + < = 6 ~ 7 | a = b"),
        ("\u2026 100 \u20b9 \u2013 or 5\u2030\u2014 \u00b6", "100 \u20b9 or 5 \u2030"),
        ("A\u2260B", "a \u2260 b"),
        ("fine\U0001f44d\U0001f3fd\U0001f44d", "fine \U0001f44d \U0001f44d"),
        ("\u2764\ufe0f", "\u2764"),
        ("\u0915\u094d\u092f\u093e \u0939\u0948\u0964", "\u0915\u094d\u092f\u093e \u0939\u0948"),
        ("?!", ""),
    ],
)
def test_the_normal_form_of_a_question(question: str, normal: str) -> None:
    assert wording_of(question).normal == normal


@pytest.mark.parametrize(
    "question",
    [
        "O\u00f9 est ma carte?",
        "\u039a\u03b1\u0390\u03ba\u03b9",  # its casefold is in three pieces
        "\u1ecc\u0300\u1e63un",  # not all of it can be composed
        "\ud55c\uad6d\uc5b4",
        "\u0958\u093c\u0932\u092e",
        "\u30ac\u30e9\u30b9",
    ],
)
def test_composed_or_not_a_question_is_the_same(question: str) -> None:
    forms = [unicodedata.normalize(form, question) for form in ("NFC", "NFD", "NFKC", "NFKD")]

    assert {wording_of(one) for one in forms} == {wording_of(question)}
    assert wording_of(question.upper()).normal == wording_of(question).normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O\u00f9 est ma carte?", "ou est ma carte"),
        (
            "\u0643\u0650\u062a\u0627\u0628",
            "\u0643\u062a\u0627\u0628",
        ),  # Arabic, with its vowel and without
        ("about L\u1ecc\u0300\u1e62UN", "About L\u1ecc\u0300\u1e62UN!"),
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
        ("does it cost $5", "does it cost 5"),
        ("is it > 5", "is it < 5"),
        ("is it \U0001f44d", "is it"),
        (
            "\u092e\u0947\u0930\u093e \u092e\u0947\u0932",
            "\u092e\u0947\u0930\u093e \u092e\u093e\u0932",
        ),
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
