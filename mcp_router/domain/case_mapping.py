"""How a ticket looks as a case, and a case as a ticket. Pure; the ticket is the owner of both."""

from mcp_router.domain.ticket import CrmCase, Priority, Status, TicketView
from mcp_router.domain.write import SyncCase, UpdateTicket

CASE_STATUS = {
    Status.NEW: "New",
    Status.OPEN: "Working",
    Status.PENDING: "Working",
    Status.HOLD: "Working",
    Status.SOLVED: "Closed",
    Status.CLOSED: "Closed",
}
TICKET_STATUS = {
    "New": Status.OPEN,
    "Working": Status.OPEN,
    "Escalated": Status.OPEN,
    "Closed": Status.SOLVED,
}
CASE_PRIORITY = {
    Priority.LOW: "Low",
    Priority.NORMAL: "Medium",
    Priority.HIGH: "High",
    Priority.URGENT: "High",
}
TICKET_PRIORITY = {"Low": Priority.LOW, "Medium": Priority.NORMAL, "High": Priority.HIGH}


def external_id(ticket_id: str) -> str:
    """Return the unique external id that links a case to its ticket."""
    return f"ticket:{ticket_id}"


SUBJECT = 255
DESCRIPTION = 32_000
"""Characters that a case holds (Salesforce object reference: Case)."""


def case_of(view: TicketView) -> SyncCase:
    """Return the case that mirrors a ticket; what a case cannot hold of its texts is cut off."""
    ticket = view.ticket
    return SyncCase(
        external_id=external_id(ticket.id),
        subject=ticket.subject[:SUBJECT],
        description=ticket.description[:DESCRIPTION],
        status=CASE_STATUS[ticket.status],
        priority=CASE_PRIORITY[ticket.priority] if ticket.priority else None,
        contact_email=view.requester.email if view.requester else None,
    )


def update_of(ticket_id: str, case: CrmCase) -> UpdateTicket:
    """Return the change that brings a ticket to its case's status and priority.

    A status or priority that a ticket does not know changes nothing.
    """
    return UpdateTicket(
        ticket_id=ticket_id,
        status=TICKET_STATUS.get(case.status),
        priority=TICKET_PRIORITY.get(case.priority or ""),
    )
