"""The format checks of an answer: pure, quick, and told by name only."""

import json
import re
from functools import lru_cache

from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from mcp_router.decide.language import speaks
from mcp_router.domain.completion import Completion, FinishReason
from mcp_router.domain.guardrails import AnswerChecks

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
_BLANKS = re.compile(r"\s+")


def failed_checks(checks: AnswerChecks, text: str, *, locale: str | None) -> tuple[str, ...]:
    """Return the names of the checks that the answer fails, in a fixed order; empty if none.

    Phrases are compared without regard to case and to how blanks are spread. The schema is held
    against the bare text: JSON between fences fails, for whoever reads it would fail too. An
    answer that is asked for in `same` language passes where the call names no locale.

    >>> failed_checks(AnswerChecks(max_characters=3, citations=1), "Four", locale=None)
    ('max_characters', 'citations')
    """
    said = _plain(text)
    outcomes = (
        (JSON_SCHEMA, checks.json_schema is not None and not _fits(checks.json_schema, text)),
        (MAX_CHARACTERS, checks.max_characters is not None and len(text) > checks.max_characters),
        (REQUIRED_PHRASES, any(_plain(one) not in said for one in checks.required_phrases)),
        (FORBIDDEN_PHRASES, any(_plain(one) in said for one in checks.forbidden_phrases)),
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
        return bool(_validator(schema).is_valid(found))
    except (ValueError, RecursionError, SchemaError, Unresolvable, re.error):
        return False


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    """Return the schema ready for use; by its own draft, or else by the latest.

    Raises:
        SchemaError: it is no JSON Schema.
    """
    document = json.loads(schema)
    kind = validator_for(document)
    kind.check_schema(document)
    return kind(document, registry=EMPTY_REGISTRY)  # without it, a reference fetches documents


def _refuse(constant: str) -> object:
    """Refuse NaN and the infinities, which are not JSON."""
    raise ValueError


def _plain(text: str) -> str:
    """Return the text in one case, with single blanks."""
    return _BLANKS.sub(" ", text).strip().casefold()


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
