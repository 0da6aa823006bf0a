"""A long text is looked through once, and what is remembered of it is where, never what."""

import pytest

from mcp_router.domain.privacy import Finding, PiiKind
from mcp_router.signals.detector import LONG, MOST, BuiltinDetector, Remembering

MAIL = "write to anna@example.com. "


class Counting:
    """The router's own detector, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def find(self, text: str) -> tuple[Finding, ...]:
        self.asked += 1
        return BuiltinDetector().find(text)


def long(number: int = 0) -> str:
    return MAIL + f"Rule {number}. ".ljust(LONG, "x")


def test_a_long_text_is_looked_through_once_and_told_the_same_every_time() -> None:
    counting = Counting()
    detector = Remembering(counting)

    first, again = detector.find(long()), detector.find(long())

    assert counting.asked == 1
    assert first == again == BuiltinDetector().find(long())
    assert [one.kind for one in first] == [PiiKind.EMAIL]


@pytest.mark.parametrize("text", ["", MAIL, MAIL.ljust(LONG - 1, "x")])
def test_a_short_text_is_looked_through_each_time(text: str) -> None:
    counting = Counting()
    detector = Remembering(counting)

    assert detector.find(text) == detector.find(text) == BuiltinDetector().find(text)
    assert counting.asked == 2


def test_one_changed_letter_is_another_text() -> None:
    detector = Remembering(BuiltinDetector())
    moved = "x" + long()

    assert detector.find(long()) == BuiltinDetector().find(long())
    assert detector.find(moved) == BuiltinDetector().find(moved) != detector.find(long())


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    counting = Counting()
    detector = Remembering(counting)

    for number in range(MOST):
        detector.find(long(number))

    detector.find(long(0))  # so the next to go is the one after it
    detector.find(long(MOST))
    asked = counting.asked
    detector.find(long(0))
    assert counting.asked == asked

    detector.find(long(1))
    assert counting.asked == asked + 1


def test_half_of_a_pair_of_surrogates_is_a_text_too() -> None:
    broken = long() + "\ud83d"

    assert Remembering(BuiltinDetector()).find(broken) == BuiltinDetector().find(broken)
