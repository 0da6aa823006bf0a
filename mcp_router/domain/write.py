"""What a call wants changed at a desk: one frozen value for each kind of write."""

from dataclasses import dataclass
from typing import TypeAlias

from mcp_router.domain.ticket import Priority, Status, TicketType, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTicket:
    """Open a ticket whose first comment is `body`, public."""

    subject: str
    body: str
    requester_email: str | None = None
    requester_name: str | None = None
    priority: Priority | None = None
    type: TicketType | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewComment:
    """A comment that an update adds."""

    body: str
    visibility: Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTicket:
    """Change a ticket in one step; None leaves a field as it is, tags are added and removed."""

    ticket_id: str
    comment: NewComment | None = None
    status: Status | None = None
    priority: Priority | None = None
    type: TicketType | None = None
    assignee_id: str | None = None
    group_id: str | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCase:
    """Make the CRM's case that mirrors `external_id` (a ticket) look like this."""

    external_id: str
    subject: str
    description: str
    status: str
    priority: str | None = None
    contact_email: str | None = None


DeskWrite: TypeAlias = CreateTicket | UpdateTicket | SyncCase
