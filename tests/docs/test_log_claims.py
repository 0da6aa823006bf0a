"""What docs/decision-log.md says of records, their telling and their export is so."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mcp_router.audit.export import Format, lines
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive
from tests.docs.pages import blocks
from tests.docs.routers import host

VARYING = (
    (r"dec_[0-9a-z]{26}", "dec_…"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "(time)"),
    (r"[\d.]+ (ms|s)(?=[,.] |[,.]$)", "(duration)"),
    (r"mcp \d[\d.]*\d", "mcp (version)"),
    (r"genai-prices [\d.]*\d", "genai-prices (version)"),
    (r"\$\d+\.\d+", "$(price)"),
    (r"(score|cost|quality) [01]\.\d\d", r"\1 (share)"),
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


def fixed(story: str) -> str:
    """Return a story without what differs from call to call."""
    for pattern, stands_for in VARYING:
        story = re.sub(pattern, stands_for, story, flags=re.MULTILINE)

    return story.strip()


async def test_the_story_of_the_page_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    [shown] = [one.code for one in blocks("text") if one.page.name == "decision-log.md"]
    question = "I forgot my password, can you send me a reset link?"

    async with host(sandbox, tmp_path) as one:
        sandbox.openai.go_down()

        try:
            answer = await one.call("route_completion", {"input": question, "ticket_id": 101})
        finally:
            sandbox.openai.come_up()

        told = await one.call("explain_decision", {"decision_id": answer.result["decision_id"]})

    assert fixed(str(told.result["story"])) == fixed(shown)


WORDS = {
    "the question": "aubergine",
    "the instructions": "courgette",
    "a tool's description": "fennel",
    "a reply": "rhubarb",
    "a subject": "parsnip",
    "a new ticket's text": "celeriac",
    "a requester": "salsify@example.com",
    "a wrong argument": "kohlrabi",
}


async def test_no_words_of_people_are_in_the_log(sandbox: Sandbox, tmp_path: Path) -> None:
    async with host(sandbox, tmp_path) as one:
        answer = await one.call(
            "route_completion",
            {
                "input": f"{WORDS['the question']}: please look up ticket 101",
                "system": WORDS["the instructions"],
                "subject": WORDS["a subject"],
                "tools": [{"name": "lookup_ticket", "description": WORDS["a tool's description"]}],
            },
        )
        ticket = await one.call("lookup_ticket", {"ticket_id": 101})
        reply = {"ticket_id": 101, "body": WORDS["a reply"], "idempotency_key": "a-key-of-mine"}
        assert (await one.call("reply_to_ticket", reply)).result["outcome"] == "succeeded"
        opened = {
            "subject": WORDS["a subject"],
            "body": WORDS["a new ticket's text"],
            "requester_email": WORDS["a requester"],
        }
        assert (await one.call("create_ticket", opened)).result["outcome"] == "succeeded"
        assert (await one.call("reply_to_ticket", {WORDS["a wrong argument"]: 1})).is_error
        exported = export(one.storage)
        actions = table(one.storage, "SELECT arguments FROM actions")

    people = [str(ticket.result["subject"]), str(ticket.result["description"])[:40]]
    secrets = [*WORDS.values(), *people, "a-key-of-mine", "sandbox-openai-key"]
    assert answer.result["tool_calls"]
    assert [word for word in secrets if word in exported] == []
    assert WORDS["a reply"] in str(actions), "the ledger keeps what was written, as the page says"


async def test_every_call_leaves_one_record(sandbox: Sandbox, tmp_path: Path) -> None:
    async with host(sandbox, tmp_path) as one:
        await one.call("lookup_ticket", {"ticket_id": 101})
        await one.call("lookup_ticket", {"ticket_id": 999})
        await one.call("lookup_ticket", {"nonsense": 1})
        await one.call("reply_to_ticket", {"ticket_id": 105, "body": "a", "dry_run": True})
        exported = [json.loads(line) for line in export(one.storage).splitlines()]

    first, *calls = exported
    assert first["record"]["event"]["change"] == "released"
    assert [line["seq"] for line in exported] == [1, 2, 3, 4, 5]
    assert [line["record"]["outcome"] for line in calls] == ["ok", "error", "error", "dry_run"]
    assert all(set(line) == {"chain", "record", "seq"} for line in exported)
    assert all(None not in line["record"].values() for line in exported)


async def test_the_database_refuses_to_change_a_record_or_delete_an_action(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with host(sandbox, tmp_path) as one:
        await one.call("reply_to_ticket", {"ticket_id": 105, "body": "a"})

        for statement in (
            "UPDATE decisions SET outcome = 'ok'",
            "DELETE FROM decisions",
            "DELETE FROM actions",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                table(one.storage, statement)


def export(storage: str) -> str:
    with open_archive(storage) as archive:
        return "".join(lines(archive.rows(), Format.JSONL))


def table(storage: str, statement: str) -> list[object]:
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as connection:
        return connection.execute(statement).fetchall()
