"""The JSON Schema of policy documents, for editors: what has the right shape fulfils it."""

import json

from mcp_router.canonical import JsonValue
from mcp_router.policy.draft_document import DocumentForm

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLE = "A policy of mcp-router"
_NOISE = frozenset({"title", "default"})  # made from our field names, or `null`


def policy_schema() -> str:
    """Return the schema as JSON text, the same on every machine.

    It knows the shape of a document, with a description of each key; whether its parts fit
    together, `policy check` says.
    """
    made: JsonValue = DocumentForm.model_json_schema()
    schema = _tidy(made, names=False)
    assert isinstance(schema, dict)
    return json.dumps({"$schema": _DIALECT, "title": _TITLE, **schema}, indent=2) + "\n"


def _tidy(value: JsonValue, *, names: bool) -> JsonValue:
    """Return a schema without what helps nobody; keys below `names` are the document's own."""
    if isinstance(value, list):
        return [_tidy(item, names=False) for item in value]

    if not isinstance(value, dict):
        return value

    kept = {
        name: _tidy(item, names=not names and name in ("properties", "$defs", "patternProperties"))
        for name, item in value.items()
        if names or name not in _NOISE
    }

    if "patternProperties" in kept and not names:
        return {**kept, "additionalProperties": False}

    return kept
