"""How long a text may be that a regular expression is tried on.

Python's engine tries the choices of a pattern one after the other, and their number is a product:
a repeat has as many as the text is long, a repeat inside a repeat has exponentially many. Whoever
lets a pattern loose on somebody else's text therefore has to bound the text by the pattern.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

MOST_STEPS = 5_000_000
"""How many choices may be tried for one text: a fraction of a second."""

_SHORTEST = 16  # a pattern that cannot even see so much is of no use
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_GROUP = re.compile(r"\((\?(?:[:>=!]|<[=!]|P?<\w+>|[a-zA-Z-]*:?))?([^()]*)\)")
_REPEAT = re.compile(r"([*+?]|\{\d+\}|\{\d*,\d*\})([+?]?)")
_VERBOSE = re.compile(r"\(\?[a-zA-Z]*x")
_ONE_WAY = frozenset({"?>", "?=", "?!", "?<=", "?<!"})  # once left, never entered again
_PLAIN, _VARIED = "x", "\0"


@lru_cache(maxsize=1024)
def longest_text(pattern: str) -> int | None:
    """Return how many characters the pattern may be tried on, None if it may be on no text.

    That is the case where what is repeated holds a choice itself, and where choices are too many.

    >>> longest_text("^[A-Z]{2}-[0-9]+$"), longest_text("^.*late.*$"), longest_text("^(a+)+$")
    (5000000, 2236, None)
    """
    if _VERBOSE.search(pattern):
        return None  # blanks and comments could hide what is repeated

    text, cost = _ATOM.sub(_PLAIN, pattern), _Cost()

    while group := _GROUP.search(text):
        inner = _cost(group[2])

        if inner is None:
            return None

        cost = cost.times(inner)
        varies = inner.varies and group[1] not in _ONE_WAY
        text = f"{text[: group.start()]}{_VARIED if varies else _PLAIN}{text[group.end() :]}"

    outer = _cost(text)

    if outer is None or "(" in text or ")" in text:
        return None

    cost = cost.times(outer)
    is_anchored = pattern.startswith(("^", r"\A")) and "|" not in text
    power = cost.open_repeats + (0 if is_anchored else 1)

    if power == 0:  # as many choices as ever, however long the text is
        return MOST_STEPS if cost.ways <= MOST_STEPS else None

    # In whole numbers, so that the promise does not hang on how a root is rounded.
    longest = round((MOST_STEPS / cost.ways) ** (1 / power))
    longest -= cost.ways * longest**power > MOST_STEPS
    return longest if longest >= _SHORTEST else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """The choices of a part: so many ways, times the text's length for each open repeat."""

    ways: int = 1
    open_repeats: int = 0
    varies: bool = False

    def times(self, other: "_Cost") -> "_Cost":
        return _Cost(
            ways=self.ways * other.ways,
            open_repeats=self.open_repeats + other.open_repeats,
            varies=self.varies or other.varies,
        )


def _cost(part: str) -> _Cost | None:
    """Return the choices of a part without groups, None where a repeat holds a choice."""
    branches = part.count("|") + 1
    cost = _Cost(ways=branches, varies=branches > 1 or _VARIED in part)

    for repeat in _REPEAT.finditer(part):
        least, most = _bounds(repeat[1])

        if part[: repeat.start()].endswith(_VARIED) and most != 1:
            return None

        varies = least != most and repeat[2] != "+"  # a possessive one gives nothing back
        ways = 1 if most is None else most - least + 1
        cost = cost.times(_Cost(ways=ways, open_repeats=most is None, varies=varies))

    return cost


def _bounds(repeat: str) -> tuple[int, int | None]:
    """Return how often a repeat stands for its part, None for as often as there is text."""
    if repeat in "*+?":
        return int(repeat == "+"), 1 if repeat == "?" else None

    least, comma, most = repeat[1:-1].partition(",")
    return int(least or 0), int(most) if most else (None if comma else int(least))
