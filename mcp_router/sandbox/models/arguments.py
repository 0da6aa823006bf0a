"""Arguments for a tool, made from its JSON schema and what the customer said."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp_router.canonical import JsonValue

_DEEPEST = 12  # a schema that requires itself has no finite value anyway

_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "email": "customer@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}

Schema = Mapping[str, JsonValue]


def tool_arguments(parameters_json: str, said: str) -> str:
    """Return JSON arguments that satisfy the schema in `parameters_json`.

    Required properties are filled from their types, numbers and ids from the numbers in `said`,
    choices from its words. Patterns are not solved. A schema that is no object gives `{}`.
    """
    schema: JsonValue = json.loads(parameters_json or "{}")

    if not isinstance(schema, dict):
        return "{}"

    value = _Filler(root=schema, said=said).fill(schema, "", 0)
    return json.dumps(value if isinstance(value, dict) else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filler:
    root: Schema
    said: str

    def fill(self, schema: Schema, name: str, depth: int) -> JsonValue:
        """Return a value for `schema`; `name` is the property's."""
        schema = self._plain(schema, depth)

        if "const" in schema:
            return schema["const"]

        if isinstance(choices := schema.get("enum"), list) and choices:
            return self._choice(choices)

        match _type_of(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer" | "number":
                return self._number(schema)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _choice(self, choices: Sequence[JsonValue]) -> JsonValue:
        said = self.said.lower()
        return next((one for one in choices if str(one).lower() in said), choices[0])

    def _plain(self, schema: Schema, depth: int) -> Schema:
        """Follow references and choose the first real alternative."""
        for _ in range(_DEEPEST):
            if isinstance(pointer := schema.get("$ref"), str):
                schema = {**_resolve(self.root, pointer), **_without(schema, "$ref")}
            elif options := _schemas(schema.get("anyOf") or schema.get("oneOf")):
                real = [option for option in options if option.get("type") != "null"]
                schema = {**_without(schema, "anyOf", "oneOf"), **(real or options)[0]}
            elif parts := _schemas(schema.get("allOf")):
                schema = _merged([_without(schema, "allOf"), *parts])
            else:
                break

        return schema if depth < _DEEPEST else {"type": "null"}

    def _object(self, schema: Schema, depth: int) -> JsonValue:
        properties = schema.get("properties")
        required = schema.get("required")
        known = properties if isinstance(properties, dict) else {}
        names = required if isinstance(required, list) else []
        return {
            str(name): self.fill(_schema(known.get(str(name))), str(name), depth + 1)
            for name in names
        }

    def _array(self, schema: Schema, name: str, depth: int) -> JsonValue:
        items = _schema(schema.get("items"))
        return [
            self.fill(items, name, depth + 1) for _ in range(int(_number_of(schema, "minItems", 0)))
        ]

    def _number(self, schema: Schema) -> JsonValue:
        below = _number_of(schema, "exclusiveMaximum", 10**15)
        high = _number_of(schema, "maximum", below)
        usual = _number_of(schema, "minimum", min(1, high - 1))
        above = _number_of(schema, "exclusiveMinimum", usual - 1)
        low = _number_of(schema, "minimum", above)
        step = max(1, math.ceil(_number_of(schema, "multipleOf", 1)))
        first = math.floor(above) + 1 if low == above else math.ceil(low)
        wanted = [int(digits) for digits in _digits(self.said)] + [-(-first // step) * step]
        fitting = [
            number
            for number in wanted
            if low <= number <= high and above < number < below and number % step == 0
        ]
        return fitting[0] if fitting else (low + high) / 2

    def _string(self, schema: Schema, name: str) -> str:
        shape = schema.get("format")
        text = self._words(name) if shape is None else _FORMATS.get(str(shape), "text")
        found = re.search(r"[\w.+-]+@[\w-]+\.[\w.-]*\w", self.said)

        if found and (shape == "email" or "email" in name.lower()):
            text = found[0]

        shortest = int(_number_of(schema, "minLength", 0))
        longest = int(_number_of(schema, "maxLength", max(shortest, 2000)))
        return text.ljust(shortest, ".")[:longest]

    def _words(self, name: str) -> str:
        """Return an id for a name that asks for one, else what was said."""
        if re.search(r"(^|_)(id|ids|number|no)$|Id$", name):
            return next(iter(_digits(self.said)), "1")

        if "email" in name.lower():
            return _FORMATS["email"]

        return self.said.strip() or "text"


def _digits(text: str) -> list[str]:
    """Return the whole numbers in `text`, without those of amounts and addresses.

    >>> _digits("Ticket #4821 cost $49.00")
    ['4821']
    """
    return re.findall(r"(?<![\w$.,@-])#?(\d{1,15})(?![\w@]|[.,]\d)", text)


def _type_of(schema: Schema) -> str:
    kind = schema.get("type")

    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")

    if isinstance(kind, str):
        return kind.lower()  # Gemini writes OBJECT where JSON Schema has object

    return "object" if "properties" in schema else "string"


def _schema(value: JsonValue) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _schemas(value: JsonValue) -> list[Schema]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []

    return [item for item in value if isinstance(item, Mapping)]


def _without(schema: Schema, *names: str) -> Schema:
    return {name: value for name, value in schema.items() if name not in names}


def _merged(parts: list[Schema]) -> Schema:
    whole: dict[str, JsonValue] = {}
    properties: dict[str, JsonValue] = {}
    required: list[JsonValue] = []

    for part in parts:
        whole.update(part)
        properties.update(_schema(part.get("properties")))
        names = part.get("required")
        required.extend(names if isinstance(names, list) else [])

    return {**whole, "properties": properties, "required": required} if properties else whole


def _resolve(root: Schema, pointer: str) -> Schema:
    """Return what a local pointer such as `#/$defs/Address` stands for, or an empty schema."""
    found: JsonValue = root

    for step in pointer.removeprefix("#/").split("/"):
        found = _schema(found).get(step.replace("~1", "/").replace("~0", "~"))

    return _schema(found)


def _number_of(schema: Schema, name: str, otherwise: float) -> float:
    value = schema.get(name)
    return value if isinstance(value, int | float) else otherwise
