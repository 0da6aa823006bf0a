"""Which key an action has: the host's own, else the slot that its intent fills.

Arguments are only ever the fingerprint. A fallback model words the same reply differently; if
the wording were the key, the customer would get both.
"""

from dataclasses import dataclass
from enum import StrEnum

from mcp_router.canonical import JsonValue, canonical_json, digest
from mcp_router.domain.effect import Effect

FINGERPRINT_VERSION = 1
WINDOW_MS = 10 * 60 * 1000


class KeySource(StrEnum):
    """Where a key came from, and so how far it may be trusted."""

    EXPLICIT = "explicit"  # the host named it
    CALL = "call"  # this one tool call of this run, by an id that the host promises to repeat
    SLOT = "slot"  # one write of this tool to this object in this run
    HEURISTIC = "heuristic"  # same arguments within ten minutes; nothing better was said
    FRESH = "fresh"  # a write that may be repeated: nothing to guard against


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The key of an action; `twins` are what the windows just before and after would give.

    Two calls on both sides of a window's edge have different keys and mean the same.
    """

    text: str
    source: KeySource
    twins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intention:
    """Who wants what done to which object, apart from the words of it."""

    tenant: str
    principal: str
    tool: str
    effect: Effect
    object_id: str | None
    run_id: str | None
    fingerprint: str
    host_call_id: str | None = None


def fingerprint(tool: str, arguments: JsonValue) -> str:
    """Return `version:sha256` of a tool's arguments with all defaults filled in."""
    return f"{FINGERPRINT_VERSION}:{digest({'tool': tool, 'arguments': arguments})}"


def choose_key(explicit: str | None, intention: Intention, now_ms: int, fresh: str) -> Key:
    """Return the strongest key that the call allows: explicit, call, slot of the run, heuristic.

    A write that may be repeated gets `fresh`, a key of its own, where nothing names it: a second
    one within ten minutes is meant, because the object may have changed in between.
    """
    if explicit is not None:
        return Key(text=explicit, source=KeySource.EXPLICIT)

    if intention.run_id is not None and intention.host_call_id is not None:
        parts: list[JsonValue] = [intention.run_id, intention.host_call_id]
        return Key(text=_hash("call", intention, parts), source=KeySource.CALL)

    if intention.run_id is not None:
        return Key(text=_hash("slot", intention, [intention.run_id]), source=KeySource.SLOT)

    if intention.effect is Effect.IDEMPOTENT_WRITE:
        return Key(text=fresh, source=KeySource.FRESH)

    window = now_ms // WINDOW_MS
    return Key(
        text=_hash("auto", intention, [intention.fingerprint, window]),
        source=KeySource.HEURISTIC,
        twins=tuple(
            _hash("auto", intention, [intention.fingerprint, near])
            for near in (window - 1, window + 1)
        ),
    )


def _hash(kind: str, intention: Intention, parts: list[JsonValue]) -> str:
    """Return a key that names its kind and tells nothing about its parts."""
    slot: list[JsonValue] = [
        intention.tenant,
        intention.principal,
        intention.tool,
        intention.object_id,
        *parts,
    ]
    return f"{kind}:{digest(canonical_json(slot))[:40]}"
