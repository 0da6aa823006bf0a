"""A change of a policy is tried, compared and replayed before anybody is served by it."""

import json
from pathlib import Path

import anyio
import pytest

from mcp_router.policy.source import PolicySource
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive, open_store
from tests.cli.running import run, told
from tests.cli.test_policy import release
from tests.end_to_end.harness import Place, settle
from tests.policy.documents import VALID, changed
from tests.storage.postgres.server import fresh_url

CASES = """\
cases:
  - name: a return is cheap
    text: can I return this
    expect: {rule: returns, pool: cheap, target: nano}
  - name: money is at stake
    given: {intent: dispute}
    expect: {pool: strong, cache: false, refused: false}
"""
ROUTER = """\
policies: policies
policy: shop
providers: {acme: {kind: openai, api_key: a-key}}
models:
  nano: {provider: acme, model: nano, family: a, price: {input: 0.1, output: 0.4}}
  haiku: {provider: acme, model: haiku, family: b, price: {input: 1, output: 5}}
  opus: {provider: acme, model: opus, family: b, price: {input: 5, output: 25}}
"""
QUESTIONS = 300


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a router.yaml, two versions of a policy and a file of cases, to work in."""
    release(tmp_path / "policies", VALID)
    third = changed("version: 2", "version: 3").replace("    pool: cheap\n", "    pool: strong\n")
    release(tmp_path / "policies", third.replace("    fallback: [strong]\n", ""), version=3)
    (tmp_path / "router.yaml").write_text(ROUTER, encoding="utf-8")
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "returns.yaml").write_text(CASES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_cases_that_pass_are_counted(shop: Path) -> None:
    result = run("policy", "test", "shop@2", "--cases", "cases")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "shop@2, with the targets of router.yaml",
        "2 passed, 0 failed",
    ]


def test_a_case_that_fails_is_told_with_what_came_and_why(shop: Path) -> None:
    result = run("policy", "test", "--cases", "cases")

    assert result.exit_code == 1
    first, *rest = [line.rstrip() for line in result.stdout.splitlines()]
    assert first == "failed: a return is cheap"
    assert rest[:3] == [
        "  in cases/returns.yaml",
        "  pool: expected cheap, came strong",
        "  target: expected nano, came opus",
    ]
    assert rest[3].startswith('    Rule "returns" of policy shop@3 decided: ')
    assert rest[-2:] == ["shop@3, with the targets of router.yaml", "1 passed, 1 failed"]


def test_programs_get_every_case(shop: Path) -> None:
    result = run("policy", "test", "shop@3", "--cases", "cases", "--json")

    report = told(result)
    assert result.exit_code == 1
    assert [report[key] for key in ("ok", "policy", "passed", "failed", "targets")] == [
        False, "shop@3", 1, 1, "router.yaml",
    ]  # fmt: skip
    first, second = parts(report, "cases")
    assert (first["case"], first["file"], first["passed"]) == (
        "a return is cheap", "cases/returns.yaml", False,
    )  # fmt: skip
    assert first["came"] == came("strong", "opus")
    assert first["mismatches"] == [
        {"what": "pool", "expected": "cheap", "came": "strong"},
        {"what": "target", "expected": "nano", "came": "opus"},
    ]
    assert (second["passed"], second["mismatches"], second["why"]) == (True, [], [])


def test_a_document_that_is_not_released_is_tried_on_its_own_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = CASES.replace("cases:", "tests:").replace("target: nano", "target: gpt-5-nano")
    draft = tmp_path / "draft.yaml"
    text = changed("[nano, {target: haiku, quality: 0.7}]", "[gpt-5-nano, claude-haiku-4.5]")
    draft.write_text(text.replace("target: opus", "target: claude-opus-4.5") + tests, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MCP_ROUTER_CONFIG", raising=False)

    result = run("policy", "test", "draft.yaml")

    assert result.stdout.splitlines() == [
        "shop@2, with the targets of the sandbox's models, at list prices",
        "2 passed, 0 failed",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["shop@2"], 1, "file_unusable: shop@2 has no cases, so nothing was tried."),
        (["shop@9"], 2, "unknown_policy: shop has no such version; it has: 2, 3."),
        (["no.yaml"], 1, "file_unusable: no.yaml cannot be read: No such file or directory."),
        (["--cases", "none"], 1, "file_unusable: none cannot be read: No such file or directory."),
        (["--cases", "empty"], 1, "file_unusable: empty holds no cases."),
        (["--cases", "policies"], 1, "file_unusable: policies/shop/2.yaml:1:1: "),
        (["router.yaml"], 2, "policy_rejected: router.yaml:1:1: "),
    ],
)
def test_what_cannot_be_tried_is_told_with_the_way_on(
    shop: Path, arguments: list[str], code: int, message: str
) -> None:
    (shop / "empty").mkdir()

    result = run("policy", "test", *arguments)

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(message)


def test_what_changed_is_told_in_words(shop: Path) -> None:
    result = run("policy", "diff", "shop@2", "shop@3")

    assert (result.exit_code, result.stderr) == (0, "")
    heading, *changes = result.stdout.splitlines()
    assert heading == "shop@2 → shop@3"
    assert [line for line in changes if not line.startswith("digest: ")] == [
        "version: 2 → 3",
        "rule returns: pool: cheap → strong",
        "rule returns: fallback: removed: strong",
    ]


def test_a_change_of_many_rules_is_told_once(shop: Path) -> None:
    draft = shop / "draft.yaml"
    draft.write_text(changed("  attempts: 4", "  attempts: 3"), encoding="utf-8")

    lines_ = run("policy", "diff", "shop@2", "draft.yaml").stdout.splitlines()

    assert [line for line in lines_[1:] if not line.startswith("digest: ")] == [
        "rules disputes, returns, rest and 2 more, limits: attempts: 4 → 3"
    ]


def test_nothing_has_changed(shop: Path) -> None:
    assert run("policy", "diff", "shop@2", "shop@2").stdout.splitlines()[1:] == [
        "Nothing has changed."
    ]


def test_cases_show_what_a_change_does(shop: Path) -> None:
    result = run("policy", "diff", "shop@2", "shop@3", "--cases", "cases")

    assert result.stdout.splitlines()[-1] == (
        "case a return is cheap: rule returns, pool cheap, target nano → "
        "rule returns, pool strong, target opus"
    )


def test_programs_get_every_change_with_its_place(shop: Path) -> None:
    report = told(run("policy", "diff", "shop@2", "shop@3", "--cases", "cases", "--json"))

    changes = parts(report, "changes")
    assert (report["before"], report["after"]) == ("shop@2", "shop@3")
    assert changes[0] == {
        "where": ["version"],
        "kind": "changed",
        "before": "2",
        "after": "3",
        "told": "version: 2 → 3",
    }
    assert ["rules", "returns", "fallback"] in [one["where"] for one in changes]
    assert parts(report, "cases") == [
        {
            "case": "a return is cheap",
            "file": "cases/returns.yaml",
            "before": came("cheap", "nano"),
            "after": came("strong", "opus"),
        }
    ]


def came(pool: str, target: str) -> dict[str, object]:
    return {"rule": "returns", "pool": pool, "target": target, "cache": False, "refused": False}


def parts(report: dict[str, object], name: str) -> list[dict[str, object]]:
    """Return a list of a report."""
    found = report[name]
    assert isinstance(found, list)
    return found


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

    reports = [replayed(asked, "--from", place, "--policy", "support@1") for place in places]

    assert reports[1:] == reports[:1] * 3


def dearer(folder: Path) -> Path:
    """Return a draft of the next version, in which nothing goes to the cheap pool any more."""
    text = (Path(__file__).parents[2] / "policies" / "support" / "1.yaml").read_text("utf-8")
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


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--from", "no.jsonl"], 1, "file_unusable: no.jsonl cannot be read: "),
        (["--from", "router.yaml"], 1, "file_unusable: Line 1 is no record of a decision log."),
        (["--from", "."], 1, "file_unusable: . cannot be read: Is a directory."),
        (["--from", "sqlite:///no.db"], 1, "storage_unavailable: "),
        (["--from", "store"], 1, "storage_unavailable: There is no decision log there yet."),
        (["--policy", "shop@9"], 2, "unknown_policy: "),
        (["--since", "yesterday"], 2, "Usage: "),
    ],
)
def test_what_cannot_be_replayed_is_told_with_the_way_on(
    shop: Path, arguments: list[str], code: int, message: str
) -> None:
    result = run("policy", "replay", *arguments)

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(message)


def test_the_store_needs_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MCP_ROUTER_CONFIG", raising=False)

    result = run("policy", "replay")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("settings_missing: ")


def test_a_report_that_cannot_be_written_is_told(shop: Path) -> None:
    (shop / "empty.jsonl").write_text("", encoding="utf-8")

    result = run("policy", "replay", "--from", "empty.jsonl", "--report", "no/report.json")

    assert result.exit_code == 1
    assert result.stderr.startswith("file_unusable: The output file cannot be written: ")
