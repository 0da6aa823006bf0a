"""The commands of docs/policy-studies.md run as they stand there, and print what it shows."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from mcp_router.domain.evaluation import (
    CacheFigures,
    CostFigures,
    Counts,
    LatencyFigures,
    LogRange,
    OffPolicyFigures,
    ReplayReport,
)
from mcp_router.policy.source import PolicySource
from mcp_router.sandbox.fleet import Sandbox
from tests.cli.running import run
from tests.docs.pages import blocks, named
from tests.end_to_end.harness import settle

PAGE = "policy-studies.md"
FAILS = "mcp-router policy test support@2 --cases cases"
MOVES = ("cost ", "balanced ", "quality ", "gpt", "claude")
VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "(time)"),
    (r"[+-]?\$?\d[\d,.]*%?( ms| s)?", "(figure)"),
    (r" +", " "),
)


def of(language: str) -> list[str]:
    return [one.code for one in blocks(language) if one.page.name == PAGE]


def fixed(text: str) -> list[str]:
    """Return lines without what differs from run to run, and without empty ones."""
    for pattern, stands_for in VARYING:
        text = re.sub(pattern, stands_for, text)

    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory, running_sandbox: Sandbox) -> dict[str, str]:
    """Return what each command of the page prints, in a folder as the page supposes it."""
    folder = tmp_path_factory.mktemp("studies")
    settle(folder, running_sandbox, packaged=True)
    (folder / "cases").mkdir()
    [cases] = of("yaml")
    (folder / "cases" / "refunds.yaml").write_text(cases, encoding="utf-8")
    ask(folder)
    found: dict[str, str] = {}

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)

        for command in (line for block in of("sh") for line in block.splitlines()):
            result = run(*command.split()[1:])
            assert result.exit_code == (1 if command == FAILS else 0), command
            found[command] = result.stdout

        found["report"] = Path("support-2.json").read_text(encoding="utf-8")

    return found


def ask(folder: Path) -> None:
    """Leave the records of twenty questions in the log, decided by the first version."""
    intents = PolicySource(None).load("support@1").intents
    questions = folder / "questions.txt"
    questions.write_text("\n".join(one.examples[0] for one in intents[:20]), encoding="utf-8")
    config = folder / "router.yaml"
    assert run("route", questions, "--policy", "support@1", "--config", config).exit_code == 0


def test_a_case_that_fails_is_told_as_the_page_shows(printed: dict[str, str]) -> None:
    shown, came = of("text")[0].splitlines(), printed[FAILS].splitlines()

    assert came[:5] == shown[:5]
    assert came[-2:] == shown[-2:]


def test_changes_are_told_as_the_page_shows(printed: dict[str, str]) -> None:
    told = printed["mcp-router policy diff support@1 support@2 --cases cases"].splitlines()

    assert [line for line in of("text")[1].splitlines() if line not in told] == []


def test_a_replay_is_shown_as_the_page_shows(printed: dict[str, str]) -> None:
    command = "mcp-router policy replay --from log.jsonl --policy support@2 --report support-2.json"
    shown, told = fixed(of("text")[2]), fixed(printed[command])

    # Which targets move, and whether their latencies are known, depends on how they answer.
    steady = [line for line in shown if not line.startswith(MOVES)]
    assert len(steady) == 11
    assert [line for line in steady if line not in told] == []


def test_the_same_document_decides_every_call_the_same(printed: dict[str, str]) -> None:
    told = printed["mcp-router policy replay --from store --policy support@1 --since 7d"]

    assert (
        "20 of 20 that this very document decided are decided the same, bit for bit"
        in told.splitlines()
    )


def test_the_report_has_the_fields_that_the_page_names(printed: dict[str, str]) -> None:
    report = json.loads(printed["report"])
    parts = (Counts, CostFigures, LatencyFigures, CacheFigures, LogRange, OffPolicyFigures)
    wanted = {field.name for part in (ReplayReport, *parts) for field in fields(part)}

    assert set(report) == {field.name for field in fields(ReplayReport)}
    assert report["policy"] == "support@2"
    assert wanted - named(PAGE) == set()
