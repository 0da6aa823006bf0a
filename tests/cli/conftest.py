"""A router.yaml that leads to the embedded servers, and a log and ledger to read."""

from pathlib import Path

import anyio
import pytest

from mcp_router.sandbox.fleet import Sandbox
from tests.cli.calls import work
from tests.end_to_end.harness import Place, new_ticket, settle


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Place:
    return settle(tmp_path, sandbox, packaged=True)


@pytest.fixture(scope="session")
def ticket(running_sandbox: Sandbox) -> str:
    """The ticket of the reply in `worked`."""
    return new_ticket(running_sandbox)


@pytest.fixture(scope="session")
def worked(
    tmp_path_factory: pytest.TempPathFactory, running_sandbox: Sandbox, ticket: str
) -> Place:
    """A place where calls have been made; for commands that only read."""
    place = settle(tmp_path_factory.mktemp("worked"), running_sandbox, packaged=True)
    anyio.run(work, place, ticket)
    return place
