"""The tools, in the order in which hosts see them."""

from mcp_router.tools import (
    add_internal_note,
    create_ticket,
    escalate_to_human,
    explain_decision,
    find_customer,
    get_action,
    lookup_ticket,
    reply_to_ticket,
    report_outcome,
    route_completion,
    search_tickets,
    sync_crm_to_ticket,
    sync_ticket_to_crm,
    update_ticket,
)
from mcp_router.tools.tool import AnyTool

REGISTRY: tuple[AnyTool, ...] = (
    route_completion.TOOL,
    explain_decision.TOOL,
    report_outcome.TOOL,
    lookup_ticket.TOOL,
    search_tickets.TOOL,
    create_ticket.TOOL,
    reply_to_ticket.TOOL,
    add_internal_note.TOOL,
    update_ticket.TOOL,
    escalate_to_human.TOOL,
    find_customer.TOOL,
    sync_ticket_to_crm.TOOL,
    sync_crm_to_ticket.TOOL,
    get_action.TOOL,
)
