"""What the demo does, scene by scene, through a real MCP client; nothing here prints."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mcp.client import Client

from mcp_router.errors import InternalError
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox

Reply: TypeAlias = Mapping[str, object]

TICKETS = ("101", "103", "111", "106", "108")
REPLY_TICKET = "105"
SYNC_TICKET = "106"
OUTAGE_QUESTION = "I forgot my password, can you send me a reset link?"
REPLY_BODY = "You were charged twice; the second payment goes back to your card within five days."
REPLY_KEY = "run-42/reply-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A question and where it went."""

    ticket_id: str
    subject: str
    intent: str
    pool: str
    model: str
    cost_usd: float
    attempts: tuple[tuple[str, str], ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LostReply:
    """A reply whose answer was lost, twice asked for, and what the desk says about it."""

    first_outcome: str
    first_attempts: int
    second_outcome: str
    same_action: bool
    comments_before: int
    comments_after: int
    updates_received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """A ticket's case in the CRM, synced twice."""

    case_id: str
    outcomes: tuple[str, str]
    cases_in_crm: int


async def route_tickets(client: Client) -> tuple[Routed, ...]:
    """Look five tickets up and route each one's question."""
    routed = []

    for ticket_id in TICKETS:
        ticket = await ask(client, "lookup_ticket", {"ticket_id": ticket_id, "max_comments": 0})
        routed.append(
            await _route(client, ticket_id, str(ticket["subject"]), str(ticket["description"]))
        )

    return tuple(routed)


async def provider_outage(client: Client, sandbox: Sandbox) -> Routed:
    """Take the provider of the cheapest model down, ask, and bring it back."""
    sandbox.openai.go_down()

    try:
        return await _route(client, "", OUTAGE_QUESTION, OUTAGE_QUESTION)
    finally:
        sandbox.openai.come_up()


async def lost_reply(client: Client, sandbox: Sandbox) -> LostReply:
    """Reply while the desk applies the update but its answer is lost; then retry as a host does."""
    before = len(sandbox.zendesk_state.comments(int(REPLY_TICKET)))
    received = sandbox.zendesk.received.count(method="PUT")
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.DROP_AFTER, method="PUT"))
    arguments = {"ticket_id": REPLY_TICKET, "body": REPLY_BODY, "idempotency_key": REPLY_KEY}
    first = await ask(client, "reply_to_ticket", arguments)
    second = await ask(client, "reply_to_ticket", arguments)
    return LostReply(
        first_outcome=str(first["outcome"]),
        first_attempts=_whole(first["attempts"]),
        second_outcome=str(second["outcome"]),
        same_action=first["action_id"] == second["action_id"],
        comments_before=before,
        comments_after=len(sandbox.zendesk_state.comments(int(REPLY_TICKET))),
        updates_received=sandbox.zendesk.received.count(method="PUT") - received,
    )


async def sync_case(client: Client, sandbox: Sandbox) -> Synced:
    """Sync a ticket to the CRM twice: one case."""
    before = sandbox.salesforce.effects.count("case")
    first = await ask(client, "sync_ticket_to_crm", {"ticket_id": SYNC_TICKET})
    second = await ask(client, "sync_ticket_to_crm", {"ticket_id": SYNC_TICKET})
    ref = first["ref"]
    return Synced(
        case_id=str(ref["id"]) if isinstance(ref, Mapping) else "",
        outcomes=(str(first["outcome"]), str(second["outcome"])),
        cases_in_crm=sandbox.salesforce.effects.count("case") - before,
    )


async def ask(client: Client, tool: str, arguments: Mapping[str, object]) -> Reply:
    """Call a tool and return its structured result.

    Raises:
        InternalError: the tool reported an error, which no scene expects.
    """
    result = await client.call_tool(tool, dict(arguments))
    content: Reply = result.structured_content or {}

    if result.is_error:
        raise InternalError(f"The demo's call of {tool} failed: {content.get('code')}.")

    return content


async def _route(client: Client, ticket_id: str, subject: str, text: str) -> Routed:
    """Route one question and ask why it went there."""
    answer = await ask(client, "route_completion", {"input": text, "subject": subject})
    record = await ask(client, "explain_decision", {"decision_id": answer["decision_id"]})
    attempts = answer["attempts"]
    assert isinstance(attempts, list)
    cost = answer["cost_usd"]
    assert isinstance(cost, float | int)
    return Routed(
        ticket_id=ticket_id,
        subject=subject,
        intent=str(answer["intent"] or "none"),
        pool=str(answer["pool"]),
        model=str(answer["model"]),
        cost_usd=float(cost),
        attempts=tuple((str(one["target"]), str(one["reason"])) for one in attempts),
        why=str(record["why"]),
    )


def _whole(value: object) -> int:
    """Return a number of a result."""
    assert isinstance(value, int)
    return value
