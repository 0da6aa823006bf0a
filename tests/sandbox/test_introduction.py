"""A ticket's requester is a customer whom the CRM knows."""

from mcp_router.sandbox.introduction import introduce
from mcp_router.sandbox.salesforce.schema import CONTACT
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.zendesk.state import ZendeskState


def test_every_requester_at_the_help_desk_becomes_a_contact_in_the_crm() -> None:
    desk, crm = ZendeskState(), SalesforceState(seeded=False)
    requesters = {user.email for user in desk.users() if user.role == "end-user"}

    introduce(desk, crm)

    assert len(requesters) == 11
    assert {row["Email"] for row in crm.records(CONTACT)} == requesters
