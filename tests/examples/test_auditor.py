"""The auditor's morning keeps its promises."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.hosts import EXAMPLES

SCRIPT = EXAMPLES / "auditor" / "run.py"


@pytest.mark.timeout(200)  # it starts the command line several times
def test_every_promise_of_the_auditor_holds(environment: dict[str, str], tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--keep", str(tmp_path / "kept")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=190,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "all promises held"
    assert run.stdout.count("    ok: ") >= 15
    kept = {one.name for one in (tmp_path / "kept").iterdir()}
    assert {"decisions.jsonl", "decisions.csv", "report.html"} <= kept
