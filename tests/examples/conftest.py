"""An environment in which the examples' command is this checkout's."""

from pathlib import Path

import pytest

from tests.examples.hosts import environment_in


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment that examples run in."""
    return environment_in(tmp_path)
