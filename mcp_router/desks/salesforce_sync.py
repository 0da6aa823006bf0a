"""Bringing a ticket's case up to date: what is read, then the one request that has an effect."""

from mcp_router.desks.salesforce_client import SalesforceClient
from mcp_router.desks.salesforce_composite import CaseInsert, CaseUpdate
from mcp_router.desks.salesforce_failures import nothing_sent
from mcp_router.desks.salesforce_package import TICKET_FIELD
from mcp_router.desks.salesforce_records import (
    CaseRecord,
    action_query,
    case_in,
    case_query,
    contact_in,
    contact_query,
    http_date,
    written_by,
)
from mcp_router.domain.write import SyncCase


def find_case(client: SalesforceClient, ticket: str) -> CaseRecord | None:
    """Return the case that mirrors a ticket, or None; raises SendFailed."""
    return case_in(client.query(case_query(ticket)), ticket)


def find_written(client: SalesforceClient, marker: str) -> str | None:
    """Return the id of the case that the action with that marker wrote; raises SendFailed.

    Asked of the database, so what is committed is found, however many writes came after it.
    """
    return written_by(client.query(action_query(marker)), marker)


def sync_case(client: SalesforceClient, wanted: SyncCase, marker: str) -> str:
    """Return the id of the case, which this write has made to look like `wanted`.

    `SalesforceDesk.write` says what happens when and what its failures mean.
    """
    with nothing_sent():
        client.require_package()
        contact = _find_contact(client, wanted.contact_email)
        case = find_case(client, wanted.external_id)  # last: what is read here must still hold

    fields = _fields(wanted, contact)

    if case is None:
        fields[TICKET_FIELD] = wanted.external_id
        return client.write_case(CaseInsert(marker=marker, fields=fields))

    return client.write_case(
        CaseUpdate(
            marker=marker,
            fields=fields,
            case_id=case.id,
            unmodified_since=http_date(case.stamp),
        )
    )


def _find_contact(client: SalesforceClient, email: str | None) -> str | None:
    return contact_in(client.query(contact_query(email))) if email else None


def _fields(wanted: SyncCase, contact: str | None) -> dict[str, str]:
    """Return what the case is set to; what is not known stays as it is."""
    fields = {
        "Subject": wanted.subject,
        "Description": wanted.description,
        "Status": wanted.status,
    }

    if wanted.priority is not None:
        fields["Priority"] = wanted.priority

    if contact is not None:
        fields["ContactId"] = contact

    return fields
