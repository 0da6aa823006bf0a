"""Real parts for the sandbox's tests: a certificate, a loop thread, servers, a client."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mcp_router.sandbox.certificate import Certificate, make_certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.server import SandboxServer

Serve: TypeAlias = Callable[[ASGIApp, Effects], SandboxServer]


class Things:
    """The smallest app with an effect: POST /things makes one, GET /things counts them."""

    def __init__(self) -> None:
        self.effects = Effects()
        self.made = threading.Event()
        self.made_at_s = 0.0
        self.app = Starlette(routes=[Route("/things", self.things, methods=["GET", "POST"])])

    async def things(self, request: Request) -> Response:
        if request.method == "POST":
            self.effects.applied("thing", (await request.body()).decode())
            self.made_at_s = time.monotonic()
            self.made.set()

        status = 201 if request.method == "POST" else 200
        return JSONResponse({"things": self.effects.count("thing")}, status)


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def server(serve: Serve, things: Things) -> SandboxServer:
    """A server of things."""
    return serve(things.app, things.effects)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    running = LoopThread()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def serve(certificate: Certificate, thread: LoopThread) -> Iterator[Serve]:
    """Put an app behind TLS: `server = serve(create_app(state, effects), effects)`."""
    servers: list[SandboxServer] = []

    def start(app: ASGIApp, effects: Effects) -> SandboxServer:
        server = SandboxServer("app", app, thread=thread, certificate=certificate, effects=effects)
        servers.append(server)
        return server

    yield start

    for server in servers:
        server.close()


@pytest.fixture
def client(certificate: Certificate) -> Iterator[httpx2.Client]:
    """A client that trusts the certificate; it neither retries nor follows redirects."""
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))

    with httpx2.Client(verify=trust, timeout=10) as trusting:
        yield trusting
