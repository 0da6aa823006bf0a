"""The transport below a desk's session: one send, its own trust, a known point of no return."""

import ssl
from collections.abc import Mapping

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from mcp_router.desks.failures import ConnectFailed

READS = frozenset({"GET", "HEAD"})
"""Methods without an effect; every other method is treated as a write."""


class _Socket(ssl.SSLSocket):
    """A TLS socket that closes itself when the peer hangs up before TLS has begun.

    CPython 3.11 looks for such an end with `recv`, before the handshake, and leaves the socket to
    the garbage collector where that raises. HTTP itself never reads with `recv`.
    """

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ConnectionError:
            self.close()
            raise


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise ConnectFailed("not connected") from error


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise ConnectFailed("not connected") from error


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class DeskAdapter(HTTPAdapter):
    """Send each request once, verify the server against `context` alone.

    - No retry of any kind.
    - `verify=` and `cert=` of a request, of the session or from the environment change nothing.
    - Whatever fails before the first request byte raises `ConnectFailed`.
    - A write opens a new connection: on a kept one that the server has just closed, a reset says
      nothing about the effect, and the write would be unknown for no reason. It costs one TCP and
      TLS handshake (two round trips) a write; reads keep their connection.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        """Keep `context`: made once for a session, since loading a CA bundle takes long."""
        super().__init__(pool_connections=2, pool_maxsize=1, max_retries=0)
        context.sslsocket_class = _Socket
        self._context = context
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send once and return the answer, whatever its status.

        Raises:
            ConnectFailed: no request byte left this machine.
            requests.RequestException, urllib3.exceptions.HTTPError: anything else.
        """
        if request.method not in READS:
            self.poolmanager.clear()

        return super().send(request, stream=stream, timeout=timeout, proxies=proxies)

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Leave the connection as it is: its context already says what is trusted."""

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> urllib3.HTTPConnectionPool:
        """Return the pool of the request's host, always with this adapter's own context."""
        url = urllib3.util.parse_url(request.url or "")
        pool = self.poolmanager.connection_from_host(
            url.host,
            port=url.port,
            scheme=url.scheme,
            pool_kwargs={"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"},
        )
        assert isinstance(pool, urllib3.HTTPConnectionPool)
        return pool


class RelocatingAdapter(DeskAdapter):
    """Serve an origin from another base URL, without the client library noticing.

    zenpy finds out what an answer holds by comparing its URL with the host that it believes to
    talk to, so both the answer and its request carry the origin's URL again afterwards.
    """

    def __init__(self, context: ssl.SSLContext, *, origin: str, base_url: str) -> None:
        """Send what is asked of `origin` to `base_url`; both without a slash at the end."""
        super().__init__(context)
        self._origin = origin
        self._base_url = base_url

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send once to the base URL; raises what `DeskAdapter.send` raises."""
        url = request.url or ""
        request.url = self._base_url + url.removeprefix(self._origin)

        try:
            response = super().send(request, stream=stream, timeout=timeout, proxies=proxies)
        finally:
            request.url = url

        response.url = url
        return response
