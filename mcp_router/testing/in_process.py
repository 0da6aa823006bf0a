"""A provider without a network: the wire's requests go to an ASGI app in this process."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TypeAlias

import anyio
import httpx2
from anyio.lowlevel import checkpoint

Event: TypeAlias = MutableMapping[str, object]
"""What an ASGI app and its server tell each other."""

App: TypeAlias = Callable[
    [Event, Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Awaitable[None]
]
"""An ASGI app, such as one of Starlette."""

_LEAVES = "http11.send_request_headers.started"
"""The trace event by which the wire knows that a request may have had an effect."""


class InProcessTransport(httpx2.AsyncBaseTransport):
    """Hands requests to an app, and tells their sender how far each one came.

    `httpx2.ASGITransport` reports nothing, so that a time-out would pass for a request that never
    left; and it looks for a library that is not installed, in every request anew. An answer is
    handed out when it is whole. What the app raises is raised here.
    """

    def __init__(self, app: App, connect: Callable[[], Awaitable[None]] = checkpoint) -> None:
        """Await `connect` before each request; it raises `httpx2.ConnectError` to refuse one."""
        self._app = app
        self._connect = connect

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the app's answer."""
        await self._connect()
        trace = request.extensions.get("trace")

        if trace is not None:
            await trace(_LEAVES, {})

        exchange = _Exchange(await request.aread())
        await self._app(_scope(request), exchange.receive, exchange.send)
        return exchange.response()


class _Exchange:
    """One request and its answer, from the side of a server."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._answered = anyio.Event()
        self._start: Event = {}
        self._parts: list[bytes] = []

    async def receive(self) -> Event:
        """Return the whole request, then that its sender is gone, once it has its answer."""
        if self._body is None:
            await self._answered.wait()
            return {"type": "http.disconnect"}

        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, event: Event) -> None:
        """Keep a part of the answer."""
        if event["type"] == "http.response.start":
            self._start = event
            return

        body = event.get("body", b"")
        assert isinstance(body, bytes)
        self._parts.append(body)

        if not event.get("more_body", False):
            self._answered.set()

    def response(self) -> httpx2.Response:
        """Return what the app has sent."""
        status, headers = self._start["status"], self._start["headers"]
        assert isinstance(status, int)
        assert isinstance(headers, list)
        return httpx2.Response(
            status, headers=headers, stream=httpx2.ByteStream(b"".join(self._parts))
        )


def _scope(request: httpx2.Request) -> Event:
    """Return what an app is told of a request."""
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
