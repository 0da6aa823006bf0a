"""Calls that are wrong: each gets a coded error and a record, and no value of it is repeated."""

import json
from pathlib import Path

import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from mcp_router.tools.registry import REGISTRY
from tests.end_to_end.harness import (
    LEGACY,
    MODERN,
    call,
    connected,
    error_of,
    old_ticket,
    opened,
    settle,
    unique,
    writes,
)
from tests.serve.doors import host
from tests.served import served

CANARY = "canary-4929-1111"
HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}

WRONG: list[tuple[str, dict[str, JsonValue], str]] = [
    (
        "reply_to_ticket",
        {"ticket_id": 1, "body": "half \ud83d"},
        "An argument holds half of a surrogate pair.",
    ),
    ("lookup_ticket", {}, "ticket_id: is required."),
    ("lookup_ticket", {"ticket_id": True}, "ticket_id: input should be a valid string."),
    ("lookup_ticket", {"ticket_id": 1.5}, "ticket_id: input should be a valid string."),
    ("lookup_ticket", {"ticket_id": ""}, "ticket_id: string should have at least 1 character."),
    ("lookup_ticket", {"ticket_id": "1/../2"}, "ticket_id: does not have the expected form."),
    ("lookup_ticket", {"ticket_id": "1\n"}, "ticket_id: does not have the expected form."),
    (
        "lookup_ticket",
        {"ticket_id": "9" * 65},
        "ticket_id: string should have at most 64 characters.",
    ),
    (
        "lookup_ticket",
        {"ticket_id": 1, "max_comment": 3},
        "max_comment: is not an argument of this tool.",
    ),
    (
        "lookup_ticket",
        {"ticket_id": 1, "max_comments": 21},
        "max_comments: input should be less than or equal to 20.",
    ),
    (
        "reply_to_ticket",
        {"ticket_id": 1, "body": ""},
        "body: string should have at least 1 character.",
    ),
    (
        "reply_to_ticket",
        {"ticket_id": 1, "body": "a" * 65_537},
        "body: string should have at most 65536 characters.",
    ),
    (
        "reply_to_ticket",
        {"ticket_id": 1, "body": "a", "idempotency_key": "k" * 256},
        "idempotency_key: string should have at most 255 characters.",
    ),
    ("update_ticket", {"ticket_id": 1}, "arguments: name at least one field to change."),
    ("find_customer", {}, "arguments: name an email, a phone or a name."),
    ("route_completion", {}, "arguments: give either input or messages."),
    ("route_completion", {"input": ""}, "input: string should have at least 1 character."),
    (
        "route_completion",
        {"input": "a" * 400_001},
        "input: string should have at most 400000 characters.",
    ),
    (
        "route_completion",
        {"messages": [{"role": "user", "content": "a" * 200_001}] * 2},
        "arguments: all messages together take at most 400000 characters.",
    ),
    (
        "route_completion",
        {"messages": [{"role": "customer", "content": "a"}]},
        "messages[0].role: input should be 'system', 'user', 'assistant' or 'tool'.",
    ),
    ("search_tickets", {"cursor": "nowhere"}, "cursor: not one that a search has returned"),
]


