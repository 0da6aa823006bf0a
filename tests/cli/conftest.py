"""A router.yaml that leads to the embedded servers."""

from pathlib import Path

import pytest

from mcp_router.sandbox.fleet import Sandbox
from tests.end_to_end.harness import Place, settle


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Place:
    return settle(tmp_path, sandbox)
