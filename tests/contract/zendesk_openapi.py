"""Zendesk's OpenAPI description of its Support API, and what a message does to it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import yaml
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from openapi_schema_validator import oas30_format_checker as formats
from referencing import Registry
from referencing.jsonschema import DRAFT4

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import JsonObject

FILE = Path(__file__).parents[3] / "shared" / "data" / "zendesk" / "support-oas.yaml"
_NAME = "urn:zendesk"


Place: TypeAlias = tuple[str, ...]
"""Where a schema stands in the description, name by name."""


class _Loader(yaml.CSafeLoader):
    """Reads `=` and dates as text: the file has a plain `=`, and JSON has no dates."""


for _tag in ("value", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda _, node: str(node.value))


def load() -> JsonObject:
    with FILE.open(encoding="utf-8") as file:
        document: JsonObject = yaml.load(file, Loader=_Loader)

    return document


class Spec:
    """The description, with the corrections that tests have put into `document`."""

    def __init__(self, document: JsonObject) -> None:
        self.document = document
        resource = DRAFT4.create_resource(document)
        self._registry = Registry().with_resource(_NAME, resource)

    def node(self, *path: str) -> JsonObject:
        """Return an object by its path; references in between are followed."""
        found: JsonValue = self.document

        for name in path:
            assert isinstance(found, Mapping)
            found = self._followed(found[name])

        assert isinstance(found, Mapping)
        return found

    def operation(self, method: str, path: str) -> JsonObject:
        return self.node("paths", path, method.lower())

    def answer(self, method: str, path: str, status: int) -> Place:
        """Return where the schema of an answer stands, whether or not it does."""
        return (
            "paths", path, method.lower(), "responses", str(status),
            "content", "application/json", "schema",
        )  # fmt: skip

    def request(self, method: str, path: str) -> Place | None:
        """Return where the schema of a request stands, None when it has none."""
        if "requestBody" not in self.operation(method, path):
            return None

        return (
            "paths", path, method.lower(), "requestBody", "content", "application/json", "schema"
        )  # fmt: skip

    def parameters(self, method: str, path: str) -> set[str]:
        """Return the names of the query parameters that are listed for an operation."""
        names: set[str] = set()

        for holder in (self.node("paths", path), self.operation(method, path)):
            listed = holder.get("parameters", [])
            assert isinstance(listed, Sequence)

            for one in listed:
                parameter = self._followed(one)
                assert isinstance(parameter, Mapping)
                names |= {str(parameter["name"])} if parameter["in"] == "query" else set()

        return names

    def complaints(self, place: Place, body: JsonValue, *, request: bool = False) -> list[str]:
        """Return what is wrong with a body, as `path: why`; KeyError where there is no schema."""
        self.node(*place)
        kind = OAS30WriteValidator if request else OAS30ReadValidator
        pointer = "/".join(name.replace("~", "~0").replace("/", "~1") for name in place)
        schema = {"$ref": f"{_NAME}#/{pointer}"}
        validator = kind(schema, registry=self._registry, format_checker=formats)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]

    def unlisted(self, schema: JsonValue, body: JsonValue, where: str = "") -> Iterator[str]:
        """Yield the members of a body that the schema does not list, by their path.

        What an object may hold besides is left open by the file nearly everywhere, so a
        misspelt member would pass the validator.
        """
        schema = self._followed(schema)
        assert isinstance(schema, Mapping)

        if isinstance(body, Mapping):
            listed, open_ended = self._members(schema)

            for name, value in body.items():
                if name in listed:
                    yield from self.unlisted(listed[name], value, f"{where}.{name}".lstrip("."))
                elif not open_ended:
                    yield f"{where}.{name}".lstrip(".")

        elif isinstance(body, Sequence) and not isinstance(body, str) and "items" in schema:
            for item in body:
                yield from self.unlisted(schema["items"], item, f"{where}[]")

    def _members(self, schema: JsonObject) -> tuple[dict[str, JsonValue], bool]:
        listed: dict[str, JsonValue] = {}
        own = schema.get("properties", {})
        assert isinstance(own, Mapping)
        parts = [schema.get(word, []) for word in ("allOf", "anyOf", "oneOf")]
        open_ended = bool(schema.get("additionalProperties"))

        for group in parts:
            assert isinstance(group, Sequence)

            for one in group:
                part = self._followed(one)
                assert isinstance(part, Mapping)
                listed |= self._members(part)[0]

        return {**listed, **own}, open_ended or not (listed or own)

    def _followed(self, node: JsonValue) -> JsonValue:
        while isinstance(node, Mapping) and isinstance(reference := node.get("$ref"), str):
            node = self.node(*reference.removeprefix("#/").split("/"))

        return node


def bare(path: str) -> str:
    """Return a path without the names of its parameters."""
    return re.sub(r"\{\w+\}", "{}", path)
