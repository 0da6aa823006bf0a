"""The canned questions run on a log of this version, and the stable Datasette answers them."""

import json
import os
import shutil
import sqlite3
import subprocess
import venv
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from mcp_router.sandbox.fleet import Sandbox
from tests.audit.logs import Kept, unlocked
from tests.cli.calls import work
from tests.end_to_end.harness import Place, new_ticket, settle
from tests.examples.hosts import EXAMPLES, run_example

FOLDER = EXAMPLES / "datasette"
SCRIPT = FOLDER / "run.py"


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Place:
    place = settle(tmp_path, sandbox, packaged=True)
    anyio.run(work, place, new_ticket(sandbox))
    return place


def test_every_canned_question_is_answered(place: Place, environment: dict[str, str]) -> None:
    run = run_example(SCRIPT, environment, "--database", str(place.database))

    assert run.returncode == 0, run.stdout + run.stderr
    assert [line for line in run.stdout.splitlines() if "ok: " in line][:3] == [
        "  ok: the copy holds the decision log alone",
        "  ok: 16 questions were asked of it",
        "  ok: no record is missing",
    ]


def test_a_question_that_the_log_cannot_answer_ends_the_program(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    database = tmp_path / "other.db"

    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE decisions (seq INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE prunings (size INTEGER PRIMARY KEY)")

    run = run_example(SCRIPT, environment, "--database", str(database))

    assert run.returncode == 1
    assert run.stderr.strip() == "no such column: at_ms"


def test_a_log_that_was_pruned_misses_nothing(place: Place, environment: dict[str, str]) -> None:
    kept = Kept(database=place.database, anchor=place.database)

    # A pruning that was interrupted: row 1 is deleted, row 2 lies there still.
    with unlocked(kept) as tables:
        tables.execute("INSERT INTO prunings VALUES (2, 0)")
        tables.execute("DELETE FROM decisions WHERE seq = 1")

    run = run_example(SCRIPT, environment, "--database", str(place.database))

    assert run.returncode == 0, run.stdout + run.stderr
    assert "  ok: no record is missing" in run.stdout.splitlines()


def test_every_question_has_a_title_that_a_person_would_ask() -> None:
    metadata = json.loads((FOLDER / "metadata.json").read_text(encoding="utf-8"))

    for query in metadata["databases"]["decisions"]["queries"].values():
        assert set(query) == {"title", "sql"}
        assert query["title"][0].isupper()


@pytest.mark.timeout(280)  # may install it first
def test_the_stable_datasette_answers_them_all(
    place: Place, environment: dict[str, str], tmp_path: Path
) -> None:
    command = shutil.which("datasette")

    if command is None and not os.environ.get("MCP_ROUTER_DATASETTE"):
        pytest.skip("Datasette is not on the PATH; MCP_ROUTER_DATASETTE=1 installs it for the test")

    if command is None:
        venv.create(tmp_path / "venv", with_pip=True)
        pip = [str(tmp_path / "venv" / "bin" / "python"), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, "-r", str(FOLDER / "requirements.txt")], check=True, timeout=200)
        command = str(tmp_path / "venv" / "bin" / "datasette")

    options = ("--database", str(place.database), "--datasette", command)
    run = run_example(SCRIPT, environment, *options)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "  ok: Datasette answers all 16 questions the same" in run.stdout.splitlines()
