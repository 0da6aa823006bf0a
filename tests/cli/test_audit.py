import csv
import json
from pathlib import Path

import pytest

from tests.cli.calls import QUESTION, REPLY
from tests.cli.running import run, spawned
from tests.end_to_end.harness import Place


def test_json_lines_hold_every_record_in_order(worked: Place) -> None:
    records = worked.records()
    result = run("audit", "export", "--config", worked.file)

    found = [json.loads(line) for line in result.stdout.splitlines()]
    calls = [one["record"] for one in found if not {"event", "audit"} & set(one["record"])]
    assert (result.exit_code, result.stderr) == (0, f"{len(found)} records\n")
    assert [one["seq"] for one in found] == list(range(1, len(found) + 1))
    assert [one["decision_id"] for one in calls] == [one.decision_id for one in records]
    assert [(one["tool"], one["outcome"]) for one in calls] == [
        ("route_completion", "ok"),
        ("reply_to_ticket", "succeeded"),
        ("reply_to_ticket", "failed"),
    ]
    assert QUESTION not in result.stdout
    assert REPLY not in result.stdout


def test_csv_has_a_heading_and_a_row_a_call(worked: Place, tmp_path: Path) -> None:
    output = tmp_path / "log.csv"

    result = run("audit", "export", "--config", worked.file, "--format", "csv", "--output", output)

    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{len(rows)} records\n"
    calls = [row for row in rows if row["tool"] not in ("policy", "audit")]
    assert [(row["tool"], row["pool"], row["intent"]) for row in calls] == [
        ("route_completion", "cost", "password_reset"),
        ("reply_to_ticket", "helpdesk", ""),
        ("reply_to_ticket", "helpdesk", ""),
    ]


def test_one_tenant_can_be_asked_for(worked: Place) -> None:
    mine = run("audit", "export", "--config", worked.file, "--tenant", "local")
    others = run("audit", "export", "--config", worked.file, "--tenant", "acme")

    assert {json.loads(line)["record"]["tenant"] for line in mine.stdout.splitlines()} == {"local"}
    assert (others.exit_code, others.stdout, others.stderr) == (0, "", "0 records\n")


def test_a_reader_that_has_seen_enough_ends_the_export_quietly(worked: Place) -> None:
    with spawned("audit", "export", "--config", worked.file, folder=worked.file.parent) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.wait(20) == 1
        assert "Traceback" not in child.stderr.read()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--output", "{folder}/no/log"), 1, "file_unusable: The output file cannot be written: "),
        (("--output", "/dev/full"), 1, "file_unusable: The output file cannot be written: "),
        (("--format", "xml"), 2, "Usage: "),
        (("--config", "{folder}/no.yaml"), 2, "settings_missing: "),
    ],
)
def test_wrong_input_is_told(
    worked: Place, tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    given = [one.replace("{folder}", str(tmp_path)) for one in options]

    result = run("audit", "export", "--config", worked.file, *given)

    assert result.exit_code == code
    assert result.stderr.startswith(message)


def test_a_log_that_is_not_there_or_no_log_is_told(place: Place) -> None:
    missing = run("audit", "export", "--config", place.file)
    place.database.write_text("no database", encoding="utf-8")
    other = run("audit", "export", "--config", place.file)

    assert (missing.exit_code, other.exit_code) == (1, 1)
    assert missing.stderr.startswith("storage_unavailable: There is no decision log there yet.\n")
    assert other.stderr.startswith("storage_unavailable: ")
