"""Narrows a desk to what a tool needs of it."""

from mcp_router.errors import NotConfigured
from mcp_router.execute.targets import Crm, Desk, HelpDesk


def help_desk(desk: Desk) -> HelpDesk:
    """Return the desk as one that holds tickets.

    Raises:
        NotConfigured: the policy sends this tool to a desk without tickets.
    """
    if isinstance(desk, HelpDesk):
        return desk

    raise NotConfigured(f"The policy names {desk.name} for tickets, but it holds none.")


def crm(desk: Desk) -> Crm:
    """Return the desk as one that holds cases.

    Raises:
        NotConfigured: the policy sends this tool to a desk without cases.
    """
    if isinstance(desk, Crm):
        return desk

    raise NotConfigured(f"The policy names {desk.name} for cases, but it holds none.")
