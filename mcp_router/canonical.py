"""Canonical JSON (RFC 8785) and its digest: one text for one value, on every machine.

Before the RFC's rules, strings are brought to Unicode NFC and integers beyond 2^53 - 1 become
strings, because a reader in another language would round them.
"""

import dataclasses
import functools
import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeAlias

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

_SAFE_INTEGER = 2**53 - 1
_AS_IT_IS = frozenset({str, int, float, bool, type(None)})


def plain(value: object) -> JsonValue:
    """Return dataclasses, enums and tuples as plain JSON data, without what is None.

    Raises:
        TypeError: the value holds something that JSON has no form for.
    """
    kind = type(value)

    if kind in _AS_IT_IS:
        return value  # type: ignore[return-value]  # the set holds JSON's own scalar types

    if names := _field_names(kind):  # type: ignore[arg-type]  # every class is hashable
        pairs = ((name, getattr(value, name)) for name in names)
        return {name: plain(item) for name, item in pairs if item is not None}

    if isinstance(value, Enum):
        return plain(value.value)

    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}

    if isinstance(value, Sequence | frozenset | set):
        items = [plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, frozenset | set) else items

    raise TypeError(f"{type(value).__name__} has no JSON form")


@functools.cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass, none of any other type; asked for every value there is."""
    if not dataclasses.is_dataclass(kind):
        return ()

    return tuple(field.name for field in dataclasses.fields(kind))


def canonical_json(value: JsonValue) -> str:
    """Return the one canonical text of `value`.

    >>> canonical_json({"b": 1.0, "a": "e\\u0301"})
    '{"a":"é","b":1}'

    Raises:
        ValueError: a number is not finite, or two names of an object are the same in NFC.
    """
    try:
        # Almost every value has nothing on which Python's C encoder and the RFC disagree.
        return json.dumps(_common(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except _Uncommon:
        return _write(value)


class _Uncommon(Exception):
    """The value holds something that only the RFC's own rules write correctly."""


def _common(value: JsonValue) -> JsonValue:
    """Return the value in forms that the C encoder writes as the RFC does.

    Raises:
        _Uncommon: a number that ECMAScript writes in another way, or a key outside of ASCII,
            which sorts by UTF-16.
    """
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)

    if value is None or isinstance(value, bool):
        return value

    if isinstance(value, int):
        return value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)

    if isinstance(value, float):
        return _common_float(value)

    if isinstance(value, Mapping):
        if not "".join(value).isascii():
            raise _Uncommon

        return {name: _common(item) for name, item in value.items()}

    return [_common(item) for item in value]


def _common_float(value: float) -> float | int:
    """Return a float that both write alike, whole ones as integers."""
    if value.is_integer() and abs(value) <= _SAFE_INTEGER:
        return int(value)

    if 1e-4 <= abs(value) < _SAFE_INTEGER:
        return value

    raise _Uncommon


def _write(value: JsonValue) -> str:
    """Write a value by the RFC's own rules."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)

    if isinstance(value, str):
        return json.dumps(unicodedata.normalize("NFC", value), ensure_ascii=False)

    if isinstance(value, int):
        return str(value) if abs(value) <= _SAFE_INTEGER else f'"{value}"'

    if isinstance(value, float):
        return _number(value)

    if isinstance(value, Mapping):
        named = {unicodedata.normalize("NFC", name): item for name, item in value.items()}

        if len(named) < len(value):
            raise ValueError("two names of an object are the same in NFC")

        pairs = sorted(named.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        members = ",".join(f"{_write(k)}:{_write(v)}" for k, v in pairs)
        return "{" + members + "}"

    return "[" + ",".join(_write(item) for item in value) + "]"


def digest(value: JsonValue) -> str:
    """Return the SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def encodable(text: str) -> bool:
    """Return whether a text is whole characters, so that UTF-8 can hold it: no lone surrogates.

    >>> encodable("\\u00e9"), encodable("\\ud800")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False

    return True


def _number(value: float) -> str:
    """Write a float as ECMAScript does (RFC 8785, 3.2.2.3)."""
    if not math.isfinite(value):
        raise ValueError("canonical JSON has no infinity and no NaN")

    if value == 0:
        return "0"

    sign = "-" if value < 0 else ""
    mantissa, exponent = f"{abs(value)!r}".lower(), 0

    if "e" in mantissa:
        mantissa, tail = mantissa.split("e")
        exponent = int(tail)

    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + exponent - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    digits = digits.rstrip("0")
    return sign + _place(digits, point)


def _place(digits: str, point: int) -> str:
    """Put the decimal point of 0.digits x 10^point where ECMAScript puts it."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))

    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"

    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"

    head = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{head}e{'+' if point > 0 else '-'}{abs(point - 1)}"
