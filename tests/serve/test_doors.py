"""Every door leads to the same fourteen tools, and each of them does its job."""

from pathlib import Path

import jsonschema
import pytest
from mcp_types import Tool

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.salesforce.schema import OBJECTS
from tests.end_to_end.harness import (
    call,
    comments,
    old_ticket,
    reply_of,
    settle,
    unique,
    writes,
)
from tests.serve.doors import DOORS, host

# read only, destructive, idempotent, open world
HINTS = {
    "route_completion": (True, False, False, True),
    "explain_decision": (True, False, True, False),
    "report_outcome": (False, False, True, False),
    "lookup_ticket": (True, False, True, True),
    "search_tickets": (True, False, True, True),
    "create_ticket": (False, False, False, True),
    "reply_to_ticket": (False, False, False, True),
    "add_internal_note": (False, False, False, True),
    "update_ticket": (False, True, True, True),
    "escalate_to_human": (False, False, False, True),
    "find_customer": (True, False, True, True),
    "sync_ticket_to_crm": (False, True, True, True),
    "sync_crm_to_ticket": (False, True, True, True),
    "get_action": (True, False, True, False),
}


def hints(tool: Tool) -> tuple[bool | None, ...]:
    told = tool.annotations
    assert told is not None
    return told.read_only_hint, told.destructive_hint, told.idempotent_hint, told.open_world_hint


def close_case(sandbox: Sandbox, ticket_id: str) -> None:
    """Close the case that mirrors a ticket, as a person in the CRM does."""
    state, cases = sandbox.salesforce_state, OBJECTS["Case"]
    case_id = state.holder(cases, "McpTicketId__c", f"ticket:{ticket_id}")
    assert case_id is not None
    state.update(cases, case_id, {"Status": "Closed"})


@pytest.mark.parametrize("door", DOORS)
async def test_a_copilot_does_its_whole_job_through_each_door(
    door: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox, packaged=True)
    plan: list[tuple[str, dict[str, JsonValue]]] = [
        ("route_completion", {"input": "How do I reset my password?"}),
        ("lookup_ticket", {"ticket_id": int(ticket_id)}),
        ("search_tickets", {"query": "password", "limit": 3}),
        ("create_ticket", {"subject": unique("A box"), "body": "It was empty."}),
        ("reply_to_ticket", {"ticket_id": ticket_id, "body": "On its way."}),
        ("add_internal_note", {"ticket_id": int(ticket_id), "body": "Called twice."}),
        ("update_ticket", {"ticket_id": ticket_id, "priority": "high"}),
        ("escalate_to_human", {"ticket_id": ticket_id, "reason": "refund", "summary": "Asks."}),
        ("find_customer", {"name": "Maya"}),
        ("sync_ticket_to_crm", {"ticket_id": ticket_id}),
        ("sync_crm_to_ticket", {"ticket_id": ticket_id}),
    ]
    told: dict[str, dict[str, object]] = {}

    async with host(door, place) as client:
        listed = (await client.list_tools()).tools
        schemas = {tool.name: tool.output_schema for tool in listed}

        for name, arguments in plan:
            if name == "sync_crm_to_ticket":
                close_case(sandbox, ticket_id)

            told[name] = reply_of(await client.call_tool(name, dict(arguments)))

        told["explain_decision"] = await call(
            client,
            "explain_decision",
            {"decision_id": str(told["route_completion"]["decision_id"])},
        )
        told["report_outcome"] = await call(
            client,
            "report_outcome",
            {"decision_id": str(told["route_completion"]["decision_id"]), "resolved": True},
        )
        told["get_action"] = await call(
            client, "get_action", {"action_id": str(told["create_ticket"]["action_id"])}
        )

    assert {tool.name: hints(tool) for tool in listed} == HINTS
    assert [tool.name for tool in listed] == list(HINTS)

    for name, result in told.items():
        schema = schemas[name]
        assert schema is not None
        jsonschema.validate(result, schema)

    assert {name: one["outcome"] for name, one in told.items() if "outcome" in one} == {
        "create_ticket": "succeeded",
        "reply_to_ticket": "succeeded",
        "add_internal_note": "succeeded",
        "update_ticket": "succeeded",
        "escalate_to_human": "succeeded",
        "sync_ticket_to_crm": "succeeded",
        "sync_crm_to_ticket": "succeeded",
        "explain_decision": "ok",
    }
    assert told["route_completion"]["pool"] == "cost"
    assert told["route_completion"]["intent"] == "password_reset"
    assert told["lookup_ticket"]["id"] == ticket_id
    assert told["get_action"]["state"] == "succeeded"
    assert [(one.body, one.public) for one in comments(sandbox, ticket_id)][:2] == [
        ("On its way.", True),
        ("Called twice.", False),
    ]
    assert writes(sandbox, ticket_id) == 5
    ticket = sandbox.zendesk_state.ticket(int(ticket_id))
    assert ticket is not None
    assert (ticket.fields.status, ticket.fields.priority) == ("solved", "high")
    assert [(record.tool, record.outcome) for record in place.records()] == [
        *((name, str(told[name].get("outcome", "ok"))) for name, _ in plan),
        ("explain_decision", "ok"),
        ("report_outcome", "ok"),
        ("get_action", "ok"),
    ]
    transport = {"memory": "stdio", "memory-legacy": "stdio", "stdio": "stdio"}.get(door, "http")
    assert {record.transport for record in place.records()} == {transport}


@pytest.mark.parametrize("door", ["memory", "http-legacy"])
async def test_the_schemas_of_all_tools_are_valid_and_say_all_that_is_refused(
    door: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with host(door, settle(tmp_path, sandbox)) as client:
        listed = (await client.list_tools()).tools
        again = (await client.list_tools(cache_mode="bypass")).tools

    assert [one.model_dump() for one in listed] == [one.model_dump() for one in again]

    for tool in listed:
        assert tool.output_schema is not None
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert tool.input_schema["additionalProperties"] is False
        assert tool.description is not None
        assert len(tool.description) > 80
        read_only, *_, open_world = hints(tool)
        writes = open_world and not read_only  # to a desk, not just in the router's own books
        keys = {"idempotency_key", "dry_run", "run_id"}
        offered = keys & set(tool.input_schema["properties"])
        assert offered == (keys if writes else offered - {"idempotency_key", "dry_run"})
