"""Whether a JSON Schema in a policy is one: the one file here that asks jsonschema."""

import json
from collections.abc import Iterator, Mapping

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from mcp_router.canonical import JsonValue
from mcp_router.marked_yaml import YamlPath


def schema_mistakes(text: str) -> Iterator[tuple[YamlPath, str]]:
    """Yield the place of each mistake inside a schema, which is an object, and what was expected.

    >>> list(schema_mistakes('{"type": "objekt"}'))
    [(('type',), 'a valid JSON Schema (2020-12)')]
    """
    schema: Mapping[str, JsonValue] = json.loads(text)

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield tuple(error.absolute_path), "a valid JSON Schema (2020-12)"

    yield from _references(schema, ())


def _references(schema: JsonValue, path: YamlPath) -> Iterator[tuple[YamlPath, str]]:
    """Yield every reference that leads out of the schema: an answer is checked without network."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            outside = isinstance(value, str) and not value.startswith("#")

            if name in ("$ref", "$dynamicRef") and outside:
                yield (*path, name), "a reference inside this schema, such as #/$defs/line"

            yield from _references(value, (*path, name))

    if isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from _references(value, (*path, index))
