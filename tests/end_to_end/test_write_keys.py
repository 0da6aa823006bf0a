"""One key, one effect: whoever repeats the call, however often, and whatever they change."""

from pathlib import Path

import anyio
import pytest
from mcp import Client

from mcp_router.errors import KeyConflict
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.door import KEY_META, RUN_META
from tests.end_to_end.harness import (
    DESK_CLOCK,
    LEGACY,
    MODERN,
    call,
    comments,
    connected,
    new_ticket,
    old_ticket,
    opened,
    settle,
    unique,
    until,
    writes,
)


async def test_other_arguments_under_a_used_key_are_a_conflict(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    first = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}

    async with connected(settle(tmp_path, sandbox)) as client:
        done = await call(client, "reply_to_ticket", first)
        other_words = await call(client, "reply_to_ticket", {**first, "body": "It is coming."})
        other_tool = await call(client, "add_internal_note", first)

    assert done["outcome"] == "succeeded"

    for refused in (other_words, other_tool):
        assert refused == {
            **refused,
            "outcome": "conflict",
            "action_id": done["action_id"],
            "ref": done["ref"],
            "safe_to_retry": False,
            "code": "key_conflict",
            "retryable": False,
            "next": KeyConflict.next_step,
        }

    assert [one.body for one in comments(sandbox, ticket_id)] == ["On its way."]


