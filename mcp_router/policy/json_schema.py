"""Whether a JSON Schema in a policy is one: the one file here that asks jsonschema."""

import json
from collections.abc import Iterator

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from mcp_router.canonical import JsonValue
from mcp_router.marked_yaml import YamlPath

_REFERENCES = ("$ref", "$dynamicRef")


def schema_mistakes(text: str) -> Iterator[tuple[YamlPath, str]]:
    """Yield the place of each mistake inside a schema, which is an object, and what was expected.

    >>> list(schema_mistakes('{"type": "objekt"}'))
    [(('type',), 'a valid JSON Schema')]
    """
    schema: dict[str, JsonValue] = json.loads(text)
    dialect = validator_for(schema, default=Draft202012Validator)

    try:
        dialect.check_schema(schema)
    except SchemaError as error:
        yield tuple(error.absolute_path), "a valid JSON Schema"

    for path, reference in _references(schema, ()):
        if not reference.startswith("#"):
            yield path, "a reference inside this schema, such as #/$defs/line"
        elif reference.startswith("#/") and not _leads_somewhere(schema, reference):
            yield path, "a reference to a part that this schema has"


def _references(schema: JsonValue, path: YamlPath) -> Iterator[tuple[YamlPath, str]]:
    """Yield every reference with its place: an answer is checked without a network."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name in _REFERENCES and isinstance(value, str):
                yield (*path, name), value

            yield from _references(value, (*path, name))

    if isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from _references(value, (*path, index))


def _leads_somewhere(schema: JsonValue, reference: str) -> bool:
    """Return whether a JSON pointer (RFC 6901) leads to a part of the schema."""
    here = schema

    for step in reference.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")

        if isinstance(here, dict) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isdecimal() and int(name) < len(here):
            here = here[int(name)]
        else:
            return False

    return True
