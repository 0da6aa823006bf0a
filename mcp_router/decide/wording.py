"""The small change of sentences: counts, times and names as a person writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime

_LONGEST_NAME = 120  # characters of a name that a caller chose


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it should be.

    >>> count(1, "attempt"), count(1200, "token")
    ('1 attempt', '1,200 tokens')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(at_ms: int) -> str:
    """Return a time of the epoch for people, in UTC.

    >>> moment(0)
    '1970-01-01 00:00:00 UTC'
    """
    return f"{datetime.fromtimestamp(at_ms / 1000, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(ms: int) -> str:
    """Return milliseconds in the unit that people use for them.

    >>> duration(48), duration(1_240)
    ('48 ms', '1.24 s')
    """
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.2f} s"


def name(text: str, *, longest: int = _LONGEST_NAME) -> str:
    """Return a name that somebody else chose, on one line and without what cannot be seen.

    What is told is read line by line, and nobody may write a line of it by choosing a name.

    >>> name("vip\\nOutcome: fine")
    'vip Outcome: fine'
    """
    visible = "".join(one if one.isprintable() else " " for one in text[:longest])
    return " ".join(visible.split())


def listed(parts: Sequence[str]) -> str:
    """Return the parts as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(parts) < 2:
        return "".join(parts)

    return f"{', '.join(parts[:-1])} and {parts[-1]}"
