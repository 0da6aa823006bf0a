"""The embedded servers, started once for the whole run and put right again after each test."""

from collections.abc import Iterator

import pytest

from mcp_router.sandbox.fleet import Sandbox
from tests.end_to_end.harness import DESK_CLOCK


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(clock=DESK_CLOCK) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The embedded servers, up and without faults; what they hold adds up over the run."""
    yield running_sandbox

    for server in running_sandbox.servers:
        server.faults.clear()
        server.come_up()
        server.latency_ms = 0

    running_sandbox.models_state.latency_ms = 0