async def test_a_reworded_reply_in_the_same_run_is_a_conflict_until_a_key_says_it_is_meant(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id, run_id = old_ticket(sandbox), "run-7"
    first = {"ticket_id": ticket_id, "body": "On its way.", "run_id": run_id}
    reworded = {**first, "body": "We have sent a new one."}

    async with connected(settle(tmp_path, sandbox)) as client:
        outcomes = [
            (one["outcome"], one["dedupe"])
            for one in (
                await call(client, "reply_to_ticket", first),
                await call(client, "reply_to_ticket", first),
                await call(client, "reply_to_ticket", reworded),
                await call(client, "reply_to_ticket", {**reworded, "idempotency_key": "second"}),
                await call(client, "reply_to_ticket", {**reworded, "run_id": "run-8"}),
            )
        ]

    assert outcomes == [
        ("succeeded", "slot"),
        ("replayed", "slot"),
        ("conflict", "slot"),
        ("succeeded", "explicit"),
        ("succeeded", "slot"),
    ]
    assert len(comments(sandbox, ticket_id)) == 3


async def test_the_argument_goes_before_the_metadata(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    note = {"ticket_id": ticket_id, "body": "Called twice."}
    by_argument, by_meta = unique("argument"), unique("meta")

    async with connected(settle(tmp_path, sandbox)) as client:
        both = await call(
            client,
            "add_internal_note",
            {**note, "idempotency_key": by_argument},
            meta={KEY_META: by_meta},
        )
        meta = await call(client, "add_internal_note", note, meta={KEY_META: by_meta})
        again = await call(client, "add_internal_note", note, meta={KEY_META: by_argument})
        run = await call(client, "add_internal_note", note, meta={RUN_META: "run-1"})

    assert [(one["outcome"], one["idempotency_key"]) for one in (both, meta, again)] == [
        ("succeeded", by_argument),
        ("succeeded", by_meta),
        ("replayed", by_argument),
    ]
    assert (run["outcome"], run["dedupe"]) == ("succeeded", "slot")
    assert writes(sandbox, ticket_id) == 3


@pytest.mark.parametrize(
    "meta",
    [{KEY_META: 42}, {KEY_META: ""}, {KEY_META: "k" * 256}, {RUN_META: 7}, {RUN_META: "a b"}],
)
async def test_a_name_that_cannot_be_used_is_refused_and_not_ignored(
    meta: dict[str, str | int], sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    note = {"ticket_id": ticket_id, "body": "Called twice."}

    async with connected(settle(tmp_path, sandbox)) as client:
        refused = await call(client, "add_internal_note", note, meta=meta)

    assert refused["code"] == "invalid_arguments"
    assert writes(sandbox, ticket_id) == 0


async def test_two_callers_with_one_key_have_one_effect(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    place = settle(tmp_path, sandbox)
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=2, method="PUT"))
    first: dict[str, object] = {}

    async with connected(place) as client:

        async def one() -> None:
            first.update(await call(client, "reply_to_ticket", reply))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            await until(lambda: writes(sandbox, ticket_id) == 1)
            meanwhile = await call(client, "reply_to_ticket", reply)
            state = await call(client, "get_action", {"action_id": str(meanwhile["action_id"])})
            assert first == {}, "the first call was still under way"

        afterwards = await call(client, "reply_to_ticket", reply)

    assert [one["outcome"] for one in (first, meanwhile, afterwards)] == [
        "succeeded",
        "in_progress",
        "replayed",
    ]
    assert state["state"] == "sending"
    assert {one["action_id"] for one in (first, meanwhile, afterwards)} == {first["action_id"]}
    assert writes(sandbox, ticket_id) == 1


@pytest.mark.parametrize("mode", [MODERN, LEGACY])
async def test_a_cancelled_write_is_finished_once_and_can_be_replayed(
    mode: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    place = settle(tmp_path, sandbox)
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=0.3, method="PUT"))

    async with connected(place, mode=mode) as client:
        await cancelled(client, reply, sandbox, ticket_id)
        await until(lambda: len(place.records()) == 1)
        again = await call(client, "reply_to_ticket", reply)

    assert again["outcome"] == "replayed"
    assert writes(sandbox, ticket_id) == 1
    assert place.outcomes() == [
        ("reply_to_ticket", "succeeded", None),
        ("reply_to_ticket", "replayed", None),
    ]


async def cancelled(
    client: Client, reply: dict[str, str], sandbox: Sandbox, ticket_id: str
) -> None:
    """Begin a reply and give it up as soon as the desk has applied it."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, client, "reply_to_ticket", reply)
        await until(lambda: writes(sandbox, ticket_id) == 1)
        tasks.cancel_scope.cancel()


async def test_a_dry_run_writes_nothing_and_uses_no_key(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    sent = sandbox.zendesk.received.count(method="PUT")
    reply = {"ticket_id": ticket_id, "idempotency_key": unique("key")}

    async with connected(place) as client:
        shown = await call(
            client, "reply_to_ticket", {**reply, "body": "Shown only.", "dry_run": True}
        )
        assert sandbox.zendesk.received.count(method="PUT") == sent
        done = await call(client, "reply_to_ticket", {**reply, "body": "Meant."})

    assert shown == {
        "outcome": "dry_run",
        "action_id": None,
        "idempotency_key": reply["idempotency_key"],
        "target": "zendesk",
        "ref": None,
        "attempts": 0,
        "done_ms": None,
        "ask_again_s": None,
        "safe_to_retry": True,
        "next": "Call again without dry_run to do it.",
        "dedupe": "explicit",
        "write": shown["write"],
        "code": None,
        "message": None,
        "retryable": None,
        "visibility": "public",
        "decision_id": shown["decision_id"],
    }
    assert "Shown only." in str(shown["write"])
    assert done["outcome"] == "succeeded"
    assert [one.body for one in comments(sandbox, ticket_id)] == ["Meant."]
    assert [(one.outcome, one.target) for one in place.records()] == [
        ("dry_run", "zendesk"),
        ("succeeded", "zendesk"),
    ]


async def test_a_lost_reply_that_another_change_could_hide_stays_unknown_and_is_not_sent_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.DROP_BEFORE, method="PUT"))
    sent = sandbox.zendesk.received.count(method="PUT")

    with DESK_CLOCK.standing():
        ticket_id = new_ticket(sandbox)
        reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}

        async with connected(settle(tmp_path, sandbox)) as client:
            first = await client.call_tool("reply_to_ticket", dict(reply))
            again = await call(client, "reply_to_ticket", reply)
            told = first.structured_content or {}
            state = await call(client, "get_action", {"action_id": told["action_id"]})

    assert not first.is_error
    assert (told["outcome"], told["code"], told["safe_to_retry"]) == (
        "outcome_unknown",
        "outcome_unknown",
        True,
    )
    assert again["outcome"] == "outcome_unknown"
    assert (state["state"], state["attempts"]) == ("unknown", 1)
    assert sandbox.zendesk.received.count(method="PUT") == sent + 1
    assert writes(sandbox, ticket_id) == 0


async def test_the_ledger_outlives_the_process(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        first = await call(client, "reply_to_ticket", reply)

    async with connected(place) as client:
        again = await call(client, "reply_to_ticket", reply)

    async with opened(place) as app:
        kept = await app.services.ledger.get("local", str(first["action_id"]))

    assert again["outcome"] == "replayed"
    assert again["ref"] == first["ref"]
    assert kept.state == "succeeded"
    assert writes(sandbox, ticket_id) == 1
