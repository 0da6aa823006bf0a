"""A tool's JSON schema as rows of a table: the reader's view of arguments and results."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mcp_router.canonical import JsonValue

Schema: TypeAlias = Mapping[str, JsonValue]

_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "minimum": "from {}",
    "maximum": "to {}",
    "pattern": "form `{}`",
}
_QUIET = {("minLength", 1): "not empty"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field; `default` is JSON text, None where the field is required or has none."""

    name: str
    type: str
    limits: str
    default: str | None
    required: bool
    meaning: str


def rows(schema: Schema) -> list[Row]:
    """Return a row for every field, those of nested objects as `parent.field`."""
    return list(_rows(schema, _definitions(schema), ""))


def _rows(schema: Schema, definitions: Schema, prefix: str) -> Iterator[Row]:
    required = schema.get("required")
    names = required if isinstance(required, list) else []

    for name, value in _mapping(schema.get("properties")).items():
        field, listed, meaning = _resolved(_mapping(value), definitions)
        place = f"{prefix}{name}"
        yield Row(
            name=place,
            type=_type(_mapping(value), definitions),
            limits=_limits(_mapping(value), definitions),
            default=_default(_mapping(value)),
            required=name in names,
            meaning=meaning,
        )

        if "properties" in field:
            yield from _rows(field, definitions, f"{place}[]." if listed else f"{place}.")


def _resolved(value: Schema, definitions: Schema) -> tuple[Schema, bool, str]:
    """Return the schema of a field's own value, whether it is a list of it, and its meaning."""
    plain, _ = _without_null(value)
    meaning = _text(value.get("description"))

    if plain.get("type") == "array":
        inner, _, says = _resolved(_mapping(plain.get("items")), definitions)
        return inner, True, meaning or (says if "properties" in inner else "")

    target = plain.get("$ref")

    if isinstance(target, str):
        found = _mapping(definitions.get(target.rpartition("/")[2]))
        says = _text(found.get("description")) if "properties" in found else ""
        return found, False, meaning or says

    return plain, False, meaning


def _without_null(value: Schema) -> tuple[Schema, bool]:
    """Return a schema without the alternative `null`, and whether it had one."""
    options = value.get("anyOf")

    if not isinstance(options, list):
        return value, value.get("type") == "null"

    real = [one for one in map(_mapping, options) if one.get("type") != "null"]
    return real[0] if len(real) == 1 else {"anyOf": list(map(dict, real))}, len(real) < len(options)


def _type(value: Schema, definitions: Schema) -> str:
    plain, nullable = _without_null(value)

    if value.get("type") == "null":
        return "null"

    return _plain_type(plain, definitions) + (" or null" if nullable else "")


def _plain_type(plain: Schema, definitions: Schema) -> str:
    target = plain.get("$ref")

    if isinstance(target, str):
        found = _mapping(definitions.get(target.rpartition("/")[2]))
        return _choices(found) or "object"

    if plain.get("type") == "array":
        return f"list of {_type(_mapping(plain.get('items')), definitions)}"

    kinds = plain.get("type")
    kind = " or ".join(map(str, kinds)) if isinstance(kinds, list) else _text(kinds)
    return _choices(plain) or kind or "any JSON"


def _choices(schema: Schema) -> str:
    choices = schema.get("enum")
    return ", ".join(f"`{one}`" for one in choices) if isinstance(choices, list) else ""


def _limits(value: Schema, definitions: Schema) -> str:
    plain, _ = _without_null(value)
    inner = _mapping(plain.get("items"))
    own = _told(plain)
    each = [f"each {limit}" for limit in _told(inner)] if plain.get("type") == "array" else []
    return "; ".join([*own, *each])


def _told(schema: Schema) -> list[str]:
    told = []

    for name, words in _LIMITS.items():
        limit = schema.get(name)

        if limit is not None:
            shown = f"{limit:,}" if isinstance(limit, int) else str(limit).replace("|", "\\|")
            quiet = _QUIET.get((name, limit)) if isinstance(limit, int) else None
            told.append(quiet or words.format(shown))

    return told


def _default(value: Schema) -> str | None:
    default = value.get("default")
    return None if default is None else json.dumps(default)


def _definitions(schema: Schema) -> Schema:
    return _mapping(schema.get("$defs"))


def _mapping(value: JsonValue) -> Schema:
    return value if isinstance(value, dict) else {}


def _text(value: JsonValue) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
