"""The host's own name for a step of its run, at the door: taken, or refused, never ignored."""

from pathlib import Path

import pytest

from mcp_router.domain.caller import trusted_caller
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.door import CALL_META, KEY_META, RUN_META, Door
from mcp_router.tools.route_completion import TOOL
from tests.end_to_end.faulty import CANARY, faulty
from tests.end_to_end.harness import call, connected, old_ticket, opened, settle, unique, writes


@pytest.mark.parametrize(
    "call_id", [7, 1.5, True, "", "a b", "a" * 65, "a\n", "../x", ["call-1"], {"id": "call-1"}]
)
async def test_a_step_that_cannot_be_a_name_is_refused_and_not_ignored(
    call_id: object, sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    note = {"ticket_id": ticket_id, "body": "Called twice.", "run_id": "run-1"}
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        refused = await call(client, "add_internal_note", note, meta={CALL_META: call_id})  # type: ignore[dict-item]  # what no host should send

    assert (refused["code"], refused["retryable"]) == ("invalid_arguments", False)
    assert str(refused["message"]).startswith(f"{CALL_META}: ")
    assert writes(sandbox, ticket_id) == 0
    assert place.outcomes() == [("add_internal_note", "error", "invalid_arguments")]


async def test_a_refused_name_is_repeated_nowhere(sandbox: Sandbox, tmp_path: Path) -> None:
    note = {"ticket_id": old_ticket(sandbox), "body": "Word.", "run_id": "run-1"}
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        refused = await call(client, "add_internal_note", note, meta={CALL_META: CANARY})

    assert CANARY not in str(refused)
    assert CANARY not in repr(place.records())


async def test_each_step_of_a_run_is_a_write_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)

    async with connected(settle(tmp_path, sandbox)) as client:

        async def note(body: str, **meta: str) -> tuple[object, object]:
            named = {RUN_META: "run-1", CALL_META: "step-1", **meta}
            told = await call(
                client, "add_internal_note", {"ticket_id": ticket_id, "body": body}, meta=named
            )
            return told["outcome"], told["dedupe"]

        outcomes = [
            await note("First."),
            await note("First."),
            await note("In other words."),
            await note("Second.", **{CALL_META: "step-2"}),
            await note("Third.", **{KEY_META: unique("key")}),
        ]

    assert outcomes == [
        ("succeeded", "call"),
        ("replayed", "call"),
        ("conflict", "call"),
        ("succeeded", "call"),
        ("succeeded", "explicit"),
    ]
    assert writes(sandbox, ticket_id) == 3


async def test_a_step_without_its_run_names_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    note = {"ticket_id": ticket_id, "body": unique("Word.")}

    async with connected(settle(tmp_path, sandbox)) as client:
        told = [
            await call(client, "add_internal_note", note, meta={CALL_META: step})
            for step in ("step-1", "step-2")
        ]

    assert [(one["outcome"], one["dedupe"]) for one in told] == [
        ("succeeded", "heuristic"),
        ("replayed", "heuristic"),
    ]
    assert writes(sandbox, ticket_id) == 1


async def test_a_fault_is_logged_without_the_words_that_it_quotes(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(settle(tmp_path, sandbox)) as app:
        door = Door(faulty(app))
        about = door.call(TOOL.name, trusted_caller("test"), client=None, meta={}, headers={})
        told = await door.serve(TOOL, about, {"input": CANARY})

    assert told.is_error
    assert CANARY not in str(told)
    assert CANARY not in caplog.text
    assert f"call {about.call_id} of route_completion failed: ValueError at " in caplog.text
