"""How much a question asks of whoever answers it, from what can be counted in it.

No mood, no opinion and no model: six counts, each divided by what counts as much of it and capped
at 1, weighed and added up. One more of anything never makes a question simpler.

| counted | much of it | weight |
|---|---|---|
| words | 150 | 0.30 |
| questions after the first | 3 | 0.20 |
| commas, semicolons and colons | 10 | 0.15 |
| different intents after the first | 2 | 0.15 |
| numbers | 6 | 0.10 |
| code, a stack trace or markup | any | 0.10 |
"""

import re

from mcp_router.signals.lexicon import READ_CHARACTERS

_QUESTIONS = re.compile("[?\u061f\uff1f]+")
_CLAUSES = re.compile(r"[,;:](?=\s)|[\u060c\u3001\uff0c\uff1b]")  # not those within 10:30 or 1,000
_NUMBERS = re.compile(r"\d+(?:[.,:/-]\d+)*")
_CODE = re.compile(
    r"```|</?[a-zA-Z][^<>\n]{0,80}>|[{};][^\S\n]{0,80}\n|Traceback \(most recent|"
    r"^[^\S\n]{1,80}at [\w.$<>]{1,200}\(|"
    r"\b(?:Exception|Error):|[=!]=|=>|\w\(\)",
    re.MULTILINE,
)


def complexity(text: str, *, intents: int) -> float:
    """Return from 0 to 1 how complex a question is whose sentences name so many intents.

    >>> complexity("Where is my order?", intents=1)
    0.008
    >>> complexity("Where is order 17, and why was I charged twice? Can I cancel?", intents=2)
    0.1993
    """
    text = text[:READ_CHARACTERS]
    parts = (
        0.30 * _share(len(text.split()), 150),
        0.20 * _share(len(_QUESTIONS.findall(text)) - 1, 3),
        0.15 * _share(len(_CLAUSES.findall(text)), 10),
        0.15 * _share(intents - 1, 2),
        0.10 * _share(len(_NUMBERS.findall(text)), 6),
        0.10 if _has_code(text) else 0.0,
    )
    return round(sum(parts), 4)


def _has_code(text: str) -> bool:
    """Return whether code is there; most questions have none of its signs, and are done with."""
    return any(sign in text for sign in "`<{};=(:") and _CODE.search(text) is not None


def _share(count: int, much: int) -> float:
    """Return how much of a thing there is, from 0 to 1."""
    return min(1.0, max(0, count) / much)
