"""What is tortured: one tool in one situation of its desk, and how to count what it has done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from benchmarks.torture.desks import Desks, Truth
from mcp_router.canonical import JsonValue
from mcp_router.domain.action import Strategy


class Subject(StrEnum):
    """A write; the names are those of the report."""

    CREATE = "create_ticket"
    REPLY = "reply_to_ticket"
    NOTE = "add_internal_note"
    UPDATE = "update_ticket"
    SYNC_NEW = "sync_ticket_to_crm (insert)"
    SYNC_OLD = "sync_ticket_to_crm (update)"
    REPLY_PROBE = "reply_to_ticket (desk without versions)"
    REPLY_NONE = "reply_to_ticket (desk without anything)"


STRATEGIES: Mapping[Subject, Strategy] = {
    Subject.CREATE: Strategy.NATIVE_KEY,
    Subject.REPLY: Strategy.CAS_MARKER,
    Subject.NOTE: Strategy.CAS_MARKER,
    Subject.UPDATE: Strategy.CAS_MARKER,
    Subject.SYNC_NEW: Strategy.UNIQUE_INDEX,
    Subject.SYNC_OLD: Strategy.UNIQUE_INDEX,
    Subject.REPLY_PROBE: Strategy.MARKER_PROBE,
    Subject.REPLY_NONE: Strategy.NONE,
}
BLIND = frozenset({Subject.REPLY_PROBE, Subject.REPLY_NONE})
"""Those whose desk gives no way to decide in time: `unknown` is their right answer."""

CRM = frozenset({Subject.SYNC_NEW, Subject.SYNC_OLD})

_ON_TICKET = r"/tickets/\d+"
_CREATION = r"/tickets(\.json)?$"
_TRANSACTION = r"/composite/?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One write under one key; every key has a ticket of its own."""

    key: str
    tool: str
    arguments: Mapping[str, JsonValue]
    ticket_id: int | None
    count: Callable[[Truth], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """How the one request that can have an effect is recognised, for a fault of the desk."""

    method: str
    path: str


def write_request(subject: Subject) -> WriteRequest:
    """Return the one request of a subject that can have an effect."""
    match subject:
        case Subject.CREATE:
            return WriteRequest(method="POST", path=_CREATION)
        case (
            Subject.REPLY | Subject.NOTE | Subject.UPDATE | Subject.REPLY_PROBE | Subject.REPLY_NONE
        ):
            return WriteRequest(method="PUT", path=_ON_TICKET)
        case Subject.SYNC_NEW | Subject.SYNC_OLD:
            return WriteRequest(method="POST", path=_TRANSACTION)
        case _:
            assert_never(subject)


def make_errand(subject: Subject, key: str, desks: Desks, *, fresh: bool = False) -> Errand:
    """Prepare the desks for a new errand and return it.

    A fresh ticket is one of this very second, whose version stamp another change could share.
    """
    if subject is Subject.CREATE:
        return Errand(
            key=key,
            tool="create_ticket",
            arguments={"subject": key, "body": f"Opened for {key}.", "idempotency_key": key},
            ticket_id=None,
            count=lambda truth: truth.tickets(key),
        )

    ticket_id = desks.ticket(f"Ticket of {key}", fresh=fresh)
    named: dict[str, JsonValue] = {"ticket_id": ticket_id, "idempotency_key": key}

    match subject:
        case Subject.REPLY | Subject.REPLY_PROBE | Subject.REPLY_NONE:
            return _comment(key, ticket_id, _body(subject, key), named, public=True)
        case Subject.NOTE:
            return _comment(key, ticket_id, _body(subject, key), named, public=False)
        case Subject.UPDATE:
            return Errand(
                key=key,
                tool="update_ticket",
                arguments={**named, "status": "pending", "priority": "high"},
                ticket_id=ticket_id,
                count=lambda truth: truth.updates(ticket_id),
            )
        case Subject.SYNC_NEW | Subject.SYNC_OLD:
            if subject is Subject.SYNC_OLD:
                desks.old_case(ticket_id)

            return Errand(
                key=key,
                tool="sync_ticket_to_crm",
                arguments=named,
                ticket_id=ticket_id,
                count=lambda truth: truth.syncs(ticket_id),
            )
        case _:
            assert_never(subject)


def _comment(
    key: str, ticket_id: int, body: str, named: Mapping[str, JsonValue], *, public: bool
) -> Errand:
    return Errand(
        key=key,
        tool="reply_to_ticket" if public else "add_internal_note",
        arguments={**named, "body": body},
        ticket_id=ticket_id,
        count=lambda truth: truth.comments(ticket_id, body, public=public),
    )


def _body(subject: Subject, key: str) -> str:
    """Return a text that no other key says; its first word chooses the desk's pretended kind."""
    blind = f"[{STRATEGIES[subject]}] " if subject in BLIND else ""
    return f"{blind}Said for {key}."
