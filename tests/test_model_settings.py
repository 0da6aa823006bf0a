"""What router.yaml says of a model, and how a mistake in it is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.domain.target import ModelTarget, Price
from mcp_router.errors import InvalidSettings
from mcp_router.settings import parse_settings

FILE = """\
providers:
  p: {{kind: openai, api_key: k}}
models:
  m: {{provider: p, model: x, family: f{more}}}
"""
PLAIN = ModelTarget(name="m", provider="p", model="x", family="f")


def parsed(more: str, tmp_path: Path) -> ModelTarget:
    text = FILE.format(more=f", {more}" if more else "")
    (found,) = parse_settings(text, file=str(tmp_path / "router.yaml"), environ={}).models
    return found


@pytest.mark.parametrize(
    ("more", "model"),
    [
        ("", PLAIN),
        ("context_tokens: 8000", replace(PLAIN, context_tokens=8_000)),
        (
            "price: {input: 0.1, output: 2}",
            replace(PLAIN, price=Price(input=100_000, output=2_000_000)),
        ),
        (
            "residency: eu, retention_days: 0, capabilities: [tools, json, tools]",
            replace(PLAIN, residency="eu", retention_days=0, capabilities=("json", "tools")),
        ),
        ("capabilities: []", replace(PLAIN, capabilities=())),
    ],
)
def test_what_is_said_of_a_model_is_taken_and_the_rest_is_unknown(
    more: str, model: ModelTarget, tmp_path: Path
) -> None:
    assert parsed(more, tmp_path) == model


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("residency: two words", "models.m.residency: expected a name of letters"),
        ("retention_days: -1", "models.m.retention_days: expected a number of at least 0"),
        ("retention_days: 1.5", "models.m.retention_days: expected a whole number"),
        ("capabilities: tools", "models.m.capabilities: expected a list"),
        ("capabilities: ['']", "models.m.capabilities[0]: expected a name of letters"),
        ("residence: eu", "models.m: expected a known key; did you mean `residency`?"),
    ],
)
def test_a_mistake_is_told_in_its_place(more: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        parsed(more, tmp_path)

    assert problem in refused.value.message
    assert ":4:" in refused.value.message
