import json
import signal
from pathlib import Path

import pytest

from mcp_router.errors import StorageUnavailable
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from tests.cli.running import run, spawned, told, wait_for
from tests.end_to_end.harness import Place

PASSWORD = "I forgot my password"
REFUND = "you refused my refund and I don't agree"
MOVED = "I moved house"
RETURNS = "how many days do I have to return something"
FAILED = {
    "questions": 1,
    "answered": 0,
    "cost_usd": 0.0,
    "cost_per_1000_usd": None,
    "p50_ms": None,
    "p95_ms": None,
    "fallbacks": 0,
    "errors": 1,
}
MEASURED = {"p50_ms", "p95_ms", "seconds", "questions_per_second"}


def write(folder: Path, text: str, name: str = "questions.txt") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def steady(value: object) -> object:
    """Return a report without what differs from run to run."""
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items() if key not in MEASURED}

    return [steady(item) for item in value] if isinstance(value, list) else value


def figures(questions: int, cost_usd: float, per_1000: float, fallbacks: int = 0) -> object:
    return {
        "questions": questions,
        "answered": questions,
        "cost_usd": cost_usd,
        "cost_per_1000_usd": per_1000,
        "fallbacks": fallbacks,
        "errors": 0,
    }


def recorded(place: Place) -> int:
    """Return how many records there are, also while another process makes the database."""
    try:
        return len(place.records())
    except StorageUnavailable:
        return 0


def test_questions_go_where_the_policy_says_and_are_summed_up(place: Place, tmp_path: Path) -> None:
    file = write(tmp_path, f"{PASSWORD}\n\n{REFUND}\n{MOVED}\n{PASSWORD}\n")

    result = run("route", file, "--config", place.file, "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    report = told(result)
    cost = [
        {"intent": "password_reset", "figures": figures(2, 3e-05, 0.015)},
        {"intent": "update_details", "figures": figures(1, 1.1e-05, 0.011)},
    ]
    dispute = figures(1, 0.001363, 1.363)
    assert steady(report) == {
        "figures": figures(4, 0.001404, 0.351),
        "pools": [
            {"pool": "cost", "figures": figures(3, 4.1e-05, 0.013667), "intents": cost},
            {
                "pool": "quality",
                "figures": dispute,
                "intents": [{"intent": "refund_dispute", "figures": dispute}],
            },
        ],
        "errors_by_code": {},
        "blank_lines": 1,
        "stopped": None,
    }
    assert isinstance(report["seconds"], float)
    assert isinstance(report["questions_per_second"], float)


def test_each_question_is_a_call_with_its_record(place: Place, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    file = write(tmp_path, f"\n{PASSWORD}\n{REFUND}\n")

    run("route", file, "--config", place.file, "--output", output)

    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    lines.sort(key=lambda one: one["line"])
    records = {one.decision_id: one for one in place.records()}
    assert [
        (records[one["decision_id"]].tool, records[one["decision_id"]].transport) for one in lines
    ] == [("route_completion", "cli"), ("route_completion", "cli")]
    assert {one.client for one in records.values()} == {"mcp-router route"}
    assert [one.pop("latency_ms") >= 0 for one in lines] == [True, True]
    assert [one.pop("decision_id")[:4] for one in lines] == ["dec_", "dec_"]
    assert lines == [
        {
            "line": 2,
            "intent": "password_reset",
            "pool": "cost",
            "model": "gpt-5-nano",
            "cost_usd": 1.5e-05,
            "error": None,
        },
        {
            "line": 3,
            "intent": "refund_dispute",
            "pool": "quality",
            "model": "gpt-5.1",
            "cost_usd": 0.001363,
            "error": None,
        },
    ]


def test_people_get_a_table_on_standard_output(place: Place, tmp_path: Path) -> None:
    file = write(tmp_path, f"{PASSWORD}\n")

    result = run("route", file, "--config", place.file)

    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "pool", "and", "intent", "questions", "share", "$", "per", "1,000", "p50", "p95",
        "fallbacks", "errors",
    ]  # fmt: skip
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["cost", "1", "100.0%", "0.0150"],
        ["password_reset", "1", "100.0%", "0.0150"],
        ["all", "1", "100.0%", "0.0150"],
    ]
    assert lines[-1].startswith("1 question in ")


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("q.csv", f"id,text\n1,{PASSWORD}\n2,{MOVED}\n", ()),
        ("q.csv", f"id,said\n1,{PASSWORD}\n2,{MOVED}\n", ("--column", "said")),
        ("q.jsonl", f'{{"text": "{PASSWORD}"}}\n{{"text": "{MOVED}"}}\n', ()),
        (
            "q.log",
            f'{{"q": "{PASSWORD}"}}\n{{"q": "{MOVED}"}}\n',
            ("--format", "jsonl", "--column", "q"),
        ),
        ("q.txt", f"{PASSWORD}\n{MOVED}\n{REFUND}\n", ("--limit", "2", "--concurrency", "1")),
    ],
)
def test_every_format_yields_the_same_questions(
    place: Place, tmp_path: Path, name: str, content: str, options: tuple[str, ...]
) -> None:
    file = write(tmp_path, content, name)

    result = run("route", file, "--config", place.file, *options)

    assert result.exit_code == 0
    assert sorted(
        one.decision.signals.intent.name or "" for one in place.records() if one.decision
    ) == ["password_reset", "update_details"]


