"""Personal data in JSON: every text and number in it is looked at with its name before it.

The name is what tells `{"password": "…"}` from any other text.
"""

import json
from collections.abc import Callable
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

Hide = Callable[[str, str], str]
"""Return a text with placeholders; the first argument is what stands before it."""


def hide_in_json(text: str, hide: Hide) -> str:
    """Return JSON text with placeholders; what is no JSON is hidden as plain text.

    A number in which something is found becomes a text.
    """
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return hide("", text)

    hidden = _hidden(value, "", hide)
    return text if hidden == value else json.dumps(hidden, ensure_ascii=False)


def _hidden(value: Json, name: str, hide: Hide) -> Json:
    """Return one value with placeholders."""
    if isinstance(value, dict):
        return {key: _hidden(item, key, hide) for key, item in value.items()}

    if isinstance(value, list):
        return [_hidden(item, name, hide) for item in value]

    if isinstance(value, bool) or value is None:
        return value

    plain = value if isinstance(value, str) else json.dumps(value)
    hidden = hide(f"{name.replace('_', ' ')}: " if name else "", plain)
    return value if hidden == plain else hidden
