"""Zendesk's native idempotency: what a key of `POST /tickets` answered, for two hours.

As its documentation says (developer.zendesk.com, ticketing introduction, "Idempotency"): keys are
per account, a repeated request gets the first answer, and another body under the same key gets
400. That a refused create does not use up its key is unverified.
"""

from dataclasses import dataclass

from mcp_router.canonical import JsonValue, digest
from mcp_router.sandbox.zendesk.exchange import Refusal, refuse
from mcp_router.sandbox.zendesk.records import Audit, Ticket

KEPT_MS = 2 * 60 * 60 * 1000
"""How long a key is remembered."""

LONGEST_KEY = 255
"""Characters of a key at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """A ticket as it was right after it was created, and the audit of that."""

    ticket: Ticket
    audit: Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    parameters: str
    creation: Creation
    at_ms: int


class IdempotencyKeys:
    """The keys of one account. Not safe between threads: the state that holds them is."""

    def __init__(self) -> None:
        """Start with no key in use."""
        self._entries: dict[str, _Entry] = {}

    def find(self, key: str, parameters: JsonValue, now_ms: int) -> Creation | None:
        """Return what was created under `key` less than two hours ago, or None.

        Raises:
            Refusal: 400, the key is too long or was used with other parameters.
        """
        if len(key) > LONGEST_KEY:
            raise _refusal("The idempotency key is longer than 255 characters")

        entry = self._entries.get(key)

        if entry is None or now_ms - entry.at_ms >= KEPT_MS:
            return None

        if entry.parameters != digest(parameters):
            raise _refusal("Request parameters don't match the given idempotency key")

        return entry.creation

    def keep(self, key: str, parameters: JsonValue, creation: Creation, now_ms: int) -> None:
        """Remember what was created under `key`, and forget what is too old."""
        self._entries = {
            name: entry for name, entry in self._entries.items() if now_ms - entry.at_ms < KEPT_MS
        }
        self._entries[key] = _Entry(parameters=digest(parameters), creation=creation, at_ms=now_ms)


def _refusal(description: str) -> Refusal:
    return refuse(400, "IdempotentRequestError", description)
