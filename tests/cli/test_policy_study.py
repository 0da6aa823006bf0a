"""A change of a policy is tried, compared and replayed before anybody is served by it."""

from pathlib import Path

import pytest

from tests.cli.running import run, told
from tests.cli.test_policy import release
from tests.policy.documents import VALID, changed

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
        (["--cases", "x" * 300], 1, f"file_unusable: {'x' * 300} cannot be read: File name too"),
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
    assert changes == [
        "version: 2 → 3",
        "rule returns: pool: cheap → strong",
        "rule returns: fallback: removed: strong",
    ]


def test_a_change_of_many_rules_is_told_once(shop: Path) -> None:
    draft = shop / "draft.yaml"
    draft.write_text(changed("  attempts: 4", "  attempts: 3"), encoding="utf-8")

    assert run("policy", "diff", "shop@2", "draft.yaml").stdout.splitlines()[1:] == [
        "rules disputes, returns, rest and 2 more, limits: attempts: 4 → 3"
    ]


def test_a_change_of_comments_is_told_as_one(shop: Path) -> None:
    (shop / "draft.yaml").write_text(f"# A comment.\n{VALID}", encoding="utf-8")

    assert run("policy", "diff", "shop@2", "draft.yaml").stdout.splitlines()[1:] == [
        "Only the text has changed: comments, or how it is laid out."
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


def test_a_report_that_cannot_be_written_is_told_before_the_log_is_read(shop: Path) -> None:
    result = run("policy", "replay", "--from", "no.jsonl", "--report", "no/report.json")

    assert result.exit_code == 1
    assert result.stderr.startswith("file_unusable: The output file cannot be written: ")


def test_a_replay_that_fails_leaves_no_report_behind(shop: Path) -> None:
    run("policy", "replay", "--from", "no.jsonl", "--report", "report.json")

    assert not (shop / "report.json").exists()
