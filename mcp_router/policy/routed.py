"""The tools that a policy may send somewhere, by the names that hosts call them."""

COMPLETION_TOOL = "route_completion"
"""The one tool that models serve; `rules` in a document are about it."""

READING_TOOLS = frozenset({"lookup_ticket", "search_tickets", "find_customer"})
"""Tools that only read at a desk: another desk may answer instead."""

WRITING_TOOLS = frozenset(
    {
        "create_ticket",
        "reply_to_ticket",
        "add_internal_note",
        "update_ticket",
        "escalate_to_human",
        "sync_ticket_to_crm",
        "sync_crm_to_ticket",
    }
)
"""Tools that change something at a desk: such a call never moves to another target."""

OWN_TOOLS = frozenset({"explain_decision", "get_action", "report_outcome"})
"""Tools that are about the router's own records and are sent nowhere."""
