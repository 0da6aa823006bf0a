"""What the embedded Zendesk keeps: frozen rows that a change replaces as a whole."""

from dataclasses import dataclass

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A company whose people write to the desk."""

    id: int
    name: str
    domain_names: tuple[str, ...]
    notes: str
    tags: tuple[str, ...]
    created_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A team of agents."""

    id: int
    name: str
    description: str
    created_s: int
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person: `role` is end-user, agent or admin."""

    id: int
    name: str
    email: str | None
    role: str
    created_s: int
    phone: str | None = None
    organization_id: int | None = None
    default_group_id: int | None = None
    external_id: str | None = None

    @property
    def works_here(self) -> bool:
        """Tell whether the person can be assigned tickets."""
        return self.role != "end-user"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFields:
    """The fields of a ticket that a request may set; each change of one is an event."""

    subject: str | None = None
    status: str = "new"
    priority: str | None = None
    type: str | None = None
    requester_id: int
    assignee_id: int | None = None
    group_id: int | None = None
    organization_id: int | None = None
    external_id: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket. `updated_s` is all that a safe update compares, so it has whole seconds.

    `position` grows with every write to any ticket and `written_ms` is when this one was, in
    epoch milliseconds (0 for seeded tickets): the export and the search index go by them.
    """

    id: int
    fields: TicketFields
    description: str
    is_public: bool
    submitter_id: int
    created_s: int
    updated_s: int
    position: int
    written_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """An entry of a ticket's conversation; its id is that of its event."""

    id: int
    audit_id: int
    author_id: int
    body: str
    html_body: str
    public: bool
    created_s: int
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEvent:
    """A field that got a value with the ticket (`previous` None) or was changed later."""

    id: int
    created: bool
    field_name: str
    value: JsonValue
    previous: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One write to a ticket. `custom` is what the request sent as `metadata`."""

    id: int
    ticket_id: int
    created_s: int
    origin: Origin
    custom: dict[str, JsonValue]
    fields: tuple[FieldEvent, ...]
    comment: Comment | None