def test_another_target_that_answers_counts_as_a_fallback(
    place: Place, tmp_path: Path, sandbox: Sandbox
) -> None:
    sandbox.openai.go_down()

    report = told(run("route", write(tmp_path, PASSWORD), "--config", place.file, "--json"))

    assert steady(report["figures"]) == figures(1, 1.5e-05, 0.015, fallbacks=1)


def test_a_policy_can_be_named(place: Place, tmp_path: Path) -> None:
    file = write(tmp_path, PASSWORD)

    assert run("route", file, "--config", place.file, "--policy", "support@1").exit_code == 0
    unknown = run("route", file, "--config", place.file, "--policy", "nope")

    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("unknown_policy: ")
    assert len(place.records()) == 1


def test_a_batch_of_failures_exits_1_with_their_codes(
    place: Place, tmp_path: Path, sandbox: Sandbox
) -> None:
    for server in (sandbox.openai, sandbox.gemini, sandbox.anthropic):
        server.go_down()

    result = run(
        "route", write(tmp_path, f"{PASSWORD}\n{REFUND}\n"), "--config", place.file, "--json"
    )

    assert result.exit_code == 1
    report = told(result)
    assert report["errors_by_code"] == {"targets_exhausted": 2}
    pools = report["pools"]
    assert isinstance(pools, list)
    assert [(one["pool"], one["intents"][0]["intent"], one["figures"]) for one in pools] == [
        ("cost", "password_reset", FAILED),
        ("quality", "refund_dispute", FAILED),
    ]


def test_one_answer_among_failures_is_no_failure_of_the_batch(place: Place, tmp_path: Path) -> None:
    file = write(tmp_path, f"{'a' * 400_001}\n{PASSWORD}\n")

    result = run("route", file, "--config", place.file, "--json")

    assert result.exit_code == 0
    assert told(result)["errors_by_code"] == {"invalid_arguments": 1}
    assert sorted(place.outcomes(), key=str) == [
        ("route_completion", "error", "invalid_arguments"),
        ("route_completion", "ok", None),
    ]


def test_a_broken_line_ends_the_batch_after_the_ones_before_it(
    place: Place, tmp_path: Path
) -> None:
    file = write(tmp_path, f'{{"text": "{PASSWORD}"}}\n{{"text": \n', "q.jsonl")

    result = run("route", file, "--config", place.file, "--json")

    report = told(result)
    assert (result.exit_code, report["stopped"]) == (1, "file_unusable")
    assert steady(report["figures"]) == figures(1, 1.5e-05, 0.015)
    assert result.stderr.startswith("file_unusable: Line 2 is not JSON from column 9 on.\n  ")


