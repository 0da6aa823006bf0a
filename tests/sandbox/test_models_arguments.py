import json
from collections.abc import Mapping

import pytest
from jsonschema import Draft202012Validator

from mcp_router.sandbox.models.arguments import tool_arguments

SAID = "Please refund $49.00 on ticket #4821 for ana@example.org, priority high."


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"type": "object"}, {}),
        (
            {
                "type": "object",
                "properties": {"ticket_id": {"type": "string"}, "note": {"type": "string"}},
                "required": ["ticket_id"],
            },
            {"ticket_id": "4821"},
        ),
        (
            {
                "type": "object",
                "properties": {
                    "ticket_id": {"type": "integer"},
                    "requester_email": {"type": "string", "format": "email"},
                    "priority": {"enum": ["low", "normal", "high"]},
                    "public": {"type": "boolean"},
                    "tags": {"type": "array", "items": {"type": "string", "maxLength": 6}},
                    "steps": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
                },
                "required": ["ticket_id", "requester_email", "priority", "public", "tags", "steps"],
            },
            {
                "ticket_id": 4821,
                "requester_email": "ana@example.org",
                "priority": "high",
                "public": True,
                "tags": [],
                "steps": [4821, 4821],
            },
        ),
        (
            {
                "type": "object",
                "properties": {
                    "share": {"type": "number", "minimum": 0.1, "maximum": 0.9},
                    "amount": {"type": "number", "exclusiveMinimum": 0},
                    "below": {"type": "integer", "maximum": -5},
                    "even": {"type": "integer", "minimum": 5, "maximum": 20, "multipleOf": 4},
                },
                "required": ["share", "amount", "below", "even"],
            },
            {"share": 0.5, "amount": 4821, "below": -6, "even": 8},
        ),
        (
            {
                "type": "object",
                "properties": {
                    "customer": {"$ref": "#/$defs/Customer"},
                    "at": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]},
                    "code": {"type": "string", "minLength": 80, "maxLength": 80},
                    "kind": {"const": "refund"},
                    "either": {"type": ["null", "integer"]},
                },
                "required": ["customer", "at", "code", "kind", "either"],
                "$defs": {
                    "Customer": {
                        "allOf": [
                            {"properties": {"email": {"type": "string"}}, "required": ["email"]},
                            {"properties": {"vip": {"type": "boolean"}}, "required": ["vip"]},
                        ]
                    }
                },
            },
            {
                "customer": {"email": "ana@example.org", "vip": True},
                "at": "2026-01-15",
                "code": SAID.ljust(80, "."),
                "kind": "refund",
                "either": 4821,
            },
        ),
        (
            {
                "type": "OBJECT",
                "properties": {"ticketId": {"type": "STRING"}},
                "required": ["ticketId"],
            },
            {"ticketId": "4821"},
        ),
    ],
)
def test_arguments_satisfy_the_schema(schema: Mapping[str, object], arguments: object) -> None:
    made = json.loads(tool_arguments(json.dumps(schema), SAID))

    assert made == arguments

    if "OBJECT" not in json.dumps(schema):  # the words of Gemini's older schema dialect
        Draft202012Validator(schema).validate(made)


def test_without_anything_to_take_arguments_are_placeholders() -> None:
    schema = {
        "type": "object",
        "properties": {
            "ticket_id": {"type": "string"},
            "email": {"type": "string"},
            "query": {"type": "string"},
            "limit": {"type": "integer", "maximum": 50},
        },
        "required": ["ticket_id", "email", "query", "limit"],
    }

    assert json.loads(tool_arguments(json.dumps(schema), "")) == {
        "ticket_id": "1",
        "email": "customer@example.com",
        "query": "text",
        "limit": 1,
    }


def test_schema_that_requires_itself_ends() -> None:
    schema = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {"next": {"$ref": "#/$defs/Node"}},
                "required": ["next"],
            }
        },
    }

    assert tool_arguments(json.dumps(schema), "").startswith('{"next": {"next": ')


@pytest.mark.parametrize("schema", ["", "[]", '{"type": "string"}'])
def test_schema_of_anything_but_an_object_gives_no_arguments(schema: str) -> None:
    assert tool_arguments(schema, SAID) == "{}"
