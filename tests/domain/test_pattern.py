"""How long a text a pattern may see: by its choices, and none at all where they multiply."""

import re

import pytest

from mcp_router.domain.pattern import MOST_STEPS, longest_text


@pytest.mark.parametrize(
    ("pattern", "longest"),
    [
        ("late", MOST_STEPS),
        (r"^\d{4}-\d{2}$", MOST_STEPS),
        (r"^(\d\d-)*$", MOST_STEPS),
        ("^(billing|shipping)$", MOST_STEPS),
        ("^[*+?]{3}\\*$", MOST_STEPS),
        ("^a{0,4}$", MOST_STEPS),
        (r"^[\s\S]{1,4000}$", MOST_STEPS),
        (r"^[a-z ]{10,400}\. [a-z ]{10,400}\.$", MOST_STEPS),
        ("a+", 2_236),
        ("^.*late.*$", 2_236),
        (r"^[\w.+-]+@\w+\.\w+$", 170),
        (r"^(?=.*[A-Z])(?=.*\d).{8,}$", 170),
        ("^[a-z]++(-[a-z]++)*$", 170),
        ("^(?>a+b)*$", 2_236),
        ("(?P<n>a)(?P=n)", MOST_STEPS),
    ],
)
def test_a_pattern_sees_as_much_as_it_can_go_through(pattern: str, longest: int) -> None:
    re.compile(pattern)

    assert longest_text(pattern) == longest


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^(?:a*)*$",
        "^(a|a)*$",
        "^(a|aa)+$",
        "(x+x+)+y",
        "^((a+)b?)*$",
        "^([a-z]+-)+$",
        "^(a?){30}a{30}$",
        "a?" * 30 + "a" * 30,
        "a*" * 6 + "b",
        "(",
        "(?x) a # (",
        "(?x)^(?:a+) +$",
        "(?ix)^(?:a+) +$",
        "^(?x:(?:a+) +)$",
        "^a{0,3000}a{0,3000}$",
    ],
)
def test_a_pattern_whose_choices_multiply_sees_nothing(pattern: str) -> None:
    assert longest_text(pattern) is None


@pytest.mark.parametrize("pattern", ["a*b", "^a*a*b", "^a*a*a*b", "(a*)(a*)(a*)b", "^(a|b|c)a*a*d"])
def test_the_worst_text_of_that_length_is_gone_through_in_time(pattern: str) -> None:
    """Where it were not, the time that every test has would be over."""
    longest = longest_text(pattern)
    assert longest is not None

    assert re.search(pattern, "a" * min(longest, 100_000)) is None
