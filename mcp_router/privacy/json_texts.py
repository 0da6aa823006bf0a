"""Personal data in JSON: every name is looked at, and each text and number with its name before it.

The name is what tells `{"password": "…"}` from any other text.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Hide = Callable[[str, str], str]
"""Return a text with placeholders; the first argument is what stands before it."""


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with all its members: a name may stand there twice, and both are sent."""

    members: tuple[tuple[str, "_Json"], ...]


_Json: TypeAlias = "_Object | list[_Json] | str | int | float | bool | None"


def hide_in_json(text: str, hide: Hide) -> str:
    """Return JSON text with placeholders; what is no JSON is hidden as plain text.

    A number in which something is found becomes a text.
    """
    try:
        value: _Json = json.loads(text, object_pairs_hook=lambda pairs: _Object(tuple(pairs)))
    except (ValueError, RecursionError):
        return hide("", text)

    try:
        hidden = _hidden(value, "", hide)
        return text if hidden == value else _written(hidden)
    except RecursionError:  # read without recursion, but too deep for ours
        return hide("", text)


def _hidden(value: _Json, before: str, hide: Hide) -> _Json:
    """Return one value with placeholders."""
    if isinstance(value, _Object):
        return _Object(
            tuple(
                (hide("", name), _hidden(one, f"{_words(name)}: ", hide))
                for name, one in value.members
            )
        )

    if isinstance(value, list):
        return [_hidden(one, before, hide) for one in value]

    if isinstance(value, bool) or value is None:
        return value

    plain = value if isinstance(value, str) else json.dumps(value)
    hidden = hide(before, plain)
    return value if hidden == plain else hidden


def _written(value: _Json) -> str:
    """Return a value as JSON text."""
    if isinstance(value, _Object):
        members = (f"{_written(name)}: {_written(one)}" for name, one in value.members)
        return f"{{{', '.join(members)}}}"

    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"

    return json.dumps(value, ensure_ascii=False)


# `mobilePhone`, `MobilePhone` and `SSNNumber` have their words side by side.
_SEAM = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORDS = re.compile(r"(?<=[A-Za-z])_?\d{0,3}(?:__p?c)?$")
"""What Salesforce adds to names of one's own, and the number of one of several."""


def _words(name: str) -> str:
    """Return a name as words with blanks between them.

    >>> _words("date_of_birth"), _words("HomePhone2"), _words("SSNNumber__c"), _words("e-mail")
    ('date of birth', 'Home Phone', 'SSN Number', 'e-mail')
    """
    return _SEAM.sub(" ", _NO_WORDS.sub("", name)).strip()
