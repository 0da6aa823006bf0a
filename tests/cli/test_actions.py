import json
import re
from pathlib import Path

import pytest

from tests.cli.calls import KEY, REPLY, actions_of
from tests.cli.running import run, told
from tests.end_to_end.harness import Place

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


def rows(place: Place, *options: str) -> list[dict[str, object]]:
    result = run("actions", "list", "--config", place.file, "--json", *options)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_programs_get_each_action_newest_first(worked: Place, ticket: str) -> None:
    failed, done = actions_of(worked)
    found = rows(worked)

    assert [MOMENT.fullmatch(str(row.pop("created"))) is None for row in found] == [False, False]
    assert [MOMENT.fullmatch(str(row.pop("updated"))) is None for row in found] == [False, False]
    same = {
        "tenant": "local",
        "principal": "stdio",
        "tool": "reply_to_ticket",
        "target": "zendesk",
        "run_id": None,
        "strategy": "cas_marker",
        "decided_by": None,
    }
    assert done.ref is not None
    assert found == [
        {
            **same,
            "action_id": failed.action_id,
            "state": "failed",
            "attempts": 0,
            "fence": 1,
            "object_id": "999999",
            "idempotency_key": failed.key,
            "ref": None,
            "url": None,
            "error_code": "not_found",
        },
        {
            **same,
            "action_id": done.action_id,
            "state": "succeeded",
            "attempts": 1,
            "fence": 1,
            "object_id": ticket,
            "idempotency_key": KEY,
            "ref": done.ref.id,
            "url": done.ref.url,
            "error_code": None,
        },
    ]


def test_what_was_written_to_a_customer_is_not_shown(worked: Place) -> None:
    for action in actions_of(worked):
        for options in ([], ["--json"]):
            shown = run("actions", "show", action.action_id, "--config", worked.file, *options)
            assert shown.exit_code == 0
            assert REPLY not in shown.output


def test_people_get_a_table(worked: Place, ticket: str) -> None:
    failed, done = actions_of(worked)

    heading, *lines = run("actions", "list", "--config", worked.file).stdout.splitlines()

    assert heading.split() == [
        "action", "state", "tool", "target", "object", "ref", "sends", "updated",
    ]  # fmt: skip
    assert done.ref is not None
    assert [line.split()[:-3] for line in lines] == [
        [failed.action_id, "failed", "reply_to_ticket", "zendesk", "999999", "0"],
        [done.action_id, "succeeded", "reply_to_ticket", "zendesk", ticket, done.ref.id, "1"],
    ]


def test_actions_can_be_asked_for_by_state_and_number(worked: Place) -> None:
    assert [row["state"] for row in rows(worked, "--state", "succeeded")] == ["succeeded"]
    assert [row["state"] for row in rows(worked, "--limit", "1")] == ["failed"]
    assert rows(worked, "--state", "unknown") == []

    none = run("actions", "list", "--config", worked.file, "--state", "unknown")
    assert (none.exit_code, none.stdout) == (0, "The ledger holds no such action.\n")


def test_one_action_is_shown_with_what_happened_to_it(worked: Place, ticket: str) -> None:
    _, done = actions_of(worked)

    shown = told(run("actions", "show", done.action_id, "--config", worked.file, "--json"))

    events = shown["events"]
    assert isinstance(events, list)
    assert [(one["state"], one["attempts"]) for one in events] == [
        ("reserved", 0),
        ("sending", 1),
        ("succeeded", 1),
    ]
    assert (shown["state"], shown["idempotency_key"], shown["object_id"]) == (
        "succeeded",
        KEY,
        ticket,
    )
    lines = run("actions", "show", done.action_id, "--config", worked.file).stdout.splitlines()
    assert f"idempotency_key  {KEY}" in lines
    assert [line.split("UTC")[1].split() for line in lines[lines.index("events") + 1 :]] == [
        ["reserved", "send", "0"],
        ["sending", "send", "1"],
        ["succeeded", "send", "1"],
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "act_unknown"), 1, "unknown_action: No action has that id.\n"),
        (("list", "--state", "done"), 2, "Usage: "),
        (("list", "--limit", "0"), 2, "Usage: "),
        (("show",), 2, "Usage: "),
    ],
)
def test_wrong_input_is_told(
    worked: Place, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = run("actions", *arguments, "--config", worked.file)

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(message)


@pytest.mark.parametrize("arguments", [("list",), ("show", "act_x")])
def test_a_ledger_that_is_not_there_or_no_ledger_is_told(
    place: Place, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    missing = run("actions", *arguments, "--config", place.file)
    place.database.write_text("no database", encoding="utf-8")
    other = run("actions", *arguments, "--config", place.file)

    assert (missing.exit_code, other.exit_code) == (1, 1)
    assert missing.stderr.startswith("storage_unavailable: There is no decision log there yet.\n")
    assert other.stderr.startswith("storage_unavailable: ")