@pytest.mark.parametrize(
    ("name", "content", "options", "code", "message"),
    [
        ("q.txt", "", (), 1, "file_unusable: {file} holds no question.\n"),
        ("q.txt", "\n \n", (), 1, "file_unusable: There are only blank lines, and no question.\n"),
        ("q.csv", "a,b\n1,2\n", (), 1, "file_unusable: Line 1 names 2 columns"),
        ("q.json", "[]", (), 1, "file_unusable: {file} is one JSON document by its name.\n"),
        ("q.txt", "a", ("--column", "a"), 2, "Usage: "),
        ("q.txt", "a", ("--concurrency", "0"), 2, "Usage: "),
        ("q.txt", "a", ("--limit", "0"), 2, "Usage: "),
        ("q.txt", "a", ("--format", "xml"), 2, "Usage: "),
        ("q.txt", "a", ("--output", "{folder}/no/out"), 1, "file_unusable: The output file cannot"),
        ("q.txt", "a", ("--output", "/dev/full"), 1, "file_unusable: The output file cannot"),
        ("q.txt", "a", ("--config", "{folder}/no.yaml"), 2, "settings_missing: "),
    ],
)
def test_wrong_input_is_told_with_a_code_and_the_way_on(
    place: Place,
    tmp_path: Path,
    name: str,
    content: str,
    options: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    file = write(tmp_path, content, name)
    given = [one.replace("{folder}", str(tmp_path)) for one in options]

    result = run("route", file, "--config", place.file, *given)

    assert result.exit_code == code
    assert result.stderr.startswith(message.replace("{file}", str(file)))
    assert len(result.stderr.splitlines()) >= 2  # what to do about it


def test_a_missing_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    result = run("route", tmp_path / "no.txt", "--sandbox")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"file_unusable: {tmp_path}/no.txt cannot be read: No such")


def test_a_store_that_fails_ends_the_batch(place: Place, tmp_path: Path) -> None:
    place.database.mkdir()

    result = run("route", write(tmp_path, PASSWORD), "--config", place.file)

    assert result.exit_code == 1
    assert result.stderr.startswith("storage_unavailable: ")


def test_standard_input_is_routed_with_the_sandbox_alone(tmp_path: Path) -> None:
    with spawned("route", "-", "--sandbox", folder=tmp_path) as child:
        stdout, stderr = child.communicate(f"{PASSWORD}\n{MOVED}\n", timeout=30)

    assert child.returncode == 0
    assert stdout.splitlines()[-1].startswith("2 questions in ")
    assert stderr.startswith("Sandbox: embedded servers on this machine; nothing leaves it.\n")
    assert list(tmp_path.iterdir()) == []


def test_the_limit_does_not_wait_for_more_input(place: Place, tmp_path: Path) -> None:
    arguments = ("route", "-", "--config", place.file, "--limit", "2", "--json")

    with spawned(*arguments, folder=tmp_path) as child:
        assert child.stdin is not None
        child.stdin.write(f"{PASSWORD}\n{MOVED}\n")
        child.stdin.flush()  # and it stays open
        assert child.wait(20) == 0
        assert child.stdout is not None
        assert json.loads(child.stdout.read())["figures"]["questions"] == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_shows_the_table_so_far(
    place: Place, tmp_path: Path, sandbox: Sandbox, number: signal.Signals
) -> None:
    asked = sandbox.openai.received.count(method="POST")
    answered = Fault(kind=FaultKind.SLOW, delay_s=30, method="POST", times=1)

    with spawned("route", "-", "--config", place.file, "--json", folder=tmp_path) as child:
        assert child.stdin is not None
        child.stdin.write(f"{PASSWORD}\n{MOVED}\n")
        child.stdin.flush()
        wait_for(lambda: recorded(place) == 2)
        sandbox.openai.faults.add(answered)
        child.stdin.write(f"{RETURNS}\n")  # not one of those whose answer is kept by now
        child.stdin.flush()
        wait_for(lambda: sandbox.openai.received.count(method="POST") == asked + 3)
        child.send_signal(number)
        # Standard input stays open: nothing but the signal ends the command.
        assert child.wait(20) == 130
        assert child.stdout is not None
        report = json.loads(child.stdout.read())

    assert report["stopped"] == "interrupted"
    assert report["figures"]["questions"] == 2
    assert [outcome for _, outcome, _ in place.outcomes()] == ["ok", "ok", "cancelled"]
