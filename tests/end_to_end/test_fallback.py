"""The fallback law for completions, by what hosts are told and what the providers received."""

from pathlib import Path

import pytest
from mcp import Client

from mcp_router.canonical import JsonValue
from mcp_router.domain.completion import Role, ToolCall
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.models.state import ReceivedRequest, ScriptedAnswer
from tests.end_to_end.harness import (
    BRIEF_S,
    call,
    comments,
    connected,
    old_ticket,
    settle,
    unique,
)

NANO, FLASH, HAIKU = "gpt-5-nano", "gemini-2.5-flash-lite", "claude-haiku-4.5"

FAULTS: dict[str, tuple[Fault, tuple[str, str]]] = {
    "refused": (Fault(kind=FaultKind.REFUSE), ("not_applied", "refused")),
    "429": (Fault(kind=FaultKind.STATUS, status=429), ("not_applied", "rate_limited")),
    "401": (Fault(kind=FaultKind.STATUS, status=401), ("not_applied", "unauthorized")),
    "500": (Fault(kind=FaultKind.STATUS, status=500), ("unknown", "server_error")),
    "redirect": (Fault(kind=FaultKind.REDIRECT), ("not_applied", "redirected")),
    "dropped": (Fault(kind=FaultKind.DROP_BEFORE), ("unknown", "reset")),
    "slow": (Fault(kind=FaultKind.SLOW, delay_s=20), ("unknown", "timeout")),
    "garbled": (Fault(kind=FaultKind.GARBLED), ("unknown", "garbled")),
}


def received(sandbox: Sandbox, question: str) -> list[ReceivedRequest]:
    """Return the requests that carried a question, oldest first."""
    return [
        one
        for one in sandbox.models_state.requests()
        if any(message.content == question for message in one.request.messages)
    ]


def attempts_of(answer: dict[str, object]) -> list[tuple[str, str, str]]:
    attempts = answer["attempts"]
    assert isinstance(attempts, list)
    return [(one["target"], one["outcome"], one["reason"]) for one in attempts]


