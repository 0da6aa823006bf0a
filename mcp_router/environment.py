"""`${NAME}` in a document: the environment fills values in, and never changes the structure."""

import re
from collections.abc import Mapping
from dataclasses import replace

from mcp_router.marked_yaml import MarkedDocument, Problem, YamlPath, YamlValue

_VARIABLE = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OPEN, _CLOSE = "\ue000\ue000", "\ue001"
_PROTECTED = re.compile(f"{_OPEN}([A-Za-z_][A-Za-z0-9_]*){_CLOSE}")


def protect_variables(content: bytes) -> bytes:
    """Return the YAML text with every `${NAME}` in a form that YAML takes anywhere.

    `{api_key: ${NAME}}` is not YAML, because a brace ends a plain value inside braces. So the
    three signs around a name become private characters, one for one: no column moves.
    """
    return _VARIABLE.sub(_OPEN.encode() + rb"\1" + _CLOSE.encode(), content)


def fill_in(
    document: MarkedDocument, environ: Mapping[str, str]
) -> tuple[MarkedDocument, tuple[Problem, ...]]:
    """Return the document with its variables replaced, and a problem for each missing one.

    An empty variable counts as missing, and a missing one reads as empty text.
    """
    missing: list[Problem] = []

    def fill(value: YamlValue, path: YamlPath) -> YamlValue:
        if isinstance(value, dict):
            return {key: fill(item, (*path, key)) for key, item in value.items()}

        if isinstance(value, list):
            return [fill(item, (*path, index)) for index, item in enumerate(value)]

        if not isinstance(value, str):
            return value

        missing.extend(
            document.problem(path, f"the environment variable {name} to be set")
            for name in dict.fromkeys(_PROTECTED.findall(value))
            if not environ.get(name)
        )
        return _PROTECTED.sub(lambda found: environ.get(found[1], ""), value)

    filled = replace(document, value=fill(document.value, ()))
    return filled, tuple(missing)
