"""Tickets between Zendesk's JSON and ours; field names as in its ticketing API reference."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TypeAlias, TypeVar

from mcp_router.canonical import JsonValue
from mcp_router.desks.failures import garbled
from mcp_router.desks.zendesk_answer import Part
from mcp_router.domain.action import Precondition, Ref
from mcp_router.domain.ticket import (
    Comment,
    Customer,
    CustomerQuery,
    Priority,
    Status,
    Ticket,
    TicketType,
    Visibility,
)
from mcp_router.domain.write import CreateTicket, UpdateTicket

Body: TypeAlias = dict[str, JsonValue]
"""The fields of a ticket in a request."""

MARKER = "mcp_router_key"
"""Our name in a request's `metadata`, which Zendesk keeps as `metadata.custom` of the audit."""

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


def creation(write: CreateTicket, marker: str) -> Body:
    """Return a new ticket; the same write and marker always give the same body.

    Zendesk answers a repeated key only for an identical body. It wants a name for a requester
    that it does not know yet.
    """
    body: Body = {
        "subject": write.subject,
        "comment": {"body": write.body, "public": True},
        "external_id": marker,
        "metadata": {MARKER: marker},
        "priority": write.priority,
        "type": write.type,
        "tags": list(write.tags) or None,
    }

    if write.requester_email:
        name = write.requester_name or write.requester_email
        body["requester"] = {"email": write.requester_email, "name": name}

    return _present(body)


def change(
    write: UpdateTicket,
    marker: str,
    *,
    tags: tuple[str, ...] | None,
    stamp: str | None,
) -> Body:
    """Return the change of a ticket; with `stamp`, Zendesk refuses it for another version.

    `tags` is the whole new set, None to leave it alone. `safe_update` is never sent as false,
    which Zendesk takes for true.
    """
    body: Body = {
        "id": int(write.ticket_id),
        "status": write.status,
        "priority": write.priority,
        "type": write.type,
        "assignee_id": _number(write.assignee_id),
        "group_id": _number(write.group_id),
        "tags": None if tags is None else list(tags),
        "metadata": {MARKER: marker},
    }

    if write.comment is not None:
        public = write.comment.visibility is Visibility.PUBLIC
        body["comment"] = {"body": write.comment.body, "public": public}

    if stamp is not None:
        body |= {"safe_update": True, "updated_stamp": stamp}

    return _present(body)


def new_tags(write: UpdateTicket, old: tuple[str, ...]) -> tuple[str, ...]:
    """Return the set after the change: what was there stays in its order."""
    kept = [tag for tag in dict.fromkeys(old + write.add_tags) if tag not in write.remove_tags]
    return tuple(kept)


def read_ticket(part: Part, *, base_url: str) -> Ticket:
    """Return a ticket; its `url` is where an agent sees it."""
    identity = part.identity("id")
    status = _choice(Status, part.text("status"))

    if status is None:
        raise garbled()

    return Ticket(
        id=identity,
        url=agent_url(base_url, identity),
        subject=part.maybe_text("subject") or "",
        description=part.maybe_text("description") or "",
        status=status,
        priority=_choice(Priority, part.maybe_text("priority")),
        type=_choice(TicketType, part.maybe_text("type")),
        requester_id=part.maybe_identity("requester_id"),
        assignee_id=part.maybe_identity("assignee_id"),
        group_id=part.maybe_identity("group_id"),
        organization_id=part.maybe_identity("organization_id"),
        external_id=part.maybe_text("external_id"),
        tags=part.texts("tags"),
        created_at=part.text("created_at"),
        updated_at=part.text("updated_at"),
    )


def read_comments(answer: Part) -> tuple[Comment, ...]:
    """Return the comments of an answer in its order, with the names of its `users`."""
    users = answer.parts("users") if answer.has("users") else ()
    names = {user.identity("id"): user.maybe_text("name") for user in users}
    return tuple(
        Comment(
            id=part.identity("id"),
            author=names.get(part.maybe_identity("author_id") or ""),
            body=part.maybe_text("plain_body") or part.maybe_text("body") or "",
            visibility=Visibility.PUBLIC if part.flag("public") else Visibility.INTERNAL,
            created_at=part.text("created_at"),
        )
        for part in answer.parts("comments")
    )


def read_customers(answer: Part, *, target: str) -> tuple[Customer, ...]:
    """Return the `users` of an answer; the account is the name of their organization."""
    parts = answer.parts("organizations") if answer.has("organizations") else ()
    accounts = {part.identity("id"): part.maybe_text("name") for part in parts}
    return tuple(
        Customer(
            id=part.identity("id"),
            target=target,
            name=part.maybe_text("name"),
            email=part.maybe_text("email"),
            phone=part.maybe_text("phone"),
            account=accounts.get(part.maybe_identity("organization_id") or ""),
        )
        for part in answer.parts("users")
    )


def read_precondition(ticket: Part, *, date: str) -> Precondition:
    """Return the version of a ticket as its `updated_at`, which has whole seconds.

    Two changes within one second carry the same stamp, so it counts as settled only when the
    server's own clock, as the answer's `Date` header tells it, is in a later second.
    """
    stamp = _time(ticket, "updated_at")

    try:
        now = parsedate_to_datetime(date)
    except (ValueError, OverflowError):  # no date at all
        now = stamp

    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    settled = now >= stamp + timedelta(seconds=1)
    return Precondition(stamp=ticket.text("updated_at"), settled=settled)


def _time(part: Part, name: str) -> datetime:
    """Return an ISO 8601 time with its offset; raises SendFailed (unknown, garbled) if none."""
    try:
        time = datetime.fromisoformat(part.text(name))
    except ValueError:
        raise garbled() from None

    if time.tzinfo is None:
        raise garbled()

    return time


def carries(audits: Iterable[Part], marker: str) -> bool:
    """Say whether one of these audits is of a write with that marker."""
    return any(
        audit.has("metadata")
        and audit.part("metadata").has("custom")
        and audit.part("metadata").part("custom").members.get(MARKER) == marker
        for audit in audits
    )


def user_query(query: CustomerQuery) -> str:
    """Return the query in Zendesk's search syntax, all given parts together; "" for none.

    What has a meaning in that syntax is taken out of the values: `*` would match everybody.
    """
    asked = (("email", query.email), ("phone", query.phone), ("name", query.name))
    plain = ((name, _plain(value or "")) for name, value in asked)
    return " ".join(f'{name}:"{value}"' for name, value in plain if value)


def agent_url(base_url: str, ticket_id: str) -> str:
    """Return the address of a ticket in the agents' interface."""
    return f"{base_url.rstrip('/')}/agent/tickets/{ticket_id}"


def ticket_ref(base_url: str, ticket_id: str) -> Ref:
    """Return what a write to that ticket answers."""
    return Ref(id=ticket_id, url=agent_url(base_url, ticket_id))


def _present(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not None}


def _number(identity: str | None) -> int | None:
    return None if identity is None else int(identity)


def _plain(value: str) -> str:
    return "".join(sign for sign in value if sign.isprintable() and sign not in '"*\\').strip()


def _choice(kind: type[ChoiceT], value: str | None) -> ChoiceT | None:
    """Return the value as ours, None for one that we have no word for."""
    try:
        return None if value is None else kind(value)
    except ValueError:
        return None
