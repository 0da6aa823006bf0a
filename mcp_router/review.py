"""Reading a marked document part by part, with every problem told at once and in our words."""

import difflib
import types
from collections.abc import Iterable
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from mcp_router.marked_yaml import PLAIN_KEY, MarkedDocument, Problem, YamlPath, YamlValue


class Form(BaseModel):
    """The shape of a part of a document: no other keys, no guessing of types, no echo."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


_Form = TypeVar("_Form", bound=Form)

_PER_PART = 100


class Review:
    """Read a document part by part and keep every problem, so that all are told at once."""

    def __init__(self, document: MarkedDocument) -> None:
        """Start with the problems that the parser found."""
        self.document = document
        self._problems = list(document.problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return every problem so far, in the order of the file, each once."""
        return in_order(self._problems)

    def add(self, path: YamlPath, expected: str, *, at_key: bool = False) -> None:
        """Keep a problem at `path`."""
        self._problems.append(self.document.problem(path, expected, at_key=at_key))

    def names(self, path: YamlPath) -> tuple[str, ...]:
        """Return the keys of the mapping at `path`; a missing or other value has none."""
        value = self.document.at(path)
        return tuple(value) if isinstance(value, dict) else ()

    def read(self, form: type[_Form], path: YamlPath) -> _Form | None:
        """Return the part at `path` as `form`, or None after keeping each of its problems."""
        try:
            return form.model_validate(self.document.at(path))
        except ValidationError as error:
            # The cap keeps a file of a thousand unknown keys from costing a thousand searches.
            for details in error.errors(include_url=False, include_input=False)[:_PER_PART]:
                self._problems.append(_explain(self.document, form, path, details))

            return None

    def peek(self, form: type[_Form], path: YamlPath) -> _Form | None:
        """Return the part at `path` as `form`, or None; what is wrong with it is told elsewhere."""
        try:
            return form.model_validate(self.document.at(path))
        except ValidationError:
            return None


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return each problem once, in the order of the file."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column)))


def expect(expected: str) -> PydanticCustomError:
    """Return the error that a validator raises to say what a value should have been."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def suggest(given: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` when a known word is near, else nothing.

    >>> suggest("api_kee", ["api_key", "kind"])
    '; did you mean `api_key`?'
    """
    shown = [word for word in known if PLAIN_KEY.fullmatch(word)]
    near = difflib.get_close_matches(given[:100], shown, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _explain(
    document: MarkedDocument, form: type[BaseModel], start: YamlPath, details: ErrorDetails
) -> Problem:
    """Turn one of pydantic's errors into a problem, in our words and without the input."""
    location = details["loc"]
    path = (*start, *location)

    if details["type"] == "missing":
        return document.problem(path[:-1], f"the key `{location[-1]}`, which is missing")

    if details["type"] == "extra_forbidden":
        known = _known_keys(form, location[:-1])
        advice = suggest(str(location[-1]), known) or f": {', '.join(known)}"
        return document.problem(path, f"a known key{advice}", at_key=True)

    return document.problem(path, _expected(details, document.at(path)))


def _known_keys(form: type[BaseModel], location: YamlPath) -> list[str]:
    """Return the keys that the form takes at `location`."""
    here: object = form

    for step in location:
        here = _bare(here)

        if isinstance(here, type) and issubclass(here, BaseModel):
            known = here.model_fields.get(str(step))
            here = known.annotation if known else None
        else:  # a list or a mapping: its last argument is what it holds
            here = (get_args(here) or (None,))[-1]

    here = _bare(here)

    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []

    return [field.alias or name for name, field in here.model_fields.items()]


def _bare(annotation: object) -> object:
    """Return an annotation without its metadata and without `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])

    if get_origin(annotation) in (Union, types.UnionType):
        return next(_bare(part) for part in get_args(annotation) if part is not types.NoneType)

    return annotation


_SIMPLE = types.MappingProxyType(
    {
        "int_type": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "keys and values",
        "model_type": "keys and values",
    }
)
_WITH_LIMIT = types.MappingProxyType(
    {
        "expected": "{expected}",
        "enum": "one of {expected}",
        "literal_error": "one of {expected}",
        "greater_than": "a number above {gt:g}",
        "greater_than_equal": "a number of at least {ge:g}",
        "less_than": "a number below {lt:g}",
        "less_than_equal": "a number of at most {le:g}",
        "too_short": "a length of at least {min_length}",
        "too_long": "a length of at most {max_length}",
    }
)


def _expected(details: ErrorDetails, given: YamlValue) -> str:
    """Say what pydantic wanted, without a word of what it got."""
    kind = details["type"]

    if kind == "string_type":
        return "text; put quotes around it" if isinstance(given, int | float) else "text"

    if kind in _WITH_LIMIT:
        return _WITH_LIMIT[kind].format_map(details.get("ctx", {}))

    return _SIMPLE.get(kind, "another kind of value")


_TOLD = 50  # a broken generator should not fill a terminal or a host's context


def tell(problems: tuple[Problem, ...]) -> str:
    """Return the problems as one message, a line each; beyond fifty it says how many more."""
    problems = in_order(problems)
    lines = [str(problem) for problem in problems[:_TOLD]]

    if len(problems) > _TOLD:
        lines.append(f"and {len(problems) - _TOLD} more")

    return "\n".join(lines)
