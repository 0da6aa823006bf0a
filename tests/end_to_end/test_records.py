"""Every call leaves exactly one record, however it ends."""

from collections import Counter
from pathlib import Path

import anyio
import pytest

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from tests.end_to_end.harness import (
    LEGACY,
    MODERN,
    call,
    connected,
    old_ticket,
    settle,
    unique,
    until,
)


@pytest.mark.parametrize("mode", [MODERN, LEGACY])
async def test_a_mixed_run_leaves_one_record_for_each_call(
    mode: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    calls: list[tuple[str, dict[str, JsonValue], tuple[str, str | None]]] = [
        ("route_completion", {"input": "Good morning"}, ("ok", None)),
        ("route_completion", {"input": "Hello", "policy": "nobody"}, ("error", "unknown_policy")),
        ("route_completion", {"input": ""}, ("error", "invalid_arguments")),
        ("lookup_ticket", {"ticket_id": ticket_id}, ("ok", None)),
        ("lookup_ticket", {"ticket_id": 999_999}, ("error", "not_found")),
        ("search_tickets", {"query": "password"}, ("ok", None)),
        ("find_customer", {"name": "Maya"}, ("ok", None)),
        ("reply_to_ticket", {**reply, "dry_run": True}, ("dry_run", None)),
        ("reply_to_ticket", {**reply}, ("succeeded", None)),
        ("reply_to_ticket", {**reply}, ("replayed", None)),
        ("reply_to_ticket", {**reply, "body": "Other."}, ("conflict", "key_conflict")),
        ("add_internal_note", {"ticket_id": 999_999, "body": "a"}, ("failed", "not_found")),
        ("get_action", {"action_id": "act_0"}, ("error", "unknown_action")),
        ("explain_decision", {"decision_id": "dec_0"}, ("error", "unknown_decision")),
    ]

    async with connected(place, mode=mode) as client:
        decisions = [
            (await call(client, tool, arguments)).get("decision_id") for tool, arguments, _ in calls
        ]

    records = place.records()
    assert [(one.tool, (one.outcome, one.error_code)) for one in records] == [
        (tool, expected) for tool, _, expected in calls
    ]
    assert len({one.decision_id for one in records}) == len(calls)
    told = [(one, record.decision_id) for one, record in zip(decisions, records, strict=True)]
    assert [one for one in told if one[0] not in (None, one[1])] == []
    assert [one.cost_microusd > 0 for one in records] == [True] + [False] * (len(calls) - 1)


async def test_many_calls_at_once_leave_one_record_each(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    wrong: dict[str, JsonValue] = {"ticket_id": "", "limit": 3}

    async with connected(place) as client, anyio.create_task_group() as tasks:
        for number in range(30):
            tasks.start_soon(call, client, "lookup_ticket", {"ticket_id": ticket_id})
            tasks.start_soon(call, client, "lookup_ticket", wrong)
            tasks.start_soon(call, client, "route_completion", {"input": f"Hello {number}"})

    assert Counter((one.tool, one.outcome) for one in place.records()) == {
        ("lookup_ticket", "ok"): 30,
        ("lookup_ticket", "error"): 30,
        ("route_completion", "ok"): 30,
    }


@pytest.mark.parametrize("mode", [MODERN, LEGACY])
async def test_a_cancelled_completion_is_recorded_as_cancelled(
    mode: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    question = unique("How do I reset my password?")
    sandbox.openai.faults.add(Fault(kind=FaultKind.SLOW, delay_s=5))
    received = sandbox.openai.received.count()

    async with connected(place, mode=mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, client, "route_completion", {"input": question})
            await until(lambda: sandbox.openai.received.count() == received + 1)
            tasks.cancel_scope.cancel()

        await until(lambda: len(place.records()) == 1)
        (record,) = place.records()
        story = await call(client, "explain_decision", {"decision_id": record.decision_id})

    assert (record.tool, record.outcome, record.error_code) == (
        "route_completion",
        "cancelled",
        None,
    )
    assert record.decision is not None
    assert [(one.evidence, one.reason) for one in record.attempts] == [
        (Evidence.UNKNOWN, Reason.CANCELLED)
    ]
    assert story["outcome"] == "cancelled"
    assert "The host went away before the answer." in str(story["story"])
