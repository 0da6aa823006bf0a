"""Every writing tool under every fault: what the host is told, and what the desk counted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from mcp import Client

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.salesforce.schema import OBJECTS
from tests.end_to_end.harness import (
    BRIEF_S,
    call,
    connected,
    old_ticket,
    settle,
    unique,
    writes,
)

# What a fault leaves behind decides what is told, so faults of one kind share a row:
# first outcome, its code, effects after it, outcome of the same call again, effects after that.
Row = tuple[str, str | None, int, str, int]

REFUSED: Row = ("failed", "desk_unavailable", 0, "succeeded", 1)
FOUND_OUT: Row = ("succeeded", None, 1, "replayed", 1)

FAULTS: dict[str, tuple[Fault, Row]] = {
    # First, so that it has long arrived when the effects are counted at the end.
    "late": (Fault(kind=FaultKind.LATE, delay_s=0.3), FOUND_OUT),
    "refused": (Fault(kind=FaultKind.REFUSE), REFUSED),
    "busy": (Fault(kind=FaultKind.STATUS, status=429, retry_after_s=7), REFUSED),
    "redirected": (Fault(kind=FaultKind.REDIRECT), REFUSED),
    "unauthorized": (Fault(kind=FaultKind.STATUS, status=401), REFUSED),
    "dropped before": (Fault(kind=FaultKind.DROP_BEFORE), FOUND_OUT),
    "dropped after": (Fault(kind=FaultKind.DROP_AFTER), FOUND_OUT),
    "503 not applied": (Fault(kind=FaultKind.STATUS, status=503), FOUND_OUT),
    "503 applied": (Fault(kind=FaultKind.STATUS, status=503, applied=True), FOUND_OUT),
    "500 not applied": (Fault(kind=FaultKind.STATUS, status=500), FOUND_OUT),
    "garbled": (Fault(kind=FaultKind.GARBLED), FOUND_OUT),
    "slow": (Fault(kind=FaultKind.SLOW, delay_s=20), FOUND_OUT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One call of a tool, and how the desk counts what it did."""

    arguments: dict[str, JsonValue]
    effects: Callable[[], int]


Prepare = Callable[[Sandbox], Written]


def creating(sandbox: Sandbox) -> Written:
    subject = unique("An empty box")
    return Written(
        arguments={"subject": subject, "body": "The seal was intact."},
        effects=lambda: sum(
            one.fields.subject == subject for one in sandbox.zendesk_state.tickets()
        ),
    )


def changing(more: dict[str, JsonValue]) -> Prepare:
    def prepare(sandbox: Sandbox) -> Written:
        ticket_id = old_ticket(sandbox)
        return Written(
            arguments={"ticket_id": ticket_id, **more},
            effects=lambda: writes(sandbox, ticket_id),
        )

    return prepare


def mirroring(sandbox: Sandbox) -> Written:
    ticket_id = old_ticket(sandbox)
    return Written(arguments={"ticket_id": ticket_id}, effects=lambda: cases(sandbox, ticket_id))


def bringing_back(sandbox: Sandbox) -> Written:
    ticket_id = old_ticket(sandbox)
    case = {
        "Subject": "Where is it?",
        "Status": "Closed",
        "Priority": "High",
        "McpTicketId__c": f"ticket:{ticket_id}",
    }
    sandbox.salesforce_state.insert(OBJECTS["Case"], case)
    return Written(arguments={"ticket_id": ticket_id}, effects=lambda: writes(sandbox, ticket_id))


def cases(sandbox: Sandbox, ticket_id: str) -> int:
    """Return how many cases mirror a ticket."""
    rows = sandbox.salesforce_state.records(OBJECTS["Case"])
    return sum(row["McpTicketId__c"] == f"ticket:{ticket_id}" for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A writing tool, its one request with an effect, and the rows that are its own."""

    prepare: Prepare
    desk: str = "zendesk"
    method: str = "PUT"
    path: str = r"/tickets/\d+"
    own: dict[str, Row] | None = None


# Salesforce's 401 proves that nothing was executed; the desk client asks for a token and goes on.
SENT_AGAIN: Row = ("succeeded", None, 1, "replayed", 1)

TOOLS: dict[str, Tool] = {
    "create_ticket": Tool(prepare=creating, method="POST", path=r"/tickets(\.json)?$"),
    "reply_to_ticket": Tool(prepare=changing({"body": "A new one is on its way."})),
    "add_internal_note": Tool(prepare=changing({"body": "Third time this week."})),
    "update_ticket": Tool(prepare=changing({"status": "pending", "add_tags": ["late"]})),
    "escalate_to_human": Tool(prepare=changing({"reason": "refund", "summary": "Wants a person."})),
    "sync_ticket_to_crm": Tool(
        prepare=mirroring,
        desk="salesforce",
        method="POST",
        path="/composite$",
        own={"unauthorized": SENT_AGAIN},
    ),
    "sync_crm_to_ticket": Tool(prepare=bringing_back),
}


@pytest.mark.parametrize("name", TOOLS)
async def test_a_write_has_at_most_one_effect_and_says_truly_which(
    name: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    tool = TOOLS[name]
    place = settle(tmp_path, sandbox, patience_s=BRIEF_S)
    written = {fault: tool.prepare(sandbox) for fault in FAULTS}

    async with connected(place) as client:
        met = {
            fault: await meet(client, sandbox, name, tool, what, written[fault])
            for fault, (what, _) in FAULTS.items()
        }

    seen: dict[str, Row] = {fault: (*row, written[fault].effects()) for fault, row in met.items()}
    expected = {fault: row for fault, (_, row) in FAULTS.items()}
    assert seen == {**expected, **(tool.own or {})}


async def meet(
    client: Client, sandbox: Sandbox, name: str, tool: Tool, what: Fault, written: Written
) -> tuple[str, str | None, int, str]:
    """Call a tool while its desk commits the fault, then call it again with the same key."""
    arguments = {**written.arguments, "idempotency_key": unique("key")}
    server = sandbox.zendesk if tool.desk == "zendesk" else sandbox.salesforce
    server.faults.add(replace(what, method=tool.method, path=tool.path))
    first = await call(client, name, arguments)
    after_first = written.effects()
    assert server.faults.pending() == 0, "the fault was met"
    second = await call(client, name, arguments)
    assert second["action_id"] == first["action_id"]
    code = first["code"]
    return (
        str(first["outcome"]),
        None if code is None else str(code),
        after_first,
        str(second["outcome"]),
    )
