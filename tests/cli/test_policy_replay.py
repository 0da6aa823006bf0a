"""A log of a few hundred questions, as `mcp-router route` leaves it, is decided again."""

import hashlib
import json
from pathlib import Path

import anyio
import pytest

from mcp_router.policy.source import PolicySource
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive, open_store
from tests.cli.running import run, told
from tests.end_to_end.harness import Place, settle
from tests.source_tree import CHECKOUT
from tests.storage.postgres.server import fresh_url

QUESTIONS = 300


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, running_sandbox: Sandbox) -> Place:
    """A place whose log holds a few hundred questions that `mcp-router route` has asked."""
    folder = tmp_path_factory.mktemp("asked")
    place = settle(folder, running_sandbox, packaged=True)
    intents = PolicySource(None).load("support@1").intents
    phrases = [example for intent in intents for example in intent.examples]
    chosen = (f"{phrases[n % len(phrases)]} (ticket {n})" for n in range(QUESTIONS))
    questions = folder / "questions.txt"
    questions.write_text("\n".join(chosen), encoding="utf-8")
    route = run("route", questions, "--policy", "support@1", "--config", place.file, "--json")
    assert route.exit_code == 0
    export = run("audit", "export", "--config", place.file, "--output", folder / "log.jsonl")
    assert export.exit_code == 0
    return place


def log_of(place: Place) -> Path:
    return place.file.parent / "log.jsonl"


def replayed(place: Place, *arguments: str | Path, code: int = 0) -> dict[str, object]:
    result = run("policy", "replay", "--config", place.file, "--json", *arguments)
    assert (result.exit_code, result.stderr) == (code, "")
    return told(result)


def counts(report: dict[str, object]) -> dict[str, int]:
    found = report["counts"]
    assert isinstance(found, dict)
    return found


def test_the_same_version_decides_a_real_log_the_same_bit_for_bit(asked: Place) -> None:
    counted = counts(replayed(asked, "--from", log_of(asked), "--policy", "support@1"))

    # A log may begin with the event that released the policy.
    assert counted["records"] - counted["without_decision"] == QUESTIONS
    assert counted["replayed"] == counted["same_document"] == counted["same_decision"] == QUESTIONS
    assert (counted["moved"], counted["other_rule"]) == (0, 0)


def test_an_export_a_database_a_url_and_the_store_say_the_same(asked: Place) -> None:
    places: list[str | Path] = [log_of(asked), asked.database, asked.storage, "store"]

    exported, *reports = [
        replayed(asked, "--from", place, "--policy", "support@1") for place in places
    ]

    # That it was exported is a row of the database, which the export cannot have.
    assert reports[1:] == reports[:1] * 2
    assert counts(reports[0])["records"] == counts(exported)["records"] + 1
    assert decided(exported) == decided(reports[0])


def decided(report: dict[str, object]) -> dict[str, object]:
    """Return what a report says of decisions, without how long its log was."""
    told = {name: said for name, said in report.items() if name not in ("log", "counts")}
    rows = ("records", "without_decision")
    return {**told, **{name: n for name, n in counts(report).items() if name not in rows}}


def test_a_report_names_the_export_by_its_digest(asked: Place) -> None:
    log = replayed(asked, "--from", log_of(asked))["log"]

    assert isinstance(log, dict)
    assert log["sha256"] == hashlib.sha256(log_of(asked).read_bytes()).hexdigest()


def dearer(folder: Path) -> Path:
    """Return a draft of the next version, in which nothing goes to the cheap pool any more."""
    text = (CHECKOUT / "policies" / "support" / "1.yaml").read_text("utf-8")
    draft = folder / "draft.yaml"
    text = text.replace("version: 1\n", "version: 99\n").replace(
        "    pool: cost\n", "    pool: quality\n"
    )
    draft.write_text(text.replace("    fallback: [quality]\n", ""), encoding="utf-8")
    return draft


def test_a_change_moves_decisions_and_says_what_it_would_cost(asked: Place, tmp_path: Path) -> None:
    file = tmp_path / "report.json"

    report = replayed(
        asked, "--from", log_of(asked), "--policy", dearer(tmp_path), "--report", file
    )

    pools, cost = report["pools"], report["cost"]
    assert isinstance(pools, list)
    assert isinstance(cost, dict)
    moved = sum(one["decisions"] for one in pools if one["before"] == "cost")
    assert counts(report)["moved"] == moved > 0
    assert {one["after"] for one in pools if one["before"] == "cost"} == {"quality"}
    assert cost["estimate_after"] > cost["estimate_before"] > 0
    assert cost["actual_after"] > cost["actual_before"] > 0
    assert report["policy"] == "support@99"
    assert json.loads(file.read_text(encoding="utf-8")) == report


def test_a_person_sees_the_moves_as_a_table(asked: Place, tmp_path: Path) -> None:
    result = run(
        "policy", "replay", "--config", asked.file, "--from", log_of(asked), "--policy",
        dearer(tmp_path),
    )  # fmt: skip

    shown = [line.rstrip() for line in result.stdout.splitlines()]
    assert shown[0] == (f"support@99 over {QUESTIONS} recorded decisions (support@1 {QUESTIONS})")
    assert any(line.startswith("from pool, to  ") for line in shown)
    assert any(line.startswith("estimated cost  ") and "+" in line for line in shown)


def test_a_replay_can_be_of_one_tenant_of_a_time_and_of_so_many_records(
    asked: Place,
) -> None:
    log = log_of(asked)

    def records(*arguments: str) -> int:
        return counts(replayed(asked, "--from", log, *arguments))["records"]

    assert records("--tenant", "nobody") == 0
    assert records("--tenant", "local") >= QUESTIONS
    assert records("--since", "1h") >= QUESTIONS
    assert records("--since", "2100-01-01") == 0
    assert records("--since", "2020-01-01T00:00:00+01:00", "--limit", "7") == 7


def test_a_log_in_postgresql_is_replayed_like_any_other(asked: Place) -> None:
    url = fresh_url()
    anyio.run(copy, asked.storage, url)

    there = replayed(asked, "--from", url, "--policy", "support@1")

    assert there == replayed(asked, "--from", "store", "--policy", "support@1")


async def copy(here: str, there: str) -> None:
    """Append every record of one store to another."""
    store = open_store(there)

    try:
        with open_archive(here) as archive:
            for stored in archive.records():
                await store.decisions.append(stored.record)
    finally:
        await store.aclose()


def test_records_of_an_older_version_are_counted_and_not_guessed(
    asked: Place, tmp_path: Path
) -> None:
    old = tmp_path / "old.jsonl"

    with log_of(asked).open(encoding="utf-8") as log, old.open("w", encoding="utf-8") as to:
        for line in log:
            stored = json.loads(line)

            if "decision" in stored["record"]:
                del stored["record"]["decision"]["facts"]

            to.write(json.dumps(stored) + "\n")

    result = run("policy", "replay", "--config", asked.file, "--from", old, "--policy", "support@1")

    assert result.stdout.splitlines()[0] == "support@1 over 0 recorded decisions"
    assert (
        f"{QUESTIONS} records left out, not replayable: an older version did not keep what was "
        "known" in result.stdout.splitlines()
    )


def test_the_store_needs_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MCP_ROUTER_CONFIG", raising=False)

    result = run("policy", "replay")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("settings_missing: ")
