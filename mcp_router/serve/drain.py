"""Lets the calls that a stream has brought be answered before its end is told."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

DRAIN_S = 70
"""How long the end of a stream waits for answers: longer than the longest usual deadline."""

Incoming = SessionMessage | Exception
Streams = tuple[MemoryObjectReceiveStream[Incoming], MemoryObjectSendStream[SessionMessage]]


class Source(Protocol):
    """Where a transport's messages come from."""

    def __aiter__(self) -> AsyncIterator[Incoming]:
        """Return the messages as they come."""

    async def aclose(self) -> None:
        """Take no more."""


class Sink(Protocol):
    """Where a transport's messages go."""

    async def send(self, item: SessionMessage, /) -> None:
        """Hand one message over."""

    async def aclose(self) -> None:
        """Send no more."""


@asynccontextmanager
async def drained(read: Source, write: Sink) -> AsyncIterator[Streams]:
    """Yield the two streams of a server between which and the transport `read`'s end waits.

    The SDK cancels every call once its input ends; a script that pipes its calls in would get no
    answer. Requests other than calls are not waited for: some of them stay open for ever.
    """
    to_server, server_reads = anyio.create_memory_object_stream[Incoming](0)
    server_writes, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    calls = _OpenCalls()

    async def bring() -> None:
        async with to_server, aclosing(read):
            async for item in read:
                calls.came(item)
                await to_server.send(item)

            with anyio.move_on_after(DRAIN_S):
                await calls.answered()

    async def take() -> None:
        async with from_server, aclosing(write):
            async for message in from_server:
                await write.send(message)
                calls.went(message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bring)
        tasks.start_soon(take)

        async with server_reads, server_writes:
            yield server_reads, server_writes


class _OpenCalls:
    """The ids of the calls that have no answer yet."""

    def __init__(self) -> None:
        self._ids: set[str | int] = set()
        self._fewer = anyio.Event()

    def came(self, item: Incoming) -> None:
        message = item.message if isinstance(item, SessionMessage) else None

        if isinstance(message, JSONRPCRequest) and message.method == "tools/call":
            self._ids.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == _CANCELLED:
            # The answer to a cancelled call is never sent.
            self._remove((message.params or {}).get("requestId"))

    def went(self, item: SessionMessage) -> None:
        if isinstance(item.message, JSONRPCResponse | JSONRPCError):
            self._remove(item.message.id)

    async def answered(self) -> None:
        while self._ids:
            await self._fewer.wait()

    def _remove(self, identity: object) -> None:
        if isinstance(identity, str | int):
            self._ids.discard(identity)

        self._fewer.set()
        self._fewer = anyio.Event()


_CANCELLED = "notifications/cancelled"