async def test_wrong_arguments_are_named_and_nothing_is_sent(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    received = [server.received.count() for server in sandbox.servers]

    async with connected(place) as client:
        told = []

        for tool, arguments, _ in WRONG:
            result = await client.call_tool(tool, dict(arguments))
            assert result.is_error
            told.append(result.structured_content or {})

    assert [(one["code"], one["retryable"], one["message"]) for one in told] == [
        ("invalid_arguments", False, message) for *_, message in WRONG
    ]
    assert [server.received.count() for server in sandbox.servers] == received
    assert place.outcomes() == [(tool, "error", "invalid_arguments") for tool, *_ in WRONG]
    assert [one.decision_id for one in place.records()] == [one["decision_id"] for one in told]


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("lookup_ticket", {"ticket_id": 999_999}, "not_found"),
        ("lookup_ticket", {"ticket_id": "no-number"}, "not_found"),
        ("reply_to_ticket", {"ticket_id": 999_999, "body": "Hello"}, "not_found"),
        ("sync_ticket_to_crm", {"ticket_id": 999_999}, "not_found"),
        ("sync_crm_to_ticket", {"ticket_id": 999_999}, "not_found"),
        ("route_completion", {"input": "Hello", "policy": "nobody"}, "unknown_policy"),
        ("route_completion", {"input": "Hello", "policy": "support@99"}, "unknown_policy"),
        ("route_completion", {"input": "Hello", "policy": "../../etc"}, "unknown_policy"),
        ("explain_decision", {"decision_id": "dec_0"}, "unknown_decision"),
        ("get_action", {"action_id": "act_0"}, "unknown_action"),
    ],
)
async def test_what_does_not_exist_is_told_by_its_code(
    tool: str, arguments: dict[str, JsonValue], code: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        result = await client.call_tool(tool, dict(arguments))

    told = result.structured_content or {}
    assert result.is_error
    assert (told["code"], told["retryable"]) == (code, False)
    assert told["next"]
    assert [(one.tool, one.error_code) for one in place.records()] == [(tool, code)]


@pytest.mark.parametrize("mode", [MODERN, LEGACY])
async def test_an_unknown_tool_is_an_error_of_the_request(
    mode: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)

    async with connected(place, mode=mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool(f"delete_{CANARY}", {})

    code, data = error_of(refused.value)
    (record,) = place.records()
    assert (code, data["code"]) == (INVALID_PARAMS, "unknown_tool")
    assert CANARY not in str(refused.value.error.model_dump())
    assert (record.tool, record.error_code) == ("unknown", "unknown_tool")
    assert record.decision_id == data["decision_id"]


def poisoned(schema: dict[str, object]) -> list[dict[str, JsonValue]]:
    """Return calls with the canary as the value of every argument, in every shape it fits."""
    properties = schema["properties"]
    assert isinstance(properties, dict)
    shapes: list[JsonValue] = [CANARY, [CANARY], {CANARY: CANARY}, [{CANARY: CANARY}]]
    calls: list[dict[str, JsonValue]] = [dict.fromkeys(properties, shape) for shape in shapes]
    return [*calls, {f"{CANARY} {CANARY}": CANARY}]


async def test_no_value_of_a_call_is_repeated_anywhere(sandbox: Sandbox, tmp_path: Path) -> None:
    place = settle(tmp_path, sandbox)
    told: list[str] = []
    errors = 0

    async with host("stdio", place, errors=tmp_path / "stderr") as client:
        for tool in (await client.list_tools()).tools:
            for arguments in poisoned(tool.input_schema):
                result = await client.call_tool(tool.name, dict(arguments))

                if result.is_error:
                    errors += 1
                    told.append(result.model_dump_json())

    assert errors > 4 * len(REGISTRY)
    assert [one for one in told if CANARY in one] == []
    assert CANARY not in (tmp_path / "stderr").read_text(encoding="utf-8")
    refused = [one for one in place.records() if one.outcome == "error"]
    assert len(refused) >= errors
    assert [one for one in refused if CANARY in repr(one)] == []


async def test_a_request_that_is_no_call_is_not_repeated_either(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    params = [{"name": [CANARY]}, {"name": "lookup_ticket", "arguments": [CANARY]}]
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    bodies = [*(json.dumps({**request, "params": one}) for one in params), CANARY]

    async with (
        opened(settle(tmp_path, sandbox)) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient(headers=HEADERS) as client,
    ):
        answers = [await client.post(f"{url}/mcp", content=body) for body in bodies]

    assert [answer.json()["error"]["code"] for answer in answers] == [-32602, -32602, -32700]
    assert [answer.text for answer in answers if CANARY in answer.text] == []
    assert CANARY not in caplog.text


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with (
        opened(settle(tmp_path, sandbox)) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient(headers=HEADERS) as client,
    ):
        answer = await client.post(f"{url}/mcp", content=json.dumps({"text": "a" * 5_000_000}))

    assert answer.status_code == 413


async def test_ids_are_taken_as_numbers_and_as_text(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    key = unique("key")

    async with connected(settle(tmp_path, sandbox)) as client:
        note = {"body": "Called twice.", "idempotency_key": key}
        first = await call(client, "add_internal_note", {"ticket_id": int(ticket_id), **note})
        again = await call(client, "add_internal_note", {"ticket_id": ticket_id, **note})

    assert [first["outcome"], again["outcome"]] == ["succeeded", "replayed"]
    assert writes(sandbox, ticket_id) == 1
