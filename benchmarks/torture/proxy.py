"""A TCP proxy before a desk's TLS port: it sees ciphertext only, and cuts or delays it anywhere."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum

HOST = "127.0.0.1"
_CHUNK_BYTES = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST
_GATHER_S = 0.02  # a request's last segments follow its first ones within this time
_LANDING_S = 5.0


class Way(StrEnum):
    """Which bytes are counted."""

    REQUEST = "request"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Trouble after `after_bytes` more bytes of one way, over all connections together.

    Without `hold_s` the connection is reset to both sides. With it, the client's side is reset,
    and what the client had sent is delivered to the desk `hold_s` later: a request that lands
    when nobody waits for it any more.
    """

    way: Way
    after_bytes: int
    hold_s: float | None = None


class Proxy:
    """One listening port in front of one TLS port; use it on one loop."""

    def __init__(self, target_port: int) -> None:
        """Forward to `target_port`; nothing listens before `open`."""
        self.port = 0
        self.cuts = 0
        self.held = 0
        self._target_port = target_port
        self._cut: Cut | None = None
        self._seen = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen on a free port from now on."""
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and reset every connection."""
        assert self._server is not None
        self._server.close()

        for connection in tuple(self._connections):
            connection.cancel()

        await asyncio.gather(*self._connections, return_exceptions=True)

    def arm(self, cut: Cut | None) -> None:
        """Begin to count anew, towards `cut`; None calls off what has not happened yet."""
        self._cut, self._seen = cut, 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)

        try:
            await self._serve(reader, writer)
        except OSError:
            pass  # a peer that leaves is what this is about
        except asyncio.CancelledError:
            pass  # by `close` only; a cancelled handler would be reported as a failure
        finally:
            self._connections.discard(task)
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        desk_reader, desk_writer = await asyncio.open_connection(HOST, self._target_port)

        try:
            pumps = {
                asyncio.create_task(self._pump(Way.REQUEST, reader, desk_writer)),
                asyncio.create_task(self._pump(Way.ANSWER, desk_reader, writer)),
            }

            try:
                done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()

                await asyncio.gather(*pumps, return_exceptions=True)

            for pump in done:
                held = pump.result() if not pump.cancelled() and not pump.exception() else None

                if held is not None:
                    await self._deliver_late(held, reader, writer, desk_reader, desk_writer)
        finally:
            _reset(desk_writer)

    async def _pump(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[bytes, float] | None:
        """Forward one way to its end; return what is to be held back, and for how long."""
        while chunk := await reader.read(_CHUNK_BYTES):
            cut = self._cut

            if cut is not None and cut.way is way:
                left = cut.after_bytes - self._seen
                self._seen += len(chunk)

                if len(chunk) > left:
                    self._cut = None
                    self.cuts += 1
                    writer.write(chunk[:left])
                    # A reset would take back what is still on its way.
                    await writer.drain()
                    await asyncio.sleep(0)
                    return None if cut.hold_s is None else (chunk[left:], cut.hold_s)

            writer.write(chunk)
            await writer.drain()

        return None

    async def _deliver_late(
        self,
        held: tuple[bytes, float],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        desk_reader: asyncio.StreamReader,
        desk_writer: asyncio.StreamWriter,
    ) -> None:
        rest, hold_s = held
        self.held += 1

        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_S):
                    while chunk := await reader.read(_CHUNK_BYTES):
                        rest += chunk

            _reset(writer)
            await asyncio.sleep(hold_s)
            desk_writer.write(rest)
            await desk_writer.drain()

            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LANDING_S):
                    await desk_reader.read(_CHUNK_BYTES)
        finally:
            self.held -= 1


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once; the peer gets RST."""
    peer = writer.get_extra_info("socket")

    if peer is not None:
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    writer.transport.abort()
