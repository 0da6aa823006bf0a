"""What a model reads of a tool before it calls it."""

from collections.abc import Iterator, Mapping

import pytest

from mcp_router.tools.registry import REGISTRY
from mcp_router.tools.tool import AnyTool


def fields(schema: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield each field of a schema and of its parts."""
    parts = schema.get("$defs", {})
    assert isinstance(parts, Mapping)

    for name, part in (("", schema), *parts.items()):
        properties = part.get("properties", {})
        assert isinstance(properties, Mapping)

        for field, description in properties.items():
            yield f"{name}.{field}", description


@pytest.mark.parametrize("tool", REGISTRY, ids=lambda tool: tool.name)
def test_every_argument_and_every_field_of_a_result_says_what_it_means(tool: AnyTool) -> None:
    models = (tool.arguments, tool.result)
    silent = [
        name
        for model in models
        for name, field in fields(model.model_json_schema())
        if not field.get("description")
    ]

    assert silent == []
