"""Real parts for the desks' tests: TLS servers on loopback, and a clock that tests move."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from starlette.types import ASGIApp

from mcp_router.sandbox.certificate import Certificate, make_certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.server import SandboxServer

Serve: TypeAlias = Callable[[ASGIApp, Effects], SandboxServer]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    thread.start()
    yield thread
    thread.stop()


@pytest.fixture
def serve(certificate: Certificate, loop_thread: LoopThread) -> Iterator[Serve]:
    """Put an app behind TLS: `server = serve(create_app(state, effects), effects)`."""
    servers: list[SandboxServer] = []

    def start(app: ASGIApp, effects: Effects) -> SandboxServer:
        server = SandboxServer(
            "desk", app, thread=loop_thread, certificate=certificate, effects=effects
        )
        servers.append(server)
        return server

    yield start

    for server in servers:
        server.close()
