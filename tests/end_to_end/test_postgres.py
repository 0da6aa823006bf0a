"""The whole router on PostgreSQL: replicas of one database act once, and people see it all."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from mcp_router.domain.action import ActionState
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive, open_store
from tests.cli.running import run
from tests.end_to_end.harness import Place, call, comments, connected, old_ticket, settle
from tests.storage.postgres.server import fresh_url
from tests.storage.rows import action
from tests.storage.walks import walked

BODY = "The parcel arrives tomorrow."


@pytest.fixture
def url() -> str:
    return fresh_url()


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox, url: str) -> Place:
    place = settle(tmp_path, sandbox)
    stored(place, url)
    return place


def stored(place: Place, url: str) -> None:
    """Let a place keep its data in a database."""
    document = yaml.safe_load(place.file.read_text(encoding="utf-8"))
    document["storage"] = url
    place.file.write_text(yaml.safe_dump(document), encoding="utf-8")


def reply(ticket: str, key: str) -> dict[str, str]:
    return {"ticket_id": ticket, "body": BODY, "idempotency_key": key}


async def command(*arguments: str | Path) -> Result:
    """Run a command beside this loop: it has one of its own."""
    return await asyncio.to_thread(run, *arguments)


async def test_a_write_happens_once_and_its_repetition_is_told_the_same(
    place: Place, sandbox: Sandbox, url: str
) -> None:
    ticket = old_ticket(sandbox)

    async with connected(place) as client:
        first = await call(client, "reply_to_ticket", reply(ticket, "once"))

    async with connected(place) as client:  # another start on the same database
        again = await call(client, "reply_to_ticket", reply(ticket, "once"))

    assert (first["outcome"], again["outcome"]) == ("succeeded", "replayed")
    assert (first["action_id"], first["ref"]) == (again["action_id"], again["ref"])
    assert [one.body for one in comments(sandbox, ticket)] == [BODY]
    assert not place.database.exists()

    with open_archive(url) as archive:
        first_use, *calls = [stored.record for stored in archive.records()]
        assert first_use.event is not None
        assert [one.outcome for one in calls] == ["succeeded", "replayed"]
        assert [one.state for one in archive.events(str(first["action_id"]))][-1:] == [
            ActionState.SUCCEEDED
        ]


async def test_replicas_of_one_database_that_race_for_a_key_act_once(
    place: Place, sandbox: Sandbox, url: str
) -> None:
    tickets = [old_ticket(sandbox) for _ in range(4)]

    async with connected(place) as one, connected(place) as two:
        heard = await asyncio.gather(
            *(
                call(client, "reply_to_ticket", reply(ticket, ticket))
                for ticket in tickets
                for client in (one, two, one, two)
            )
        )
        told = [await call(two, "reply_to_ticket", reply(ticket, ticket)) for ticket in tickets]

    assert [len(comments(sandbox, ticket)) for ticket in tickets] == [1, 1, 1, 1]
    assert [one["outcome"] for one in heard].count("succeeded") == 4
    assert {one["outcome"] for one in heard} <= {"succeeded", "replayed", "in_progress"}
    assert [one["outcome"] for one in told] == ["replayed"] * 4

    with open_archive(url) as archive:
        # Twenty calls, and the first use of the policy.
        assert [stored.seq for stored in archive.records()] == list(range(1, 22))
        assert len(archive.actions(None, 100)) == 4


async def test_people_look_into_the_ledger_and_decide_what_is_left_open(
    place: Place, url: str
) -> None:
    store = open_store(url)
    await walked(store.actions, action("open", owner=None), ActionState.UNKNOWN)
    await store.aclose()
    config = ("--config", place.file)

    listed = await command("actions", "list", "--json", *config)
    resolved = await command(
        "actions",
        "resolve",
        "act_open",
        "--as",
        "applied",
        "--by",
        "maya",
        "--why",
        "seen",
        *config,
    )
    shown = await command("actions", "show", "act_open", "--json", *config)

    assert [json.loads(line)["state"] for line in listed.stdout.splitlines()] == ["unknown"]
    assert resolved.stdout == "act_open succeeded\n"
    found = json.loads(shown.stdout)
    assert (found["state"], found["ref"], found["decided_by"]) == ("succeeded", "7", "maya: seen")
    assert [event["state"] for event in found["events"]] == [
        "reserved",
        "sending",
        "unknown",
        "succeeded",
    ]


async def test_the_decision_log_is_exported(place: Place, sandbox: Sandbox) -> None:
    async with connected(place) as client:
        await call(client, "lookup_ticket", {"ticket_id": old_ticket(sandbox)})

    exported = await command("audit", "export", "--config", place.file)

    assert exported.exit_code == 0
    assert "lookup_ticket" in exported.stdout


async def test_doctor_names_the_database(place: Place) -> None:
    examined = await command("doctor", "--config", place.file)

    assert "the PostgreSQL database postgres at /tmp/" in examined.stdout
    assert "can be written" in examined.stdout


async def test_what_is_wrong_with_a_database_is_said_without_its_password(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    stored(place, "postgresql://maya:hunter2@127.0.0.1:1/router")

    examined = await command("doctor", "--config", place.file)
    listed = await command("actions", "list", "--config", place.file)

    assert (examined.exit_code, listed.exit_code) == (1, 1)
    assert "The database cannot be reached." in examined.stdout
    assert "storage_unavailable: The database cannot be reached." in listed.stderr
    assert "127.0.0.1" in caplog.text

    for text in (examined.output, examined.stderr, listed.output, listed.stderr, caplog.text):
        assert "hunter2" not in text
