"""What a host reads when it repeats a write: the first answer, or what was done under its key."""

from pathlib import Path

from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from tests.end_to_end.harness import call, connected, old_ticket, opened, settle, unique, writes

OWN = {"outcome", "decision_id"}
"""What each call has of its own."""


def repeated(told: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in told.items() if name not in OWN}


async def test_a_replay_says_what_the_first_answer_said_after_a_restart_too(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        first = await call(client, "reply_to_ticket", reply)
        again = await call(client, "reply_to_ticket", reply)

    async with connected(place) as client:
        restarted = await call(client, "reply_to_ticket", reply)

    assert [one["outcome"] for one in (first, again, restarted)] == [
        "succeeded",
        "replayed",
        "replayed",
    ]
    assert repeated(first) == repeated(again) == repeated(restarted)
    assert isinstance(first["done_ms"], int)
    assert first["ref"] is not None
    assert len({str(one["decision_id"]) for one in (first, again, restarted)}) == 3
    assert writes(sandbox, ticket_id) == 1


async def test_a_refusal_is_repeated_word_for_word_and_not_sent_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    note = {"ticket_id": ticket_id, "body": "Word.", "idempotency_key": unique("key")}
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=422, method="PUT"))

    async with connected(settle(tmp_path, sandbox)) as client:
        first = await call(client, "add_internal_note", note)
        again = await call(client, "add_internal_note", note)

    assert (first["outcome"], first["code"]) == ("failed", "desk_rejected")
    assert first["message"]
    assert (first["retryable"], first["safe_to_retry"]) == (False, False)
    assert again == {**first, "decision_id": again["decision_id"]}
    assert writes(sandbox, ticket_id) == 0


async def test_a_conflict_names_the_action_and_shows_what_it_made(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    note = {"ticket_id": ticket_id, "body": "Word.", "idempotency_key": unique("key")}

    async with connected(settle(tmp_path, sandbox)) as client:
        first = await call(client, "add_internal_note", note)
        other = await call(client, "add_internal_note", {**note, "body": "Another."})

    ref = first["ref"]
    assert isinstance(ref, dict)
    assert (other["outcome"], other["code"]) == ("conflict", "key_conflict")
    assert (other["action_id"], other["ref"]) == (first["action_id"], ref)
    assert other["done_ms"] == first["done_ms"]
    assert str(other["message"]).endswith(f"It was done: see {ref['url']}.")
    assert (other["retryable"], other["safe_to_retry"]) == (False, False)
    assert "Another." not in str(other)
    assert writes(sandbox, ticket_id) == 1


async def test_an_expired_key_shows_what_was_made_and_makes_nothing_new(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    note = {"ticket_id": ticket_id, "body": "Word.", "idempotency_key": unique("key")}
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        first = await call(client, "add_internal_note", note)

    async with opened(place) as app:
        assert await app.services.ledger.expire(older_than_s=0, limit=10) == 1

    async with connected(place) as client:
        again = await call(client, "add_internal_note", note)
        shown = await call(client, "get_action", {"action_id": str(first["action_id"])})

    assert (again["outcome"], again["code"]) == ("conflict", "expired_key")
    assert (again["action_id"], again["ref"]) == (first["action_id"], first["ref"])
    assert again["safe_to_retry"] is False
    assert (shown["state"], shown["ref"]) == ("expired", first["ref"])
    assert writes(sandbox, ticket_id) == 1
