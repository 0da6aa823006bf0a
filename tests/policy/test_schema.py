"""The published JSON Schema is that of the code, and whatever loads fulfils it."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from mcp_router.marked_yaml import parse_yaml
from mcp_router.policy.schema import policy_schema
from tests.cli.running import run
from tests.policy.documents import VALID, changed
from tests.source_tree import CHECKOUT

PUBLISHED = CHECKOUT / "docs" / "policy.schema.json"
SHIPPED = sorted((CHECKOUT / "policies").glob("*/*.yaml"), key=lambda file: int(file.stem))
VALIDATOR = Draft202012Validator(json.loads(policy_schema()))


def complaints(text: str) -> list[str]:
    value = parse_yaml(text.encode(), file="x.yaml").value
    return [one.json_path for one in VALIDATOR.iter_errors(value)]


def test_the_published_schema_is_that_of_the_code() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == policy_schema(), (
        "run: mcp-router policy schema > docs/policy.schema.json"
    )


def test_the_command_prints_it() -> None:
    result = run("policy", "schema")

    assert (result.exit_code, result.stdout) == (0, policy_schema())


def test_it_is_a_schema_and_describes_every_key() -> None:
    schema = json.loads(policy_schema())
    forms = [schema, *schema["$defs"].values()]
    keys = [(name, key) for form in forms for name, key in form.get("properties", {}).items()]

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert [name for name, key in keys if not key.get("description")] == []
    assert len(keys) > 100


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_shipped_document_fulfils_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert complaints(text) == []
    assert yaml.safe_load(text)["version"] == int(file.stem)


def test_an_editor_finds_it_from_the_newest_document() -> None:
    newest = SHIPPED[-1]
    first = newest.read_text(encoding="utf-8").splitlines()[0]

    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (newest.parent / named).resolve() == PUBLISHED


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 2", "version: two", ["$.version"]),
        ("owner: support", "owner: ' '", ["$.owner"]),
        ("    goal: quality\n", "    goal: speed\n", ["$.pools.strong.goal"]),
        ("intent: dispute", "intnt: dispute", ["$.rules[0].when"]),
        ("intent: dispute", "intent: []", ["$.rules[0].when"]),
        ("quality: 0.95", "quality: 95", ["$.pools.strong.targets[0]"]),
        ("  lookup_ticket:", "  find_ticket:", ["$.tools"]),
        ("  dispute:\n", "  Dispute:\n", ["$.intents"]),
    ],
)
def test_what_has_a_wrong_shape_does_not(old: str, new: str, expected: list[str]) -> None:
    assert complaints(VALID) == []
    assert complaints(changed(old, new)) == expected
