"""A server without TLS whose every byte a test decides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

BRIEF_S = 1.0  # a limit that a test waits out, within which a busy machine still connects

Answer: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Loopback:
    """What arrived: connections, and the head of each request."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.connections = 0
        self.open = 0
        self.left = asyncio.Event()


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[Loopback]:
    """Answer every request with `answer`, which may also close the connection."""
    tasks: set[asyncio.Task[None]] = set()
    server_side = Loopback()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_side.connections += 1
        server_side.open += 1

        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                server_side.requests.append(head)
                await reader.readexactly(_length(head))
                await answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            server_side.open -= 1

            if server_side.open == 0:
                server_side.left.set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    server_side.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    try:
        yield server_side
    finally:
        server.close()

        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)


def _length(head: str) -> int:
    for line in head.splitlines():
        name, _, value = line.partition(":")

        if name.lower() == "content-length":
            return int(value)

    return 0


def http(status: int, body: bytes, *headers: str) -> Answer:
    """Answer with a status, a body and further header lines, keeping the connection."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return answer
