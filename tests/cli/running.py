"""Commands run as a person runs them: inside this process, or as a child where that matters."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner, Result

from mcp_router.cli.main import main
from tests.source_tree import CHECKOUT

PATIENCE_S = 20.0


def run(*arguments: str | Path) -> Result:
    """Run a command in this process; what a user would see as a traceback is raised."""
    result = CliRunner().invoke(main, [str(one) for one in arguments])

    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception

    return result


def told(result: Result) -> dict[str, object]:
    """Return the JSON that a command printed, which must be the one line on standard output."""
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


@contextmanager
def spawned(
    *arguments: str | Path, folder: Path, environ: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Start a command as a child in `folder`, with pipes for its streams; end it if need be."""
    child = subprocess.Popen(
        [sys.executable, "-m", "mcp_router", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(environ or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )

    with child:
        try:
            yield child
        finally:
            child.kill()


def wait_for(holds: Callable[[], bool]) -> None:
    """Return once it holds; fail after a time that no machine needs."""
    ends_s = time.monotonic() + PATIENCE_S

    while not holds():
        assert time.monotonic() < ends_s, "it never came to hold"
        time.sleep(0.02)
