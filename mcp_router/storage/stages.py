"""A rollout as every kind of database keeps it: as JSON in its policy's row."""

import json

from pydantic import TypeAdapter, ValidationError

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.rollout import Rollout
from mcp_router.errors import StorageUnavailable

_ROLLOUT = TypeAdapter(Rollout)


def write_rollout(rollout: Rollout | None) -> str | None:
    """Return the rollout as text, None for none."""
    return None if rollout is None else canonical_json(plain(rollout))


def read_rollout(text: str | None) -> Rollout | None:
    """Return the rollout of a text.

    Raises:
        StorageUnavailable: the row is damaged, or of a version that this one cannot read.
    """
    if text is None:
        return None

    try:
        return _ROLLOUT.validate_python(json.loads(text))
    except (ValidationError, json.JSONDecodeError):
        raise StorageUnavailable(
            "How a policy stands cannot be read.",
            next_step="Read it with the version that wrote it, or restore it from a backup.",
        ) from None
