"""Whether a JSON Schema in a policy is one that answers can be held against."""

import json
import re
from collections import deque
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from referencing._core import Resolver  # it has no public name
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY, Schema, UnknownDialect, specification_with

from mcp_router.canonical import JsonValue
from mcp_router.domain.pattern import longest_text
from mcp_router.marked_yaml import YamlPath

Mistake = tuple[YamlPath, str]

_LATEST = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = ("$ref", "$dynamicRef")
_OF_THE_SAME_VALUE = frozenset(
    {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"}
    | {"extends", "disallow", "type"}  # of old drafts
)
_BY_NAME = frozenset(
    {"$defs", "definitions", "dependentSchemas", "dependencies", "properties", "patternProperties"}
)
_OF_ITS_PARTS = frozenset(
    {"additionalItems", "additionalProperties", "contains", "contentSchema", "items"}
    | {"prefixItems", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
)
_KEYWORDS = _OF_THE_SAME_VALUE | _BY_NAME | _OF_ITS_PARTS
"""The keywords, of any draft, that hold schemas; all others hold values, `const` for one."""

# What a lookup or a check of odd content is seen to raise, besides their own errors.
_ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def schema_mistakes(text: str) -> Iterator[Mistake]:
    """Yield the place of each mistake inside a schema, which is an object, and what was expected.

    Never raises for a bad schema. References lead to parts of the same schema, for an answer is
    checked without a network.

    >>> list(schema_mistakes('{"type": "objekt"}'))
    [(('type',), 'a valid JSON Schema')]
    """
    schema: dict[str, JsonValue] = json.loads(text)
    dialect = schema.get("$schema", _LATEST)

    if not isinstance(dialect, str) or not _is_known(dialect):
        yield ("$schema",), "a draft of JSON Schema, such as the one of 2020-12"
        return

    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        yield tuple(error.absolute_path), "a valid JSON Schema"
    except (*_ODD, re.error):
        yield (), "a valid JSON Schema"
    else:
        yield from _Walk(schema, dialect).mistakes()


def _is_known(dialect: str) -> bool:
    try:
        specification_with(dialect)
    except UnknownDialect:
        return False

    return True


class _Walk:
    """Goes through a schema, and on wherever its references lead, each part once."""

    def __init__(self, schema: dict[str, JsonValue], dialect: str) -> None:
        self._specification = specification_with(dialect)
        root = self._specification.create_resource(schema)
        self._parts: deque[_Part] = deque([((), schema, EMPTY_REGISTRY.resolver_with_root(root))])
        self._led: deque[_Part] = deque()  # after the parts, whose places are those of the file
        self._places: dict[int, YamlPath] = {}
        self._same: dict[int, set[int]] = {}  # which parts are held against the same value

    def mistakes(self) -> Iterator[Mistake]:
        while self._parts or self._led:
            path, part, resolver = (self._parts or self._led).popleft()

            if id(part) in self._places:
                continue

            self._places[id(part)] = path
            self._same[id(part)] = set()
            yield from self._look(path, part, resolver)

        try:
            TopologicalSorter(self._same).prepare()
        except CycleError as circle:
            yield min((self._places[one] for one in circle.args[1]), key=len), "references that end"

    def _look(
        self, path: YamlPath, part: dict[str, JsonValue], resolver: "Resolver[Schema]"
    ) -> Iterator[Mistake]:
        """Yield the mistakes of one part, and note where it leads."""
        if path and "$schema" in part:
            yield (*path, "$schema"), "`$schema` at the outermost level only"

        yield from _patterns(path, part)

        for name in _REFERENCES:
            if isinstance(reference := part.get(name), str):
                mistake = self._follow(part, (*path, name), reference, resolver)

                if mistake is not None:
                    yield (*path, name), mistake

        for keyword in _KEYWORDS & part.keys():
            for at, inner in _inner(keyword, part[keyword]):
                place = (*path, keyword, *at)

                try:
                    below = resolver.in_subresource(self._specification.create_resource(inner))
                except _ODD:
                    yield place, "an `$id` that is a URI"
                    continue

                self._parts.append((place, inner, below))

                if keyword in _OF_THE_SAME_VALUE:
                    self._same[id(part)].add(id(inner))

    def _follow(
        self,
        part: dict[str, JsonValue],
        path: YamlPath,
        reference: str,
        resolver: "Resolver[Schema]",
    ) -> str | None:
        """Return what is wrong with a reference; go on where it leads."""
        try:
            found = resolver.lookup(reference)
        except (Unresolvable, *_ODD):
            if reference.startswith("#"):
                return "a reference to a part that this schema has"

            return "a reference inside this schema, such as #/$defs/line"

        if isinstance(found.contents, dict):
            self._led.append((path, found.contents, found.resolver))
            self._same[id(part)].add(id(found.contents))
        elif not isinstance(found.contents, bool):
            return "a reference to a schema, which is keys and values, true or false"

        return None


_Part = tuple[YamlPath, dict[str, JsonValue], "Resolver[Schema]"]


def _inner(keyword: str, value: JsonValue) -> Iterator[tuple[YamlPath, dict[str, JsonValue]]]:
    """Yield the schemas that a keyword holds; `true` and `false` lead nowhere."""
    if isinstance(value, dict) and keyword in _BY_NAME:
        yield from (((name,), one) for name, one in value.items() if isinstance(one, dict))
    elif isinstance(value, dict):
        yield (), value
    elif isinstance(value, list):
        yield from (((at,), one) for at, one in enumerate(value) if isinstance(one, dict))


def _patterns(path: YamlPath, part: dict[str, JsonValue]) -> Iterator[Mistake]:
    """Yield the patterns that may run for ever on a model's text."""
    named = part.get("patternProperties")
    patterns = [((*path, "pattern"), part.get("pattern"))]
    patterns += [((*path, "patternProperties", one), one) for one in _keys(named)]

    for place, pattern in patterns:
        if isinstance(pattern, str) and longest_text(pattern) is None:
            yield place, "a pattern with few repeats, and no repeat or choice inside a repeat"


def _keys(value: JsonValue) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, dict) else ()
