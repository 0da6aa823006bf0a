"""Calls that leave records and actions behind, for the commands that read them."""

from mcp_router.domain.action import Action
from mcp_router.storage.store import open_archive
from tests.end_to_end.harness import Place, call, connected

KEY = "run-7/reply-1"
REPLY = "Your parcel arrives tomorrow; the courier wrote the wrong day."
QUESTION = "I forgot my password"


async def work(place: Place, ticket_id: str) -> None:
    """Ask a question, reply to a ticket, and try to reply to one that is not there."""
    async with connected(place) as client:
        await call(client, "route_completion", {"input": QUESTION})
        await call(
            client,
            "reply_to_ticket",
            {"ticket_id": ticket_id, "body": REPLY, "idempotency_key": KEY},
        )
        await call(client, "reply_to_ticket", {"ticket_id": "999999", "body": REPLY})


def actions_of(place: Place) -> tuple[Action, ...]:
    """Return the ledger, newest first."""
    with open_archive(place.storage) as archive:
        return archive.actions(None, 100)
