"""What the writing tools change, compared with what the desks hold afterwards."""

import json
from pathlib import Path

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.salesforce.schema import OBJECTS
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.records import TicketFields
from mcp_router.tools.registry import REGISTRY
from mcp_router.tools.writing import WriteArguments
from tests.end_to_end.harness import call, comments, connected, old_ticket, settle, unique, writes


def fields(sandbox: Sandbox, ticket_id: object) -> TicketFields:
    ticket = sandbox.zendesk_state.ticket(int(str(ticket_id)))
    assert ticket is not None
    return ticket.fields


async def test_a_new_ticket_is_what_was_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    email = f"{unique('new')}@example.com".replace(" ", "").replace("[", "").replace("]", "")

    async with connected(settle(tmp_path, sandbox)) as client:
        made = await call(
            client,
            "create_ticket",
            {
                "subject": "An empty box",
                "body": "The seal was intact.",
                "requester_email": email,
                "requester_name": "Nora New",
                "priority": "high",
                "type": "problem",
                "tags": ["box", "empty"],
            },
        )

    ref = made["ref"]
    assert isinstance(ref, dict)
    now = fields(sandbox, ref["id"])
    requester = {user.id: user for user in sandbox.zendesk_state.users()}[now.requester_id]
    assert (now.subject, now.priority, now.type, now.tags) == (
        "An empty box",
        "high",
        "problem",
        ("box", "empty"),
    )
    assert (requester.email, requester.name) == (email, "Nora New")
    first = sandbox.zendesk_state.comments(int(ref["id"]))[0]
    assert (first.body, first.public) == ("The seal was intact.", True)
    assert ref["url"] == f"{sandbox.zendesk.url}/agent/tickets/{ref['id']}"


@pytest.mark.parametrize(
    ("tool", "public", "visibility"),
    [("reply_to_ticket", True, "public"), ("add_internal_note", False, "internal")],
)
async def test_a_comment_is_seen_by_those_it_is_for(
    tool: str, public: bool, visibility: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    comment = {"ticket_id": ticket_id, "body": "Word.", "status": "pending"}

    async with connected(settle(tmp_path, sandbox)) as client:
        told = await call(client, tool, comment)

    assert (told["outcome"], told["visibility"]) == ("succeeded", visibility)
    assert [(one.body, one.public) for one in comments(sandbox, ticket_id)] == [("Word.", public)]
    assert fields(sandbox, ticket_id).status == "pending"
    assert writes(sandbox, ticket_id) == 1, "comment and status are one step"


async def test_an_update_changes_what_it_names_and_keeps_the_other_tags(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    sandbox.zendesk_state.update(
        int(ticket_id), {"tags": ["gift", "late", "vip"]}, Origin(author_id=1002)
    )
    before = fields(sandbox, ticket_id)

    async with connected(settle(tmp_path, sandbox)) as client:
        told = await call(
            client,
            "update_ticket",
            {
                "ticket_id": ticket_id,
                "priority": "urgent",
                "add_tags": ["refund"],
                "remove_tags": ["late", "absent"],
            },
        )

    now = fields(sandbox, ticket_id)
    assert told["outcome"] == "succeeded"
    assert set(now.tags) == {"gift", "vip", "refund"}
    assert (now.priority, now.status, now.subject) == ("urgent", before.status, before.subject)
    assert comments(sandbox, ticket_id) == ()


async def test_a_hand_over_is_one_update_with_note_tag_status_and_group(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    group = sandbox.zendesk_state.groups()[-1]

    async with connected(settle(tmp_path, sandbox)) as client:
        told = await call(
            client,
            "escalate_to_human",
            {
                "ticket_id": ticket_id,
                "reason": "refund dispute",
                "summary": "Wants her money back.",
                "group_id": group.id,
                "priority": "high",
            },
        )

    now = fields(sandbox, ticket_id)
    assert told["outcome"] == "succeeded"
    assert [(one.body, one.public) for one in comments(sandbox, ticket_id)] == [
        ("Handed over by the copilot: refund dispute\n\nWants her money back.", False)
    ]
    assert (now.status, now.group_id, now.priority) == ("open", group.id, "high")
    assert "copilot_escalated" in now.tags
    assert writes(sandbox, ticket_id) == 1


async def test_a_sync_makes_one_case_and_keeps_it_true(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)

    async with connected(settle(tmp_path, sandbox)) as client:
        first = await call(client, "sync_ticket_to_crm", {"ticket_id": ticket_id})
        await call(client, "update_ticket", {"ticket_id": ticket_id, "status": "solved"})
        second = await call(client, "sync_ticket_to_crm", {"ticket_id": ticket_id})

    (case,) = [
        row
        for row in sandbox.salesforce_state.records(OBJECTS["Case"])
        if row["McpTicketId__c"] == f"ticket:{ticket_id}"
    ]
    assert [first["outcome"], second["outcome"]] == ["succeeded", "succeeded"]
    assert first["ref"] == second["ref"]
    assert (case["Subject"], case["Status"]) == ("Where is it?", "Closed")


async def test_a_ticket_without_a_case_says_how_to_make_one(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with connected(settle(tmp_path, sandbox)) as client:
        told = await call(client, "sync_crm_to_ticket", {"ticket_id": old_ticket(sandbox)})

    assert (told["code"], told["next"]) == (
        "not_found",
        "Call sync_ticket_to_crm first; it creates the case.",
    )


WRITES: dict[str, dict[str, JsonValue]] = {
    "create_ticket": {"subject": "A box", "body": "Empty."},
    "reply_to_ticket": {"body": "Word."},
    "add_internal_note": {"body": "Word."},
    "update_ticket": {"status": "open"},
    "escalate_to_human": {"reason": "refund", "summary": "Asks."},
    "sync_ticket_to_crm": {},
}


@pytest.mark.parametrize("tool", WRITES)
async def test_a_dry_run_shows_the_write_and_sends_none(
    tool: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    arguments: dict[str, JsonValue] = {**WRITES[tool], "dry_run": True}

    if tool != "create_ticket":
        arguments["ticket_id"] = old_ticket(sandbox)

    effects = [server.effects.count() for server in (sandbox.zendesk, sandbox.salesforce)]

    async with connected(place) as client:
        shown = await call(client, tool, arguments)

    assert (shown["outcome"], shown["action_id"], shown["attempts"]) == ("dry_run", None, 0)
    assert isinstance(json.loads(str(shown["write"])), dict)
    assert [server.effects.count() for server in (sandbox.zendesk, sandbox.salesforce)] == effects
    assert [one.outcome for one in place.records()] == ["dry_run"]


def test_every_tool_that_writes_takes_a_key_a_run_and_a_dry_run() -> None:
    writing = {tool.name for tool in REGISTRY if tool.scope == "write"}

    assert writing == {*WRITES, "sync_crm_to_ticket"}
    assert {tool.name for tool in REGISTRY if issubclass(tool.arguments, WriteArguments)} == writing
    assert {tool.name for tool in REGISTRY if tool.effect != "read"} == writing
