"""Alerts and counts as every kind of database keeps them: as JSON in their rows."""

import json
from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.alert import Alert, DayCounts
from mcp_router.errors import StorageUnavailable

_ALERT = TypeAdapter(Alert)
_COUNTS = TypeAdapter(DayCounts)


def write_alert(alert: Alert) -> str:
    """Return the alert as text."""
    return canonical_json(plain(alert))


def read_alert(text: str) -> Alert:
    """Return the alert of a text.

    Raises:
        StorageUnavailable: the row is damaged, or of a version that this one cannot read.
    """
    try:
        return _ALERT.validate_python(json.loads(text))
    except (ValidationError, json.JSONDecodeError):
        raise _unreadable() from None


def write_ids(ids: Sequence[str]) -> str:
    """Return ids as the one text that a window has for them; none of them has a space."""
    return " ".join(ids)


def read_ids(text: str) -> tuple[str, ...]:
    """Return the ids of a text.

    >>> read_ids(write_ids(["alr_1", "alr_2"]))
    ('alr_1', 'alr_2')
    """
    return tuple(text.split())


def write_counts(counts: DayCounts) -> str:
    """Return the counts as text."""
    return canonical_json(plain(counts))


def read_counts(text: str) -> DayCounts:
    """Return the counts of a text.

    Raises:
        StorageUnavailable: as `read_alert`.
    """
    try:
        return _COUNTS.validate_python(json.loads(text))
    except (ValidationError, json.JSONDecodeError):
        raise _unreadable() from None


def _unreadable() -> StorageUnavailable:
    return StorageUnavailable(
        "What is to be told cannot be read.",
        next_step="Read it with the version that wrote it, or restore it from a backup.",
    )
