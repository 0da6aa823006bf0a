"""A receiver of alerts behind real TLS on a loopback port, whose every answer a test decides."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mcp_router.sandbox.certificate import make_certificate

DROP = "drop"  # end the connection without an answer
HANG = "hang"  # keep it, and say nothing

_OK = "204"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Receiver:
    """What has arrived. `answers` are taken one by one; after the last everything is accepted.

    An answer is a status, perhaps with header lines, or `DROP` or `HANG`.
    """

    port: int = 0
    ca_file: Path
    answers: list[str] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hooks?token=s3cret"

    @property
    def ids(self) -> list[str]:
        """Return what the receiver was sent, by id, in order."""
        return [one.headers["webhook-id"] for one in self.arrived]


@asynccontextmanager
async def receiving(folder: Path) -> AsyncIterator[Receiver]:
    """Listen until the block ends."""
    certificate = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    receiver = Receiver(ca_file=certificate.ca_file)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            receiver.arrived.append(await _request(reader))
            receiver.came.set()
            answer = receiver.answers.pop(0) if receiver.answers else _OK

            if answer == HANG:
                await reader.read()  # until the client leaves
            elif answer != DROP:
                status, *headers = answer.splitlines()
                lines = [f"HTTP/1.1 {status} X", "content-length: 0", *headers, "", ""]
                writer.write("\r\n".join(lines).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]

    try:
        yield receiver
    finally:
        server.close()

        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Arrived:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.splitlines()
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Arrived(path=first.split(" ")[1], headers=headers, body=body)
