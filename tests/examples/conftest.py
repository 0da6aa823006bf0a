"""An environment in which the examples' command is this checkout's."""

import os
import sys
from pathlib import Path

import pytest

from tests.source_tree import CHECKOUT


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `mcp-router` and `mcp_router` are this checkout's."""
    command = tmp_path / "bin" / "mcp-router"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mcp_router "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
    }
