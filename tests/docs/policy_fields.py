"""The keys of a policy as tables, from its JSON Schema."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mcp_router.canonical import JsonValue
from mcp_router.policy.schema import policy_schema

Schema: TypeAlias = Mapping[str, JsonValue]

SECTIONS = (
    ("The document", None),
    ("Limits", "DefaultLimitsForm"),
    ("Budgets", "BudgetsForm"),
    ("Learning", "LearningForm"),
    ("An intent", "IntentForm"),
    ("A pool", "PoolForm"),
    ("Weights", "WeightsForm"),
    ("A target", "TargetForm"),
    ("A rule", "RuleForm"),
    ("Conditions", "WhenForm"),
    ("Requirements", "RequiresForm"),
    ("Checks", "ChecksForm"),
    ("Confidence", "ConfidenceForm"),
    ("Advisor", "AdvisorForm"),
    ("Cache", "CacheForm"),
    ("Limits of a rule", "LimitsForm"),
    ("A tool", "ToolForm"),
    ("A case", "CaseForm"),
    ("What a case gives", "GivenForm"),
    ("What a case expects", "ExpectForm"),
)
_HOMES = {form: title for title, form in SECTIONS if form}


def policy_fields() -> str:
    """Return a table for every part of a document, in the order of the guide."""
    schema: Schema = json.loads(policy_schema())
    forms = _mapping(schema["$defs"])
    return "\n".join(
        f"## {title}\n\n{_table(_mapping(forms[form]) if form else schema, forms)}"
        for title, form in SECTIONS
    )


def _table(form: Schema, forms: Schema) -> str:
    required = form.get("required")
    names = required if isinstance(required, list) else []
    body = [
        [
            f"`{name}`",
            "yes" if name in names else "",
            _value(_mapping(field), forms),
            str(_mapping(field)["description"]).replace("|", "\\|"),
        ]
        for name, field in _mapping(form["properties"]).items()
    ]
    lines = [["key", "required", "value", "meaning"], ["---"] * 4, *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _value(schema: Schema, forms: Schema) -> str:
    """Return what a key takes, in words."""
    options = [_mapping(one) for one in _listed(schema.get("anyOf"))]
    real = [one for one in options if one.get("type") != "null"]

    if real:
        return " or ".join(_value(one, forms) for one in real)

    if "$ref" in schema:
        return _named(str(schema["$ref"]).rpartition("/")[2], forms)

    if schema.get("type") == "array":
        return f"list of {_value(_mapping(schema['items']), forms)}"

    if schema.get("type") == "object":
        return _object(schema, forms)

    choices = _listed(schema.get("enum"))
    return ", ".join(f"`{one}`" for one in choices) if choices else _scalar(schema)


def _named(form: str, forms: Schema) -> str:
    """Return a link to the part's own table, or the words to choose from."""
    if form in _HOMES:
        return f"[{_HOMES[form].lower()}](#{_HOMES[form].lower().replace(' ', '-')})"

    return _value(_mapping(forms[form]), forms)


def _object(schema: Schema, forms: Schema) -> str:
    inner = schema.get("additionalProperties")
    patterns = list(_mapping(schema.get("patternProperties")).values())
    held = patterns[0] if patterns else inner
    return f"name: {_value(_mapping(held), forms)}" if _mapping(held) else "a mapping"


def _scalar(schema: Schema) -> str:
    kind = {"string": "text", "boolean": "`true` or `false`", "integer": "whole number"}
    word = kind.get(str(schema.get("type")), str(schema.get("type")))
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most = schema.get("maximum")
    told = [
        "" if low is None else f"from {_number(low)}",
        "" if above is None else f"above {_number(above)}",
        "" if most is None else f"to {_number(most)}",
    ]
    return " ".join([word, *filter(None, told)])


def _number(value: JsonValue) -> str:
    assert isinstance(value, int | float)
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}"


def _listed(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else []


def _mapping(value: JsonValue) -> Schema:
    return value if isinstance(value, dict) else {}
