"""The one way out for alerts: one request, once, to an address that was checked.

The transport is used and not the client around it, which would log the URL, that may be a secret.
So no redirect is followed, which could lead inside, no cookie is kept, and nothing of the
environment changes what happens. No connection is kept: a kept one would be known by its address
alone, and serve another name at it that was never checked.
"""

import math
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx2

from mcp_router import __version__
from mcp_router.alerts.address import Resolve, checked, look_up
from mcp_router.errors import InvalidSettings
from mcp_router.http_date import seconds_between

TIMEOUT_S = 25.0
"""What one send may take as a whole; an answer that drips in is cut off by it."""

_STEPS = httpx2.Timeout(10.0, connect=5.0)  # each step by itself, so that TLS ends tidily
_LIMITS = httpx2.Limits(max_keepalive_connections=0)
_HEADERS = (
    ("accept", "*/*"),
    ("accept-encoding", "identity"),
    ("connection", "close"),
    ("content-type", "application/json"),
    ("user-agent", f"mcp-support-router/{__version__}"),
)
_PORTS = {"https": 443, "http": 80}
_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of one send; without a `status` nothing was answered, and `told` says why."""

    status: int | None = None
    told: str
    retry_after_s: float | None = None

    @property
    def delivered(self) -> bool:
        """Return whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Return whether the receiver wants nothing more, for ever."""
        return self.status == 410


class Post:
    """Sends to one URL; what it says never holds the URL, which may be a secret."""

    def __init__(
        self,
        url: str,
        *,
        allow_private: bool = False,
        ca_bundle: Path | None = None,
        resolve: Resolve = look_up,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Prepare to reach `url`; no connection is made and no name is looked up.

        Raises:
            InvalidSettings: the URL is not one of HTTP, or the bundle holds no certificate.
        """
        self._url = _parsed(url)
        self._host = self._url.raw_host.decode("ascii")
        self._allow_private = allow_private
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._transport = httpx2.AsyncHTTPTransport(
            verify=True if ca_bundle is None else _trust(ca_bundle),
            trust_env=False,
            limits=_LIMITS,
        )

    async def send(self, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> Receipt:
        """Send the body once and return what came of it; only a cancellation is raised."""
        try:
            with anyio.fail_after(self._timeout_s):
                return await self._send(body, headers)
        except (TimeoutError, httpx2.TimeoutException):
            return Receipt(told="no answer in time")
        except (httpx2.TransportError, OSError) as error:  # OSError: no such name, or broken TLS
            return Receipt(told=f"no connection ({type(error).__name__})")

    async def aclose(self) -> None:
        """Close what is open."""
        await self._transport.aclose()

    async def _send(self, body: bytes, headers: tuple[tuple[str, str], ...]) -> Receipt:
        """Send to the first address that takes a connection."""
        url = self._url
        port = url.port or _PORTS[url.scheme]
        addresses = await checked(
            self._host, port, allow_private=self._allow_private, resolve=self._resolve
        )
        failure: httpx2.TransportError | None = None

        for address in addresses[:_MOST_ADDRESSES]:
            try:
                return await self._send_to(address, body, headers)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error

        if failure is not None:
            raise failure

        return Receipt(told="its address is not one that alerts may be sent to")

    async def _send_to(
        self, address: str, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> Receipt:
        """Send to one address, with the name in what TLS and HTTP ask for."""
        request = httpx2.Request(
            "POST",
            self._url.copy_with(host=address),
            headers=[("host", self._url.netloc.decode("ascii")), *_HEADERS, *headers],
            content=body,
            extensions={"sni_hostname": self._host, "timeout": _STEPS.as_dict()},
        )
        response = await self._transport.handle_async_request(request)
        await response.aclose()  # what it says besides is of no use
        return Receipt(
            status=response.status_code,
            told=f"status {response.status_code}",
            retry_after_s=_wait_s(response.headers),
        )


def _wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `retry-after` asks for: as a number, or until a date.

    A date counts from the answer's own `date`, so that no clock has to agree.
    """
    text = headers.get("retry-after", "")

    try:
        wanted = float(text)
    except ValueError:
        return seconds_between(headers.get("date", ""), text)

    return wanted if math.isfinite(wanted) and wanted >= 0 else None


def _parsed(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        url = httpx2.URL()

    if url.scheme not in _PORTS or not url.host:
        raise InvalidSettings("The `url` of a sink of alerts is not an HTTP address.")

    return url


def _trust(ca_bundle: Path) -> ssl.SSLContext:
    """Return a context that trusts the bundle alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    try:
        context.load_verify_locations(cafile=ca_bundle)
    except OSError:  # ssl.SSLError is one
        raise InvalidSettings(
            "The `ca_bundle` of a sink of alerts is not a readable file of certificates."
        ) from None

    return context
