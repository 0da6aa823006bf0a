"""A cable to the server that can be cut: the client is told, the server's session is not."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Cable:
    """Carries bytes between a store and the server until it is cut."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._clients: list[asyncio.StreamWriter] = []
        self._sessions: list[asyncio.StreamWriter] = []
        self._carriers: list[asyncio.Task[None]] = []

    async def plug_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(self._server)
        self._clients.append(writer)
        self._sessions.append(questions)
        self._carriers.append(asyncio.create_task(carry(reader, questions)))
        self._carriers.append(asyncio.create_task(carry(answers, writer)))

    def cut(self) -> None:
        """Drop every client; the sessions at the server go on with what they were told."""
        for carrier in self._carriers:
            carrier.cancel()

        for client in self._clients:
            client.transport.abort()

    async def aclose(self) -> None:
        self.cut()

        for session in self._sessions:
            session.transport.abort()

        await asyncio.gather(*self._carriers, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close in the loop's next round


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65536):
        sink.write(chunk)
        await sink.drain()


@asynccontextmanager
async def cable_to(url: str) -> AsyncIterator[tuple[Cable, str]]:
    """Yield a cable, and the URL that leads through it."""
    parts = conninfo_to_dict(url)
    cable = Cable(Path(str(parts["host"])) / ".s.PGSQL.5432")

    with tempfile.TemporaryDirectory(prefix="mcp-router-cable-") as folder:
        server = await asyncio.start_unix_server(cable.plug_in, Path(folder) / ".s.PGSQL.5432")
        yield cable, make_conninfo(url, host=folder)
        server.close()
        await cable.aclose()
