"""The lists and numbers that the author's guide gives are those of the code."""

import re

import pytest

from mcp_router.domain.pattern import longest_text
from mcp_router.domain.signals import PII_KINDS, SAFETY_FLAGS, SENSITIVE_TOPICS
from tests.docs.pages import text


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("pii_kind", PII_KINDS),
        ("safety_flag", SAFETY_FLAGS),
        ("sensitive_topic", SENSITIVE_TOPICS),
    ],
)
def test_a_condition_lists_every_word_that_the_router_finds(
    condition: str, words: tuple[str, ...]
) -> None:
    [row] = [line for line in text("policies.md").splitlines() if f"| `{condition}` |" in line]

    assert tuple(re.findall("`([a-z_]+)`", row))[1:] == words


def test_how_long_a_text_a_pattern_may_see() -> None:
    told = " ".join(text("policy-guards.md").split())
    most, two, three, four = (longest_text("^" + "a*" * repeats) for repeats in (1, 2, 3, 4))

    assert most == 5_000_000
    assert (
        "with at most one repeat behind a `^` it is five million characters, "
        f"with two {two:,}, with three {three}, with four {four}"
    ) in told
    assert longest_text("a*" * 2) == three
    assert longest_text("^(a+)+$") is None
    assert longest_text("^[a-z]++(-[a-z]++)*$") is not None
