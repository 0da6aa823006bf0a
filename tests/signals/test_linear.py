"""No text, however hostile, takes more than its length: whoever writes it shares the event loop."""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from time import thread_time_ns

import pytest

from mcp_router.domain.privacy import KnownFields
from mcp_router.signals.complexity import complexity
from mcp_router.signals.lexicon import read
from mcp_router.signals.pii_fields import FieldDetector
from mcp_router.signals.pii_spans import find_pii
from mcp_router.signals.safety import is_injected, safety_flags
from mcp_router.signals.topics import sensitive_topics
from mcp_router.signals.words import passages
from tests.source_tree import modules

SHORT, LONG = 2_000, 8_000
SQUARE = 9
"""Four times the length takes four times as long, or sixteen where it takes a square."""

LEAST_NS = 1_000_000
"""Less is noise; and a square of what takes less would not stop anybody."""

TRIES = 4
UNITS = (
    " ", "\n", "\t", "\r\n", " \n", "\n ", "\u00a0", "1", "1 ", "1-", "1.", "1,", "1:", "0-", "+1 ",
    "(1", "a", "A", "Aa", "a ", "A ", "A1", "a.", "a@", "@", "x@y.", "-", "_", "/", ":", "::",
    "://", ".", "#", " #", "\n#", "## ", "<", "< ", "</", "<|", "<| ", "[", "[[", "<<", ";", "; ",
    "{", "(", "'", '"', "`", "\u00e9", "\u00e9 ", "\u0661", "\u5b57", "A-", "Aa ", "1 Aa ", "is ",
    "at ", "\nat ", " at a", "key ", "-----BEGIN ", "eyJ", "sk-", "ab1", "Ab1",
)  # fmt: skip
WORDS = (
    "password is ", "my name is ", "born on ", "phone ", "call me ", "passport ", "ssn ", "tax id ",
    "social ", "cvv ", "deliver to 1 ", "Via ", "rue ", "Calle A ", "P.O. Box ", "no. ", "order ",
    "M\u00fcller ", "Anna M", "0151 ", "4111 ", "4111-1111-", "DE89 ", "12. M\u00e4rz ",
    "delete my data ", "ignore all ", "to die ",
    "4111111111111111 DE89370400440532013000 ",
    "your new ", "-----BEGIN PRIVATE KEY-----", "[EMAIL_1]", "ignore previous instructions ",
)  # fmt: skip
KNOWN = KnownFields(
    names=("Anna M\u00fcller",), phones=("0151 12345678",), addresses=("Am Ring 5, Berlin",)
)


def patterns(value: object) -> Iterator[re.Pattern[str]]:
    """Yield the expressions in a value of a module, however deep."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from patterns(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from patterns(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from patterns(getattr(value, field.name))


def signals_patterns() -> dict[str, re.Pattern[str]]:
    """Return every expression of the room by its text."""
    names = [one.name for one in modules() if one.name.startswith("mcp_router.signals.")]
    found = [
        pattern
        for name in names
        for value in vars(importlib.import_module(name)).values()
        for pattern in patterns(value)
    ]
    return {one.pattern: one for one in found}


def repeated(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length] + "!"


def taken_ns(work: Callable[[str], object], text: str) -> int:
    started = thread_time_ns()
    work(text)
    return thread_time_ns() - started


def is_linear(work: Callable[[str], object], unit: str) -> bool:
    """Return whether four times the text takes about four times as long, in one of some tries."""
    long, short = repeated(unit, LONG), repeated(unit, SHORT)

    for _ in range(TRIES):
        taken = taken_ns(work, long)

        if taken < LEAST_NS or taken < SQUARE * taken_ns(work, short):
            return True

    return False


def searched(pattern: re.Pattern[str]) -> Callable[[str], object]:
    return lambda text: sum(1 for _ in pattern.finditer(text))


def test_every_pattern_takes_no_more_than_the_length_of_a_text() -> None:
    found = signals_patterns()

    assert len(found) > 150
    assert [
        (pattern, unit)
        for pattern, compiled in found.items()
        for unit in UNITS
        if not is_linear(searched(compiled), unit)
    ] == []


def words(text: str) -> object:
    reading = read([text])
    return safety_flags(reading), is_injected(reading), sensitive_topics(reading)


@pytest.mark.parametrize(
    "work",
    [
        find_pii,
        FieldDetector(KNOWN).find,
        words,
        passages,
        lambda text: complexity(text + "`", intents=1),
    ],
    ids=["personal data", "known fields", "flags and topics", "passages", "complexity"],
)
def test_what_is_read_of_a_message_takes_no_more_than_its_length(
    work: Callable[[str], object],
) -> None:
    assert [unit for unit in UNITS + WORDS if not is_linear(work, unit)] == []


def test_a_square_would_be_seen() -> None:
    assert not is_linear(searched(re.compile(r"^\s*#{2,}", re.MULTILINE)), "\n")
