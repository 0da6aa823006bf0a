"""Bringing a ticket's case up to date: what is read, then the one request that has an effect."""

from mcp_router.desks.salesforce_client import SalesforceClient
from mcp_router.desks.salesforce_failures import nothing_sent
from mcp_router.desks.salesforce_records import (
    MARKER_FIELD,
    TICKET_FIELD,
    CaseRecord,
    case_in,
    case_query,
    contact_in,
    contact_query,
    inserted_in,
)
from mcp_router.domain.write import SyncCase


def find_case(client: SalesforceClient, ticket: str) -> CaseRecord | None:
    """Return the case that mirrors a ticket, or None; raises SendFailed."""
    return case_in(client.query(case_query(ticket)), ticket)


def sync_case(client: SalesforceClient, wanted: SyncCase, marker: str) -> str:
    """Return the id of the case, which now looks like `wanted` and carries `marker`.

    `SalesforceDesk.write` says what happens when and what its failures mean.
    """
    with nothing_sent():
        contact = _find_contact(client, wanted.contact_email)
        case = find_case(client, wanted.external_id)  # last: what is read here must still hold

        if case is None:
            client.require_fields()

    if case is None:
        fields = {**_fields(wanted, marker, contact), TICKET_FIELD: wanted.external_id}
        return inserted_in(client.insert_case(fields))

    if case.marker != marker:
        client.update_case(case.id, _fields(wanted, marker, contact), read_at=case.stamp)

    return case.id


def _find_contact(client: SalesforceClient, email: str | None) -> str | None:
    return contact_in(client.query(contact_query(email))) if email else None


def _fields(wanted: SyncCase, marker: str, contact: str | None) -> dict[str, str]:
    """Return what the case is set to; what is not known stays as it is."""
    fields = {
        "Subject": wanted.subject,
        "Description": wanted.description,
        "Status": wanted.status,
        MARKER_FIELD: marker,
    }

    if wanted.priority is not None:
        fields["Priority"] = wanted.priority

    if contact is not None:
        fields["ContactId"] = contact

    return fields
