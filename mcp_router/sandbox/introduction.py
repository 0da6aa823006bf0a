"""Makes the CRM know the help desk's customers, so that a ticket and its customer meet."""

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.salesforce.schema import ACCOUNT, CONTACT
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.zendesk.state import ZendeskState

TIER = "Gold"


def introduce(desk: ZendeskState, crm: SalesforceState) -> None:
    """Insert a contact for every requester of `desk`, under the account of its organisation."""
    accounts = {
        one.id: crm.insert(ACCOUNT, {"Name": one.name, "Tier__c": TIER})
        for one in desk.organizations()
    }

    for user in desk.users():
        if user.works_here or user.email is None:
            continue

        first, _, last = user.name.rpartition(" ")
        contact: dict[str, JsonValue] = {"FirstName": first, "LastName": last, "Email": user.email}

        if user.phone is not None:
            contact["Phone"] = user.phone

        if user.organization_id is not None:
            contact["AccountId"] = accounts[user.organization_id]

        crm.insert(CONTACT, contact)
