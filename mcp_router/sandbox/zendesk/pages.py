"""Zendesk's two ways of paging through a list: by number, and by cursor.

Both as developer.zendesk.com describes them under "Pagination": `page` and `per_page` with
`count`, `next_page` and `previous_page`; `page[size]`, `page[after]` and `page[before]` with
`meta` and `links`.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import Ask, JsonObject, invalid_attribute, whole_number

MOST = 100
"""Rows of a page at most, and when the request does not say."""

_CURSOR_WORDS = ("page[size]", "page[after]", "page[before]")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """The rows of one page, and the members that lead to the others."""

    rows: Sequence[Row]
    members: JsonObject


def page_of(rows: Sequence[Row], ask: Ask, identity: Callable[[Row], int]) -> Page[Row]:
    """Return the page of `rows` that the request asks for, by cursor if it names one.

    Raises:
        Refusal: 400, a paging parameter has the wrong form.
    """
    if any(ask.argument(word) is not None for word in _CURSOR_WORDS):
        return _by_cursor(rows, ask, identity)

    return numbered_page(rows, ask)


def numbered_page(rows: Sequence[Row], ask: Ask) -> Page[Row]:
    """Return the page of `rows` with the number that the request asks for.

    Raises:
        Refusal: 400, a paging parameter has the wrong form, or is one of cursor paging.
    """
    if any(ask.argument(word) is not None for word in _CURSOR_WORDS):
        raise invalid_attribute("page", "an integer")

    number = positive(ask, "page", 1)
    size = min(positive(ask, "per_page", MOST), MOST)
    start = (number - 1) * size
    more = start + size < len(rows)
    return Page(
        rows=rows[start : start + size],
        members={
            "count": len(rows),
            "next_page": _link(ask, {"page": str(number + 1)}) if more else None,
            "previous_page": _link(ask, {"page": str(number - 1)}) if number > 1 else None,
        },
    )


def whole_page(rows: Sequence[Row]) -> Page[Row]:
    """Return all rows as the only page."""
    members: JsonObject = {"count": len(rows), "next_page": None, "previous_page": None}
    return Page(rows=rows, members=members)


def positive(ask: Ask, name: str, default: int) -> int:
    """Return a query parameter that must be an integer from 1 on, `default` when absent.

    Raises:
        Refusal: 400, it is something else.
    """
    text = ask.argument(name)

    if text is None:
        return default

    number = whole_number(text)

    if not number:
        raise invalid_attribute(name.partition("[")[0], "an integer")

    return number


def encode_cursor(text: str) -> str:
    """Return a cursor for what a page ends with."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, name: str) -> str:
    """Return what a cursor was made from.

    Raises:
        Refusal: 400, it is not one of ours; `name` is the parameter it came in.
    """
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        return base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeError) as broken:
        raise invalid_attribute(name, "a valid cursor") from broken


def _by_cursor(rows: Sequence[Row], ask: Ask, identity: Callable[[Row], int]) -> Page[Row]:
    size = min(positive(ask, "page[size]", MOST), MOST)
    places = {str(identity(row)): place for place, row in enumerate(rows)}
    after, before = ask.argument("page[after]"), ask.argument("page[before]")

    if before is not None:
        stop = _place(places, before)
        start = max(0, stop - size)
    else:
        start = 0 if after is None else _place(places, after) + 1
        stop = start + size

    found = rows[start:stop]
    first = encode_cursor(str(identity(found[0]))) if found else None
    last = encode_cursor(str(identity(found[-1]))) if found else None
    more = bool(found) and (start > 0 if before is not None else stop < len(rows))
    ahead = bool(found) and stop < len(rows)
    return Page(
        rows=found,
        members={
            "meta": {"has_more": more, "after_cursor": last, "before_cursor": first},
            "links": {
                "next": _link(ask, {"page[after]": last}) if last and ahead else None,
                "prev": _link(ask, {"page[before]": first}) if first and start > 0 else None,
            },
        },
    )


def _place(places: Mapping[str, int], cursor: str) -> int:
    identity = decode_cursor(cursor, "page")

    if identity not in places:
        raise invalid_attribute("page", "a valid cursor")

    return places[identity]


def _link(ask: Ask, changed: Mapping[str, str]) -> JsonValue:
    dropped = {*changed, "page[after]", "page[before]"}
    kept = [(name, value) for name, value in ask.query if name not in dropped]
    return f"{ask.base}{ask.path}?{urlencode([*kept, *changed.items()])}"
