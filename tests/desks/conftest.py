"""Real parts for the desks' tests: an echo and an embedded Zendesk behind TLS, and clients."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_router.clock import SystemClock
from mcp_router.desks.session import DeskSession
from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.secret import Secret
from mcp_router.errors import SendFailed
from mcp_router.sandbox.certificate import Certificate, make_certificate
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.app import create_app
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.settings import ZendeskSettings

Serve: TypeAlias = Callable[[ASGIApp, Effects], SandboxServer]

Open: TypeAlias = Callable[..., DeskSession]

METHODS = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
ORIGIN = "https://desk.invalid"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a failed send says, as far as the ledger needs it."""

    evidence: Evidence
    reason: Reason
    status: int | None = None
    retry_after_s: float | None = None


def verdict(send: Callable[[], object]) -> Verdict:
    with pytest.raises(SendFailed) as caught:
        send()

    return Verdict(
        evidence=caught.value.evidence,
        reason=caught.value.reason,
        status=caught.value.status,
        retry_after_s=caught.value.retry_after_s,
    )


def not_applied(reason: Reason, status: int | None = None, **rest: float) -> Verdict:
    return Verdict(evidence=Evidence.NOT_APPLIED, reason=reason, status=status, **rest)


def unknown(reason: Reason) -> Verdict:
    return Verdict(evidence=Evidence.UNKNOWN, reason=reason)


def echo_app(effects: Effects) -> ASGIApp:
    """Note every write as an effect; answer with what the request looked like."""

    async def echo(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            effects.applied("write", request.url.path)

        client = request.client
        body = {
            "query": sorted(request.query_params.multi_items()),
            "headers": dict(request.headers),
            "connection": client.port if client else None,
        }
        return JSONResponse(body, headers={"Set-Cookie": "session=1; Path=/"})

    async def trickle(_request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(9):
                yield b"x"

        return StreamingResponse(pieces())

    async def huge(_request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield bytes(1024 * 1024)

        return StreamingResponse(pieces())

    async def not_gzip(_request: Request) -> Response:
        return Response(b"{}", headers={"Content-Encoding": "gzip"})

    return Starlette(
        routes=[
            Route("/trickle", trickle, methods=METHODS),
            Route("/huge", huge, methods=METHODS),
            Route("/not-gzip", not_gzip, methods=METHODS),
            Route("/{path:path}", echo, methods=METHODS),
        ]
    )


@pytest.fixture
def server(effects: Effects, serve: Serve) -> SandboxServer:
    """A server that echoes."""
    return serve(echo_app(effects), effects)


@pytest.fixture
def open_session(server: SandboxServer, certificate: Certificate) -> Iterator[Open]:
    """Sessions for ORIGIN that the server serves; arguments replace those defaults."""
    sessions: list[DeskSession] = []

    def start(**arguments: object) -> DeskSession:
        given: dict[str, object] = {
            "clock": SystemClock(),
            "ca_bundle": certificate.ca_file,
            "origin": ORIGIN,
            "base_url": server.url,
        }
        session = DeskSession(**(given | arguments))  # type: ignore[arg-type]  # kept by name
        sessions.append(session)
        return session

    yield start

    for session in sessions:
        session.close()


@pytest.fixture
def session(open_session: Open) -> DeskSession:
    return open_session()
