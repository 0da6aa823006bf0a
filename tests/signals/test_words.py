"""What two texts are compared by."""

import pytest

from mcp_router.signals.words import CONSIDERED_CHARACTERS, features, passages


def whole(text: str) -> list[str]:
    return passages(text)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("!?…", []),
        ("I forgot my PASSWORD", ["i", "forgot", "my", "password"]),
        ("order 12345 and ١٢٣", ["order", "0", "and", "0"]),
        ("Straße", ["strasse"]),
        ("réinitialiser", ["reinitialiser"]),
        ("re\u0301initialiser", ["reinitialiser"]),
        ("pass\u00adword", ["password"]),
        ("pass\u200bword", ["password"]),
        ("İade", ["iade"]),
        ("\uff52\uff45\uff46\uff55\uff4e\uff44", ["refund"]),
        ("비밀번호 재설정", ["비밀번호", "재설정"]),
        ("forgot 密码", ["forgot", "密", "码"]),
        ("paypal退款", ["paypal", "退", "款"]),
        ("भुगतान वापस", ["भगतन", "वपस"]),
        ("👍 thanks", ["thanks"]),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert whole(text) == words


def test_a_long_message_is_also_read_sentence_by_sentence() -> None:
    text = "Hello!\n\nI am Anna. Where is my refund?\nThanks"

    assert passages(text) == [
        ["hello", "i", "am", "anna", "where", "is", "my", "refund", "thanks"],
        ["i", "am", "anna"],
        ["where", "is", "my", "refund"],
    ]


@pytest.mark.parametrize("end", [".", "!", "?", "\n", "\u3002", "\uff01", "\u061f", "\u0964"])
def test_sentences_end_as_their_script_ends_them(end: str) -> None:
    assert passages(f"one two{end} three four") == [
        ["one", "two", "three", "four"],
        ["one", "two"],
        ["three", "four"],
    ]


def test_one_sentence_is_read_once() -> None:
    assert passages("Where is my refund?") == [["where", "is", "my", "refund"]]


def test_only_the_start_of_a_huge_text_is_read() -> None:
    text = "a" * (CONSIDERED_CHARACTERS - 5) + " end here"

    assert whole(text) == ["a" * (CONSIDERED_CHARACTERS - 5), "end"]


def test_a_text_that_grows_when_it_is_decomposed_stays_bounded() -> None:
    text = "\ufdfa" * CONSIDERED_CHARACTERS  # one character that stands for eighteen

    assert sum(map(len, whole(text))) <= CONSIDERED_CHARACTERS


def test_features_are_words_pairs_and_pieces() -> None:
    assert features(["my", "pin"]) == {
        "<my>": 1,
        "<pin>": 1,
        "<my><pin>": 1,
        "<my": 1,
        "my>": 1,
        "<pi": 1,
        "pin": 1,
        "in>": 1,
        "<pin": 1,
        "pin>": 1,
    }


def test_a_repeated_word_is_counted() -> None:
    counts = features(["no", "no"])

    assert (counts["<no>"], counts["<no><no>"]) == (2, 1)


def test_a_word_of_one_letter_is_its_own_only_feature() -> None:
    assert features(["i"]) == {"<i>": 1}
