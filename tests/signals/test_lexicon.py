"""Phrases are found as people write them."""

import pytest

from mcp_router.signals.lexicon import READ_CHARACTERS, Lexicon, read

LEXICON = Lexicon.of(
    {
        "court": ("take|taking .. to court", "lawyer"),
        "end": ("end my life -insurance|savings", "cant go on"),
    }
)


def found(text: str) -> tuple[str, ...]:
    return LEXICON.subjects(read([text]))


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("", ()),
        ("I will take you to court", ("court",)),
        ("TAKING all of you to Court!", ("court",)),
        ("take to court", ("court",)),
        ("take one two three to court", ("court",)),
        ("take one two three four to court", ()),
        ("to court I take you", ()),
        ("mistake to court", ()),
        ("ask a lawyer", ("court",)),
        ("ask a lawyers", ()),
        ("I want to end my life", ("end",)),
        ("I want to end my life insurance", ()),
        ("I can't go on", ("end",)),
        ("I can\u2019t go on", ("end",)),
        ("my l\u00e0wy\u00e9r", ("court",)),
        ("my la\u200bwyer", ("court",)),
        ("\uff4c\uff41\uff57\uff59\uff45\uff52", ("court",)),
        ("I can't go on, lawyer", ("court", "end")),
    ],
)
def test_a_phrase_is_found_where_its_words_stand(text: str, subjects: tuple[str, ...]) -> None:
    assert found(text) == subjects


def test_texts_are_read_one_after_the_other() -> None:
    reading = read(["I can't", "wait."])

    assert (reading.text, reading.plain) == ("I can't\nwait.", " i cant wait ")
    assert reading.words == {"i", "cant", "wait"}


def test_of_a_huge_conversation_the_end_is_read() -> None:
    assert LEXICON.subjects(read(["lawyer", "x" * READ_CHARACTERS])) == ()
    assert LEXICON.subjects(read(["x" * READ_CHARACTERS, "lawyer"])) == ("court",)
