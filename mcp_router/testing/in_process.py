"""A provider without a network: the wire's requests go to a server in this process."""

from collections.abc import Awaitable, Callable

import httpx2
from anyio.lowlevel import checkpoint

_LEAVES = "http11.send_request_headers.started"
"""The trace event by which the wire knows that a request may have had an effect."""


class InProcessTransport(httpx2.AsyncBaseTransport):
    """Hands requests to `server`, and tells their sender how far each one came.

    `httpx2.ASGITransport` alone reports nothing, so that a time-out would pass for a request
    that never left.
    """

    def __init__(
        self, server: httpx2.AsyncBaseTransport, connect: Callable[[], Awaitable[None]] = checkpoint
    ) -> None:
        """Await `connect` before each request; it raises `httpx2.ConnectError` to refuse one."""
        self._server = server
        self._connect = connect

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the server's answer."""
        await self._connect()
        trace = request.extensions.get("trace")

        if trace is not None:
            await trace(_LEAVES, {})

        return await self._server.handle_async_request(request)
