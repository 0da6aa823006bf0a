"""A server over stdio ends where nobody can talk to it, and says why where that is a mistake."""

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_router.sandbox.fleet import Sandbox
from tests.end_to_end.harness import settle

START = "from mcp_router.cli.main import main; main()"


def served(folder: Path, sandbox: Sandbox, redirection: str) -> subprocess.CompletedProcess[str]:
    """Return how a server ends whose standard streams a shell has redirected like this."""
    place = settle(folder, sandbox)
    command = f'exec "$0" -c "$1" serve --config "$2" {redirection}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable, START, str(place.file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_host_that_has_nothing_to_say_ends_the_server(sandbox: Sandbox, tmp_path: Path) -> None:
    ended = served(tmp_path, sandbox, "</dev/null")

    assert (ended.returncode, ended.stdout) == (0, "")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("redirection", ["<&-", ">&-"])
def test_without_its_streams_the_server_says_what_it_needs(
    sandbox: Sandbox, tmp_path: Path, redirection: str
) -> None:
    ended = served(tmp_path, sandbox, redirection)

    assert ended.returncode == 2
    assert ended.stderr.startswith("not_configured: ")
