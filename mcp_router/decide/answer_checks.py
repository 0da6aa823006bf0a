"""The format checks of an answer: pure, quick, and told by name only."""

import json
import math
import re
from collections.abc import Iterator
from functools import lru_cache

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from mcp_router.canonical import JsonValue
from mcp_router.decide.language import speaks
from mcp_router.domain.completion import Completion, FinishReason
from mcp_router.domain.guardrails import AnswerChecks, as_compared
from mcp_router.domain.pattern import longest_text

JSON_SCHEMA, MAX_CHARACTERS, REQUIRED_PHRASES, FORBIDDEN_PHRASES, LANGUAGE, CITATIONS = (
    "json_schema",
    "max_characters",
    "required_phrases",
    "forbidden_phrases",
    "language",
    "citations",
)
"""The names of the checks, in the order in which they are told."""

WHOLE = "whole"
"""The check that a strict pool adds: an answer that is complete and not empty."""

SAME_LANGUAGE = "same"
"""The wanted language is that of the call's locale."""

_CITATION = re.compile(r"\[(\d{1,4})\](?!\()")  # `[1](…)` is a link's text
# What a validator is seen to raise on an answer and a schema that do not go together.
_BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def failed_checks(checks: AnswerChecks, text: str, *, locale: str | None) -> tuple[str, ...]:
    """Return the names of the checks that the answer fails, in a fixed order; empty if none.

    Phrases are compared without regard to case and to how blanks are spread. The schema is held
    against the bare text: JSON between fences fails, for whoever reads it would fail too. An
    answer that is asked for in `same` language passes where the call names no locale.

    >>> failed_checks(AnswerChecks(max_characters=3, citations=1), "Four", locale=None)
    ('max_characters', 'citations')
    """
    said = as_compared(text)
    outcomes = (
        (JSON_SCHEMA, checks.json_schema is not None and not _fits(checks.json_schema, text)),
        (MAX_CHARACTERS, checks.max_characters is not None and len(text) > checks.max_characters),
        (REQUIRED_PHRASES, any(as_compared(one) not in said for one in checks.required_phrases)),
        (FORBIDDEN_PHRASES, any(as_compared(one) in said for one in checks.forbidden_phrases)),
        (LANGUAGE, not _is_in_language(checks.language, text, locale)),
        (CITATIONS, checks.citations > 0 and _citations(text) < checks.citations),
    )
    return tuple(name for name, failed in outcomes if failed)


def asked_checks(checks: AnswerChecks) -> int:
    """Return how many checks are asked.

    >>> asked_checks(AnswerChecks(language="same", citations=2))
    2
    """
    return sum(
        (
            checks.json_schema is not None,
            checks.max_characters is not None,
            bool(checks.required_phrases),
            bool(checks.forbidden_phrases),
            checks.language is not None,
            checks.citations > 0,
        )
    )


def failed_strictly(answer: Completion) -> tuple[str, ...]:
    """Return what a strict pool finds wrong besides: an answer that is cut off or empty.

    Calls of tools are an answer, with or without text.
    """
    is_cut = answer.finish_reason in (FinishReason.LENGTH, FinishReason.CONTENT_FILTER)
    is_empty = not answer.text.strip() and not answer.tool_calls
    return (WHOLE,) if is_cut or is_empty else ()


def _fits(schema: str, text: str) -> bool:
    """Tell whether the text is JSON that the schema allows."""
    try:
        found = json.loads(text, parse_constant=_refuse)
        validator, longest_name = _validator(schema)
        return _longest_name(found) <= longest_name and validator.is_valid(found)
    except (*_BROKEN, SchemaError, Unresolvable, re.error):
        return False


@lru_cache(maxsize=256)
def _validator(schema: str) -> tuple[Validator, float]:
    """Return the schema ready for use, by its own draft, and how long names of keys may be.

    Raises:
        SchemaError: it is no JSON Schema.
    """
    document = json.loads(schema)
    kind = validator_for(document, default=Draft202012Validator)
    kind.check_schema(document)
    document.pop("$schema", None)  # where it is met again, it brings back the patterns' own check
    bounded: type[Validator] = extend(kind, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # the stubs name no types here
    longest = min((longest_text(one) or 0 for one in _name_patterns(document)), default=math.inf)
    # Without a registry of its own, a reference fetches documents.
    return bounded(document, registry=EMPTY_REGISTRY), longest


def _pattern(
    validator: Validator, pattern: str, instance: object, _: object
) -> Iterator[ValidationError]:
    """Hold a text against a pattern; one that is too long for it to be quick does not fit."""
    if isinstance(instance, str):
        longest = longest_text(pattern) or 0

        if len(instance) > longest or not re.search(pattern, instance):
            yield ValidationError("the text does not fit the pattern")


def _name_patterns(schema: JsonValue) -> Iterator[str]:
    """Yield the patterns that names of keys are held against."""
    for part in _mappings(schema):
        named = part.get("patternProperties")
        yield from named if isinstance(named, dict) else ()


def _longest_name(answer: JsonValue) -> int:
    return max((len(name) for part in _mappings(answer) for name in part), default=0)


def _mappings(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    """Yield every object inside a value."""
    if isinstance(value, dict):
        yield value

    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _mappings(one)


def _refuse(constant: str) -> object:
    """Refuse NaN and the infinities, which are not JSON."""
    raise ValueError


def _is_in_language(language: str | None, text: str, locale: str | None) -> bool:
    """Tell whether the text may be in the wanted language."""
    wanted = locale if language == SAME_LANGUAGE else language
    return wanted is None or speaks(text, wanted)


def _citations(text: str) -> int:
    """Return how many different references such as `[1]` the text holds.

    >>> _citations("As the guide says [1], and again [1], and elsewhere [2].")
    2
    """
    return len({int(number) for number in _CITATION.findall(text)})
