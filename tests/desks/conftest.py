"""Real parts for the desks' tests: TLS servers on loopback, an embedded Zendesk, its desk."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_router.clock import SystemClock
from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.secret import Secret
from mcp_router.sandbox.certificate import Certificate, make_certificate
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.app import create_app
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.settings import ZendeskSettings

Serve: TypeAlias = Callable[[ASGIApp, Effects], SandboxServer]

NOON_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z, after everything that is seeded


class ServerClock(SystemClock):
    """The wall clock of a server, where tests put it."""

    def __init__(self) -> None:
        self.ms = NOON_MS

    def now_ms(self) -> int:
        return self.ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Taped:
    """One request as it reached a server, and the headers of its answer."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: object
    connection: int
    answer_headers: dict[str, str]


@dataclass(eq=False)
class Tape:
    """An ASGI app around another that writes down what passes."""

    app: ASGIApp
    requests: list[Taped] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts: list[bytes] = []

        async def hear() -> Message:
            message = await receive()
            parts.append(message.get("body", b""))
            return message

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._write_down(scope, b"".join(parts), message)

            await send(message)

        await self.app(scope, hear, tell)

    def _write_down(self, scope: Scope, body: bytes, start: Message) -> None:
        self.requests.append(
            Taped(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode(),
                headers=_headers(scope),
                body=json.loads(body) if body else None,
                connection=scope["client"][1],
                answer_headers=_headers(start),
            )
        )

    def of(self, method: str) -> list[Taped]:
        return [one for one in self.requests if one.method == method]


def _headers(message: MutableMapping[str, object]) -> dict[str, str]:
    pairs = message["headers"]
    assert isinstance(pairs, list | tuple)
    return {name.decode().lower(): value.decode() for name, value in pairs}


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


@pytest.fixture
def server_clock() -> ServerClock:
    return ServerClock()


@pytest.fixture
def zendesk_state(server_clock: ServerClock) -> ZendeskState:
    return ZendeskState(clock=server_clock)


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
def tape(zendesk_state: ZendeskState, effects: Effects) -> Tape:
    return Tape(create_app(zendesk_state, effects))


@pytest.fixture
def zendesk(tape: Tape, effects: Effects, serve: Serve) -> SandboxServer:
    """The embedded Zendesk; `tape` and `zendesk_state` are its other ends."""
    return serve(tape, effects)


@pytest.fixture
def zendesk_settings(zendesk: SandboxServer, certificate: Certificate) -> ZendeskSettings:
    return ZendeskSettings(
        name="helpdesk",
        email=ZENDESK_EMAIL,
        token=Secret(ZENDESK_TOKEN),
        base_url=zendesk.url,
        ca_bundle=certificate.ca_file,
    )


@pytest.fixture
async def desk(zendesk_settings: ZendeskSettings) -> AsyncIterator[ZendeskDesk]:
    desk = ZendeskDesk(zendesk_settings, clock=SystemClock())
    yield desk
    await desk.aclose()
