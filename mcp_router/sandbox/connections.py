"""One accepted connection, which a fault can reset, and the listening socket it came from."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import struct
from asyncio.trsock import TransportSocket
from collections.abc import Callable, Iterable

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

HOST = "127.0.0.1"

_STATE_KEY = "mcp_router.sandbox.connection"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, made resettable and quiet.

    uvicorn makes one scope for each request and fills it in `on_message_begin`; the connection
    puts itself there. So a fault reaches exactly the connection that its request came on, where
    a table by client address could hand out the one that had the same port a moment ago.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Log to the sandbox's own logger: uvicorn's belong to the server of `serve/http`."""
        super().__init__(config, server_state, app_state, _loop)
        self.logger = logging.getLogger("mcp_router.sandbox")
        self.access_log = False
        self.lost = asyncio.Event()
        self.idle = True
        self._aborted = False

    def on_message_begin(self) -> None:
        """Begin a request whose scope knows this connection."""
        super().on_message_begin()
        self.idle = False
        self.scope["state"][_STATE_KEY] = self

    def on_response_complete(self) -> None:
        """End a request."""
        self.idle = True
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait for the end of this connection."""
        super().connection_lost(exc)
        # uvicorn keeps the timer of a connection that was reset, and with it all that it held.
        self._unset_keepalive_if_required()
        self.lost.set()

    def abort(self) -> None:
        """Reset the connection: the peer gets RST, without a TLS goodbye. Harmless twice."""
        if self._aborted or self.lost.is_set():
            return

        self._aborted = True
        _reset_on_close(self.transport.get_extra_info("socket"))
        self.transport.abort()
        cycle: object = self.cycle  # None before the first request, whatever uvicorn declares

        # uvicorn learns of the loss a little later; until then it would go on writing, and
        # asyncio would complain on stderr.
        if isinstance(cycle, RequestResponseCycle):
            cycle.disconnected = True


def connection_of(scope: Scope) -> Connection:
    """Return the connection that the request of `scope` came on."""
    connection = scope["state"][_STATE_KEY]
    assert isinstance(connection, Connection)
    return connection


class Listener:
    """A listening socket and every connection it accepted. Use it on one loop only.

    Connections are accepted here and not by `loop.create_server`, because a refusal must come
    before the TLS handshake, which create_server begins by itself.
    """

    def __init__(self, config: Config, refused: Callable[[], bool]) -> None:
        """Serve `config.app`; `refused` is asked about every connection as it is accepted.

        Raises:
            OSError: the port is taken.
        """
        config.load()
        assert isinstance(config.ssl, ssl.SSLContext)
        self._config = config
        self._ssl = config.ssl
        self._refused = refused
        self._state = ServerState()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._open = False
        self._socket = _bound_socket(config.port)
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        """Accept connections from now on; harmless when already open."""
        if not self._open:
            self._open = True
            self._socket.listen(128)
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    async def shut(self) -> None:
        """Refuse connections from now on and reset the open ones; keep the port for `open`.

        A new socket is bound to the port without listening, which refuses just like a free port
        but cannot be given to another program meanwhile. Requests in progress lose their
        connection, but what they do goes on.
        """
        if self._open:
            await self._disconnect()
            self._socket = _bound_socket(self.port)

    async def close(self) -> None:
        """Give the port back, reset the connections and cancel what their requests still do."""
        await self._disconnect()
        await _cancel(self._state.tasks)

    def drop_idle(self) -> None:
        """Reset the connections that wait for their next request."""
        for connection in self._connections():
            if connection.idle:
                connection.abort()

    def _connections(self) -> list[Connection]:
        return [each for each in self._state.connections if isinstance(each, Connection)]

    async def _disconnect(self) -> None:
        if self._open:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._open = False

        self._socket.close()
        await _cancel(self._handshakes)
        connections = self._connections()

        for connection in connections:
            connection.abort()

        for connection in connections:
            await connection.lost.wait()

    def _accept(self) -> None:
        # A callback, not `await loop.sock_accept`: cancelling that in the moment of a connect
        # would lose the accepted socket unclosed.
        try:
            peer, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return

        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        refused = self._refused()
        handshake = asyncio.create_task(_refuse(peer) if refused else self._welcome(peer))
        self._handshakes.add(handshake)
        handshake.add_done_callback(lambda done: self._welcomed(done, peer))

    async def _welcome(self, peer: socket.socket) -> None:
        # The peer may leave or not speak TLS, which is its own affair.
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connection, peer, ssl=self._ssl
            )

    def _welcomed(self, handshake: asyncio.Task[None], peer: socket.socket) -> None:
        self._handshakes.discard(handshake)

        if handshake.cancelled():  # perhaps before its first step, so no transport owns `peer`
            peer.close()

    def _connection(self) -> Connection:
        return Connection(self._config, self._state, {})


async def _refuse(peer: socket.socket) -> None:
    # With the first byte of the handshake and not before: a reset between a client's `connect`
    # and its handshake makes Python's ssl module (seen in 3.11) leave the client's socket open,
    # and tests of clients would fail for that.
    with contextlib.suppress(OSError):
        await asyncio.get_running_loop().sock_recv(peer, 1)

    _reset_on_close(peer)
    peer.close()


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    cancelled = list(tasks)

    for task in cancelled:
        task.cancel()

    await asyncio.gather(*cancelled, return_exceptions=True)


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    try:
        if os.name == "posix":  # elsewhere the option would let two programs share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        bound.setblocking(False)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise

    return bound


def _reset_on_close(peer: socket.socket | TransportSocket | None) -> None:
    """Do nothing for None, which a TLS transport gives in place of a socket it has lost."""
    if peer is not None:
        with contextlib.suppress(OSError):  # some systems refuse it once the peer has left
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
