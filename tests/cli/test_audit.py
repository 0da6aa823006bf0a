import csv
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.calls import QUESTION, REPLY
from tests.cli.running import run, spawned
from tests.end_to_end.harness import Place


@pytest.fixture
def worked(worked: Place, tmp_path: Path) -> Place:
    """A place of one's own: that the log was exported is a row of it."""
    mine = Place(file=tmp_path / "mine" / worked.file.name)
    mine.file.parent.mkdir()
    shutil.copyfile(worked.file, mine.file)

    with (
        closing(sqlite3.connect(worked.database)) as source,
        closing(sqlite3.connect(mine.database)) as target,
    ):
        source.backup(target)

    return mine


def test_json_lines_hold_every_record_in_order(worked: Place) -> None:
    records = worked.records()

    result = run("audit", "export", "--config", worked.file)

    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, result.stderr) == (0, "4 records\n")
    assert [one["seq"] for one in found] == [1, 2, 3, 4]
    assert [one["record"]["decision_id"] for one in found[1:]] == [
        one.decision_id for one in records
    ]
    assert [(one["record"]["tool"], one["record"]["outcome"]) for one in found] == [
        ("policy", "ok"),  # it was released: its first use
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

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "5 records\n")
    assert [(row["seq"], row["tool"], row["pool"], row["intent"]) for row in rows[:4]] == [
        ("1", "policy", "", ""),
        ("2", "route_completion", "cost", "password_reset"),
        ("3", "reply_to_ticket", "helpdesk", ""),
        ("4", "reply_to_ticket", "helpdesk", ""),
    ]


def test_one_tenant_can_be_asked_for(worked: Place) -> None:
    mine = run("audit", "export", "--config", worked.file, "--tenant", "local")
    others = run("audit", "export", "--config", worked.file, "--tenant", "acme")

    assert len(mine.stdout.splitlines()) == 4
    assert (others.exit_code, others.stdout, others.stderr) == (0, "", "0 records\n")


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (("--policy", "support", "--intent", "password_reset"), [2]),
        (("--policy", "support@99"), []),
        (("--from", "1h"), [1, 2, 3, 4]),
        (("--to", "1h"), []),
        (("--from", "2026-01-01", "--to", "2999-01-01T00:00+02:00"), [1, 2, 3, 4]),
    ],
)
def test_an_export_can_be_narrowed(
    worked: Place, options: tuple[str, ...], places: list[int]
) -> None:
    result = run("audit", "export", "--config", worked.file, *options)

    assert [json.loads(line)["seq"] for line in result.stdout.splitlines()] == places


def test_an_interrupted_export_goes_on(worked: Place, tmp_path: Path) -> None:
    output = tmp_path / "log"
    whole = run("audit", "export", "--config", worked.file).stdout.encode()
    output.write_bytes(whole[:-100])

    result = run("audit", "export", "--config", worked.file, "--output", output, "--resume")

    # The first export is on record by now, and the key that signs the head over this one.
    assert (result.exit_code, result.stderr) == (0, "6 records\n")
    assert output.read_bytes().startswith(whole)
    assert len(output.read_bytes().splitlines()) == 6
    verified = run("audit", "verify", output)
    assert verified.exit_code == 0, verified.output


@pytest.mark.parametrize("option", [("--intent", "password_reset"), ("--policy", "support")])
def test_a_part_that_was_taken_out_can_be_verified(
    worked: Place, tmp_path: Path, option: tuple[str, str]
) -> None:
    output = tmp_path / "log.jsonl"
    run("audit", "export", "--config", worked.file, "--output", output, *option)

    verified = run("audit", "verify", output, "--part")

    assert verified.exit_code == 0, verified.output


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
        (("--format", "parquet"), 2, "Usage: "),
        (("--format", "parquet", "--output", "{folder}/no/log"), 1, "file_unusable: "),
        (("--output", "{folder}/a\udcff"), 2, "Usage: "),
        (("--tenant", "a\udcff"), 2, "Usage: "),
        (("--policy", "a\udcff"), 2, "Usage: "),
        (("--intent", "a\udcff"), 2, "Usage: "),
        (("--resume",), 2, "Usage: "),
        (("--from", "yesterday"), 2, "Usage: "),
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
