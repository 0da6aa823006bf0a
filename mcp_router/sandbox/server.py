"""One embedded server: an ASGI app behind real TLS on a loopback port."""

from starlette.types import ASGIApp
from uvicorn.config import Config

from mcp_router.clock import Clock, SystemClock
from mcp_router.errors import SandboxFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.connections import HOST, Connection, Listener
from mcp_router.sandbox.effects import Effects, Received
from mcp_router.sandbox.faults import FaultScript
from mcp_router.sandbox.gate import Gate
from mcp_router.sandbox.loop_thread import LoopThread

_KEEP_ALIVE_S = 600  # longer than any test or demo pauses: connections end when a fault says so


class SandboxServer:
    """A server that other threads steer; `faults` and the counters are safe between threads."""

    def __init__(
        self,
        name: str,
        app: ASGIApp,
        *,
        thread: LoopThread,
        certificate: Certificate,
        effects: Effects,
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        """Serve `app` from now on; `port` 0 takes a free one.

        `effects` is the counter that the app was made with; `clock` dates answers.

        Raises:
            SandboxFailed: the port is taken.
        """
        self.name = name
        self.effects = effects
        self.faults = FaultScript(on_refusal=self._drop_idle)
        self._thread = thread
        self._gate = Gate(app, faults=self.faults, effects=effects, clock=clock or SystemClock())
        config = Config(
            self._gate,
            port=port,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ssl_certfile=certificate.cert_file,
            ssl_keyfile=certificate.key_file,
        )

        try:
            self._listener = Listener(config, refused=self._refuses)
        except OSError as taken:
            raise SandboxFailed(f"The port for the embedded {name} server is taken.") from taken

        self.come_up()

    @property
    def url(self) -> str:
        """The server's address, without a path."""
        return f"https://{HOST}:{self._listener.port}"

    @property
    def port(self) -> int:
        """The server's port, the same for its whole life."""
        return self._listener.port

    @property
    def received(self) -> Received:
        """The requests that arrived, faults included."""
        return self._gate.received

    @property
    def latency_ms(self) -> int:
        """How long every request waits before the app sees it."""
        return self._gate.latency_ms

    @latency_ms.setter
    def latency_ms(self, latency_ms: int) -> None:
        self._gate.latency_ms = latency_ms

    def go_down(self) -> None:
        """Refuse connections (ECONNREFUSED) and reset the open ones, until `come_up`."""
        self._thread.run(self._listener.shut())

    def come_up(self) -> None:
        """Accept connections on the same port again; harmless when up."""
        self._thread.call(self._listener.open)

    def close(self) -> None:
        """Release the port and every connection; cancel requests that are still in progress."""
        self._thread.run(self._listener.close())

    def _refuses(self) -> bool:
        return self.faults.take_refusal() is not None

    def _drop_idle(self) -> None:
        self._thread.call(self._listener.drop_idle)
