"""HTTP: Streamable HTTP at /mcp, the legacy SSE transport at /sse, and what operators look at."""

import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial

import anyio
import uvicorn
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_router.app import App
from mcp_router.errors import AddressInUse, StorageUnavailable, UnsafeBind
from mcp_router.serve.auth import RequireToken, StaticTokens
from mcp_router.serve.mcp import RouterServer, build_server
from mcp_router.serve.progress import StreamedOnDemand
from mcp_router.settings import TokenSettings
from mcp_router.tools.registry import REGISTRY

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
DRAIN_S = 40
"""How long a stopping server waits for calls under way: longer than any write may take."""

_Endpoint = Callable[[Request], Awaitable[Response]]

_logger = logging.getLogger(__name__)


def asgi(app: App, *, host: str = "127.0.0.1", server: RouterServer | None = None) -> Starlette:
    """Return the web application; `host` is the address that it will be bound to.

    `server` is the app's own MCP server if something was added to it.

    On loopback addresses the SDK checks Host and Origin against DNS rebinding. With tokens
    configured, both transports ask for one; health and metrics never carry a caller's data.
    """
    server = server or build_server(app)
    mcp, sessions = _streamable(server, host)
    sse = server.sse_app(host=host)
    doors: list[BaseRoute] = [*mcp, *(_wrapped(route, AnswerOnce) for route in sse.routes)]
    middleware = [Middleware(TrimmedHeaders)]

    if app.tokens:
        doors = [_wrapped(door, RequireToken) for door in doors]
        backend = BearerAuthBackend(StaticTokens(app.tokens))
        middleware.append(Middleware(AuthenticationMiddleware, backend=backend))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            for manager in sessions:
                await running.enter_async_context(manager.run())

            yield

    return Starlette(
        routes=[
            Route("/healthz", _healthz),
            Route("/readyz", _readyz(app)),
            Route("/metrics", _metrics(app)),
            *doors,
        ],
        middleware=middleware,
        lifespan=lifespan,
    )


def _streamable(
    server: RouterServer, host: str
) -> tuple[list[BaseRoute], list[StreamableHTTPSessionManager]]:
    """Return the routes of Streamable HTTP, and what must run while they are served.

    JSON and stateless: a disconnect cannot cancel a handler, and any replica can answer. A call
    that only reads and wants to be told of its progress is answered with events instead.
    """
    plain = server.streamable_http_app(json_response=True, stateless_http=True, host=host)
    sessions = [server.session_manager]
    live = server.streamable_http_app(stateless_http=True, host=host)
    sessions.append(server.session_manager)
    reading = [tool.name for tool in REGISTRY if tool.read_only]
    (told,) = live.routes
    assert isinstance(told, Route)
    wrap = partial(StreamedOnDemand, streamed=told.app, tools=reading)
    return [_wrapped(route, wrap) for route in plain.routes], sessions


def check_bind(host: str, tokens: tuple[TokenSettings, ...]) -> None:
    """Refuse an address that others can reach where no token guards it.

    Raises:
        UnsafeBind: the address is not a loopback one and there are no tokens.
    """
    if host not in LOOPBACK and not tokens:
        raise UnsafeBind("Others could reach this address, and router.yaml has no tokens.")


async def serve_http(app: App, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, finish the calls under way, return.

    Raises:
        UnsafeBind: the address can be reached by others and no tokens are configured.
        AddressInUse: the port is taken.
    """
    check_bind(host, app.tokens)
    config = uvicorn.Config(
        asgi(app, host=host),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config)

    with _listen(host, port) as listener:
        address = listener.getsockname()
        _logger.info("serving http://%s:%s/mcp and /sse", host, address[1])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on_signal, server)
            await server.serve(sockets=[listener])
            tasks.cancel_scope.cancel()


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: its own handler would end the process by the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield


async def _stop_on_signal(server: uvicorn.Server) -> None:
    """Ask the server to drain at the first signal, and to stop at once at the second."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            server.handle_exit(number, None)


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Bind before anything is started, so that a taken port is told plainly."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        try:
            listener.bind((host, port))
            listener.listen()  # bound alone, two servers that start together would share it
        except OSError as error:
            raise AddressInUse(f"Port {port} cannot be bound on that address.") from error

        yield listener


class TrimmedHeaders:
    """Takes the spaces off the ends of header values, which RFC 9110 (5.5) leaves out of them.

    httptools hands trailing ones on, and MCP compares `Mcp-Name` with the call's own name.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with its values trimmed."""
        if scope["type"] == "http":
            headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}

        await self._app(scope, receive, send)


def _wrapped(route: BaseRoute, wrap: Callable[[ASGIApp], ASGIApp]) -> BaseRoute:
    """Return the route with its application inside another."""
    if isinstance(route, Mount):
        return Mount(route.path, app=wrap(route.app))

    assert isinstance(route, Route)
    return Route(route.path, endpoint=wrap(route.app), methods=route.methods)


class AnswerOnce:
    """Keeps an application from beginning a second answer.

    The SDK's SSE endpoint (2.3) returns an empty response after its stream, which uvicorn reports
    with a traceback whenever a server stops while a stream is open.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the first answer on and nothing after it."""
        starts = 0

        async def once(message: Message) -> None:
            nonlocal starts
            starts += message["type"] == "http.response.start"

            if starts <= 1:
                await send(message)

        await self._app(scope, receive, once)


async def _healthz(_: Request) -> Response:
    """Say that the process runs."""
    return JSONResponse({"status": "ok"})


def _readyz(app: App) -> _Endpoint:
    """Return the endpoint that says whether calls can be served: each one leaves a record.

    Without its background a server would leave what it cannot decide at once undecided.
    """

    async def endpoint(_: Request) -> Response:
        if app.background.done():
            return JSONResponse({"status": "background_ended"}, status_code=503)

        try:
            await app.store.database.check()
        except StorageUnavailable as error:
            return JSONResponse({"status": error.code}, status_code=503)

        return JSONResponse({"status": "ready"})

    return endpoint


def _metrics(app: App) -> _Endpoint:
    """Return the endpoint that Prometheus reads."""

    async def endpoint(_: Request) -> Response:
        return PlainTextResponse(app.metrics.text(), media_type="text/plain; version=0.0.4")

    return endpoint
