from dataclasses import replace

import pytest

from mcp_router.domain.case_mapping import (
    CASE_PRIORITY,
    CASE_STATUS,
    case_of,
    external_id,
    update_of,
)
from mcp_router.domain.ticket import (
    CrmCase,
    Customer,
    Priority,
    Status,
    Ticket,
    TicketType,
    TicketView,
)
from mcp_router.domain.write import SyncCase, UpdateTicket

TICKET = Ticket(
    id="7",
    url="https://desk.example/7",
    subject="Late parcel",
    description="Where is it?",
    status=Status.OPEN,
    priority=Priority.HIGH,
    type=TicketType.QUESTION,
    requester_id="9",
    assignee_id=None,
    group_id=None,
    organization_id=None,
    external_id=None,
    tags=("vip",),
    created_at="2026-11-20T09:00:00Z",
    updated_at="2026-11-20T10:00:00Z",
)
MAYA = Customer(id="9", target="zendesk", name="Maya", email="maya@example.com")
CASE = CrmCase(
    id="500",
    url="https://crm.example/500",
    number="1",
    subject="Late parcel",
    description="Where is it?",
    status="Working",
    priority="High",
    external_id="ticket:7",
    updated_at="2026-11-20T10:00:00Z",
)


def view(ticket: Ticket, requester: Customer | None = MAYA) -> TicketView:
    return TicketView(ticket=ticket, requester=requester, comments=(), more_comments=False)


def test_a_ticket_becomes_the_case_that_mirrors_it() -> None:
    assert case_of(view(TICKET)) == SyncCase(
        external_id="ticket:7",
        subject="Late parcel",
        description="Where is it?",
        status="Working",
        priority="High",
        contact_email="maya@example.com",
    )


def test_what_a_ticket_does_not_say_a_case_does_not_either() -> None:
    case = case_of(view(replace(TICKET, priority=None), requester=None))

    assert (case.priority, case.contact_email) == (None, None)


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_case_status(status: Status) -> None:
    assert case_of(view(replace(TICKET, status=status))).status == CASE_STATUS[status]


@pytest.mark.parametrize("priority", list(Priority))
def test_every_priority_has_a_case_priority(priority: Priority) -> None:
    assert case_of(view(replace(TICKET, priority=priority))).priority == CASE_PRIORITY[priority]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (CASE, UpdateTicket(ticket_id="7", status=Status.OPEN, priority=Priority.HIGH)),
        (
            replace(CASE, status="Closed", priority="Low"),
            UpdateTicket(ticket_id="7", status=Status.SOLVED, priority=Priority.LOW),
        ),
        (replace(CASE, status="On the moon", priority=None), UpdateTicket(ticket_id="7")),
    ],
)
def test_a_case_changes_what_a_ticket_knows_of_it(case: CrmCase, expected: UpdateTicket) -> None:
    assert update_of("7", case) == expected


def test_the_external_id_names_the_kind_of_thing() -> None:
    assert external_id("7") == "ticket:7"