async def tried(client: Client, decision_id: object) -> dict[str, object]:
    return await call(client, "explain_decision", {"decision_id": str(decision_id)})


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
async def test_another_model_answers_whatever_happens_to_the_first(
    fault: Fault, expected: tuple[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox, patience_s=BRIEF_S)

    async with connected(place) as client:
        sandbox.openai.faults.add(fault)
        answer = await call(client, "route_completion", {"input": unique("Good morning")})

    tried = [(NANO, *expected), (FLASH, "applied", "ok")]
    assert (attempts_of(answer), answer["model"]) == (tried, FLASH)
    assert [
        [(one.target, one.evidence.value, one.reason.value) for one in record.attempts]
        for record in place.records()
    ] == [tried]


async def test_a_model_that_keeps_failing_is_left_alone_until_a_probe_succeeds(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    question = unique("Good morning")

    async with connected(place) as client:
        sandbox.openai.faults.add(Fault(kind=FaultKind.STATUS, status=503, times=5))
        answers = [await call(client, "route_completion", {"input": question}) for _ in range(8)]

    assert [attempts_of(one)[0][0] for one in answers] == [NANO] * 5 + [FLASH] * 3
    decision = place.records()[-1].decision
    assert decision is not None
    assert [one.target for one in decision.rejections] == [NANO]


async def test_a_target_that_failed_in_passing_is_asked_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for server in (sandbox.openai, sandbox.gemini, sandbox.anthropic):
        server.faults.add(Fault(kind=FaultKind.STATUS, status=503))

    async with connected(settle(tmp_path, sandbox)) as client:
        answer = await call(client, "route_completion", {"input": unique("Good morning")})

    assert attempts_of(answer) == [
        (NANO, "unknown", "server_error"),
        (FLASH, "unknown", "server_error"),
        (HAIKU, "unknown", "server_error"),
        (NANO, "applied", "ok"),
    ]


@pytest.mark.parametrize(
    ("tier", "code", "sends"),
    [("ordinary", "targets_exhausted", 4), ("once", "targets_exhausted", 1)],
)
async def test_an_outage_of_all_providers_is_told_after_the_allowed_attempts(
    tier: str, code: str, sends: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    for server in (sandbox.openai, sandbox.gemini, sandbox.anthropic):
        server.go_down()

    place = settle(tmp_path, sandbox)
    question = {"input": unique("Good morning"), "customer_tier": tier}

    async with connected(place) as client:
        result = await client.call_tool("route_completion", dict(question))
        told = result.structured_content or {}
        story = await tried(client, told["decision_id"])

    assert result.is_error
    assert (told["code"], told["retryable"]) == (code, True)
    record = place.records()[0]
    assert [(one.target, one.reason.value) for one in record.attempts] == [
        (name, "refused") for name in (NANO, FLASH, HAIKU, NANO)[:sends]
    ]
    assert (story["outcome"], story["code"]) == ("error", code)


async def test_the_deadline_ends_a_call_whose_targets_are_slow(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for server in (sandbox.openai, sandbox.gemini, sandbox.anthropic):
        server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=20, times=3))

    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        told = await call(
            client, "route_completion", {"input": unique("Quick"), "customer_tier": "hasty"}
        )

    assert (told["code"], told["retryable"]) == ("deadline_exceeded", True)
    (record,) = place.records()
    assert [(one.target, one.reason.value) for one in record.attempts] == [
        (NANO, "timeout"),
        (FLASH, "timeout"),
    ]
    assert record.latency_ms < 20_000, "nobody waited for the answers"


async def test_nothing_is_sent_that_the_budget_does_not_cover(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    question = unique("What may this cost?")
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        told = await call(client, "route_completion", {"input": question, "customer_tier": "poor"})
        story = await tried(client, told["decision_id"])

    assert told["code"] == "no_target"
    assert received(sandbox, question) == []
    assert story["cost_usd"] == 0


async def test_a_lost_answer_counts_against_the_budget(sandbox: Sandbox, tmp_path: Path) -> None:
    question = unique("What may this cost?")
    place = settle(tmp_path, sandbox)
    sandbox.openai.faults.add(Fault(kind=FaultKind.DROP_AFTER))

    async with connected(place) as client:
        told = await call(
            client, "route_completion", {"input": question, "customer_tier": "thrifty"}
        )

    (record,) = place.records()
    assert [(one.target, one.reason.value) for one in record.attempts] == [
        (NANO, "reset"),
        (FLASH, "over_budget"),
        (NANO, "over_budget"),
    ]
    assert told["code"] == "targets_exhausted"
    assert [one.model for one in received(sandbox, question)] == [NANO]


TOOL: dict[str, JsonValue] = {
    "name": "lookup_order",
    "description": "Read an order.",
    "parameters": {
        "type": "object",
        "properties": {"order_id": {"type": "string"}},
        "required": ["order_id"],
    },
}


@pytest.mark.parametrize("down", [(), ("openai",), ("openai", "gemini")])
async def test_tool_calls_are_carried_both_ways_whoever_answers(
    down: tuple[str, ...], sandbox: Sandbox, tmp_path: Path
) -> None:
    servers = {"openai": sandbox.openai, "gemini": sandbox.gemini}
    question = unique("Please look up my order")
    sandbox.models_state.script(
        ScriptedAnswer(
            tool_calls=(ToolCall(id="x", name="lookup_order", arguments_json='{"order_id":"A-7"}'),)
        )
    )

    for name in down:
        servers[name].go_down()

    async with connected(settle(tmp_path, sandbox)) as client:
        asked = await call(client, "route_completion", {"input": question, "tools": [TOOL]})
        calls = asked["tool_calls"]
        assert isinstance(calls, list)
        (wanted,) = calls
        answered = await call(
            client,
            "route_completion",
            {
                "messages": [
                    {"role": "user", "content": question},
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "id": wanted["id"],
                                "name": wanted["name"],
                                "arguments": {"order_id": "A-7"},
                            }
                        ],
                    },
                    {"role": "tool", "tool_call_id": wanted["id"], "content": '{"eta":"Friday"}'},
                ],
                "tools": [TOOL],
            },
        )

    assert asked["finish_reason"] == "tool_calls"
    assert (wanted["name"], wanted["arguments"]) == ("lookup_order", '{"order_id":"A-7"}')
    assert answered["output"] == "I used lookup_order and found: eta Friday."
    assert answered["tool_calls"] == []
    assert answered["model"] == (NANO, FLASH, HAIKU)[len(down)]


async def test_a_later_model_is_told_what_the_run_has_done(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    questions = [unique("And now?") for _ in range(3)]
    reply = {"ticket_id": ticket_id, "body": "On its way.", "run_id": "run-1"}

    async with connected(settle(tmp_path, sandbox)) as client:
        await call(client, "route_completion", {"input": questions[0], "run_id": "run-1"})
        await call(client, "reply_to_ticket", reply)
        sandbox.openai.go_down()  # another model takes over
        await call(client, "route_completion", {"input": questions[1], "run_id": "run-1"})
        await call(client, "route_completion", {"input": questions[2], "run_id": "run-2"})
        repeated = await call(client, "reply_to_ticket", {**reply, "body": "It is coming."})

    told = [
        [one.content for one in request.request.messages if one.role is Role.SYSTEM]
        for question in questions
        for request in received(sandbox, question)
    ]
    assert told == [
        [],
        [
            "Already done in this run, never to be repeated:\n"
            f"- reply_to_ticket at zendesk on {ticket_id}: done, see {ticket_id}"
        ],
        [],
    ]
    assert repeated["outcome"] == "conflict"
    assert len(comments(sandbox, ticket_id)) == 1
