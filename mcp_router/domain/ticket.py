"""Tickets and the people around them, in the words of no particular desk. Ids are text."""

from dataclasses import dataclass
from enum import StrEnum


class Visibility(StrEnum):
    """Who can read a comment."""

    PUBLIC = "public"
    INTERNAL = "internal"


class Status(StrEnum):
    """Where a ticket stands."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    HOLD = "hold"
    SOLVED = "solved"
    CLOSED = "closed"


class Priority(StrEnum):
    """How urgent a ticket is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class TicketType(StrEnum):
    """What kind of request a ticket holds."""

    QUESTION = "question"
    INCIDENT = "incident"
    PROBLEM = "problem"
    TASK = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One entry of a ticket's conversation."""

    id: str
    author: str | None
    body: str
    visibility: Visibility
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A person at a desk or in the CRM; `account` and `tier` where that system knows them."""

    id: str
    target: str
    name: str | None
    email: str | None
    phone: str | None = None
    account: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket's own fields; `external_id` links it to another system."""

    id: str
    url: str
    subject: str
    description: str
    status: Status
    priority: Priority | None
    type: TicketType | None
    requester_id: str | None
    assignee_id: str | None
    group_id: str | None
    organization_id: str | None
    external_id: str | None
    tags: tuple[str, ...]
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """A ticket with its requester and latest comments, oldest of them first."""

    ticket: Ticket
    requester: Customer | None
    comments: tuple[Comment, ...]
    more_comments: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """One page of a search; `cursor` fetches the next one and is None on the last."""

    tickets: tuple[Ticket, ...]
    total: int
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmCase:
    """A case in the CRM; `external_id` is the ticket that it mirrors."""

    id: str
    url: str
    number: str | None
    subject: str
    description: str
    status: str
    priority: str | None
    external_id: str | None
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerQuery:
    """What a person may be looked up by; at least one is given."""

    email: str | None = None
    phone: str | None = None
    name: str | None = None
