"""The one way out to the model providers: one request, once, within one time limit.

Nothing else imports the HTTP client, so it can be exchanged here alone. Nothing of the
environment changes what happens: no proxy, no certificate file and no netrc is read from it.
"""

import math
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import anyio
import httpx2

from mcp_router import __version__
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import InvalidSettings, SendFailed
from mcp_router.providers.events import Event, EventReader
from mcp_router.providers.refusal import refused

ANSWER_BYTES = 8 * 1024 * 1024  # the longest completion is well below one

_OK = 200  # the only status that any of the three answers with a completion
_GOODBYE_S = 0.2  # for the end of a stream after its last event, so that the connection is kept
_EXCERPT_BYTES = 64 * 1024  # of an error's body, which only names a code
_LIMITS = httpx2.Limits(max_connections=128, max_keepalive_connections=32, keepalive_expiry=30.0)
_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",  # so that the limit on an answer's size holds before unpacking
    "content-type": "application/json",
    "user-agent": f"mcp-support-router/{__version__}",
}
# httpcore2's trace events, without the layer that they are prefixed with.
_CONNECTED = "connect_tcp.complete"
_NO_TLS = "start_tls.failed"
_LEAVES = "send_request_headers.started"  # before the first request byte


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One HTTP request; `path` is relative to the provider's base URL and quoted."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    method: Literal["GET", "POST"] = "POST"


class Wire:
    """A pool of connections to one provider. `send` may run many times at once."""

    def __init__(
        self,
        base_url: str,
        *,
        ca_bundle: Path | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare to reach `base_url`; no connection is made.

        `ca_bundle` replaces the system's certificate authorities, `transport` the network.

        Raises:
            InvalidSettings: the URL is not one of HTTP, or the bundle holds no certificate.
        """
        _check(base_url)
        self._base_url = base_url.rstrip("/")
        self._client = httpx2.AsyncClient(
            verify=True if ca_bundle is None else _trust(ca_bundle),
            trust_env=False,
            follow_redirects=False,
            limits=_LIMITS,
            headers=_HEADERS,
            transport=transport,
            # A provider's gateway sets cookies; kept, they would tie calls of tenants together.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def send(self, request: WireRequest, *, timeout_s: float) -> bytes:
        """Send `request` once and return the body of its 200 answer.

        `timeout_s` limits the whole exchange, from waiting for a connection to the last byte.

        Raises:
            SendFailed: there is no such answer; its evidence says what may have happened.
        """
        exchange = _Exchange()

        with exchange.judged(), anyio.fail_after(timeout_s):
            response = await self._ask(request, timeout_s, exchange)

            async with aclosing(response):
                return await _whole(response)

    @asynccontextmanager
    async def stream(
        self, request: WireRequest, *, timeout_s: float
    ) -> AsyncGenerator[AsyncIterator[Event]]:
        """Send `request` once and yield the events of its 200 answer as they come.

        `timeout_s` limits the whole exchange, without the time that is taken for each event before
        the next one is asked for: the provider is not to blame for it. Leaving early or by an
        error ends the connection; what else is raised inside passes through untouched.

        Raises:
            SendFailed: there is no such answer, or it broke off; here and from the events.
        """
        exchange = _Exchange()
        used = False

        with anyio.move_on_after(timeout_s) as limit:
            with exchange.judged():
                response = await self._ask(_for_events(request), timeout_s, exchange)

            async with aclosing(response), aclosing(_events(response, exchange, limit)) as events:
                yield events
                used = True
                await _finish(events)

        if limit.cancelled_caught and not used:
            raise exchange.failed(Reason.TIMEOUT)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _ask(
        self, request: WireRequest, timeout_s: float, exchange: "_Exchange"
    ) -> httpx2.Response:
        """Return a 200 answer whose body is still to come; whoever asks closes it."""
        built = self._client.build_request(
            request.method,
            self._base_url + request.path,
            headers=list(request.headers),
            content=request.body,
            timeout=timeout_s,
            extensions={"trace": exchange.note},
        )
        response = await self._client.send(built, stream=True)
        exchange.answered(response.status_code, response.headers)

        if response.status_code == _OK:
            return response

        async with aclosing(response):
            raise refused(response.status_code, response.headers, await _excerpt(response))


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None:
        """Give the connection back to the system."""


class _Exchange:
    """How far one exchange came, which decides what its failure proves."""

    def __init__(self) -> None:
        self._connection: object = None
        self._sent = False
        self._status: int | None = None
        self._headers: Mapping[str, str] = {}

    async def note(self, event: str, info: Mapping[str, object]) -> None:
        """Take an event of the client's trace."""
        if event.endswith(_CONNECTED):
            self._connection = info.get("return_value")
        elif event.endswith(_NO_TLS):
            await self._hang_up()
        elif event.endswith(_LEAVES):
            self._sent = True

    async def _hang_up(self) -> None:
        """Close a connection whose TLS handshake was cut short.

        httpcore2 2.16 closes it after an error but not after a cancellation, which is how our own
        limit ends a handshake; the event loop would keep the socket until the peer closes it.
        """
        if isinstance(self._connection, _Closable):
            with anyio.CancelScope(shield=True):
                await self._connection.aclose()

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Keep what the answer began with."""
        self._sent = True
        self._status = status
        self._headers = headers

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Turn what the client raises inside into what it proves.

        Raises:
            SendFailed: the exchange ended here.
        """
        try:
            yield

        except (TimeoutError, httpx2.TimeoutException) as error:
            raise self.failed(Reason.TIMEOUT) from error

        except httpx2.LocalProtocolError:
            # Without its cause, which quotes the header that cannot be sent: it may be the key.
            raise SendFailed(
                "The request holds a header that HTTP cannot carry.",
                evidence=Evidence.NOT_APPLIED,
                reason=Reason.REJECTED,
            ) from None

        except (httpx2.TransportError, OSError) as error:  # OSError: TLS broken in mid-stream
            raise self.failed(Reason.RESET) from error

    def failed(self, reason: Reason) -> SendFailed:
        """Return what it means that the exchange ended here, by `reason` once it was sent."""
        if not self._sent:
            return SendFailed(
                "The provider could not be reached.",
                evidence=Evidence.NOT_APPLIED,
                reason=Reason.REFUSED,
            )

        if self._status not in (None, _OK):
            return refused(self._status, self._headers, b"")

        lost = "did not answer in time" if reason is Reason.TIMEOUT else "broke the connection"
        return SendFailed(
            f"The provider {lost}.",
            evidence=Evidence.UNKNOWN,
            reason=reason,
            status=self._status,
        )


def _for_events(request: WireRequest) -> WireRequest:
    return replace(request, headers=(*request.headers, ("accept", "text/event-stream")))


async def _events(
    response: httpx2.Response, exchange: _Exchange, limit: anyio.CancelScope
) -> AsyncGenerator[Event]:
    """Yield the events of an answer; what happens to them outside is neither judged nor timed."""
    reader = EventReader()

    with exchange.judged():
        async with aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                for event in reader.feed(chunk):
                    left_s = limit.deadline - anyio.current_time()
                    limit.deadline = math.inf
                    yield event
                    limit.deadline = anyio.current_time() + left_s


async def _finish(events: AsyncIterator[Event]) -> None:
    """Read the end of a stream of which nothing more is wanted, if it comes at once."""
    with suppress(SendFailed), anyio.move_on_after(_GOODBYE_S):
        async for _ in events:
            pass


async def _whole(response: httpx2.Response) -> bytes:
    """Return the body of an answer, unless it is too long."""
    body = await _read(response, ANSWER_BYTES + 1)

    if len(body) > ANSWER_BYTES:
        raise SendFailed(
            "The provider's answer is longer than any completion.",
            evidence=Evidence.UNKNOWN,
            reason=Reason.GARBLED,
            status=response.status_code,
        )

    return body


async def _excerpt(response: httpx2.Response) -> bytes:
    """Return the beginning of an error's body, which is welcome but proves nothing more."""
    if response.is_redirect:
        return b""

    return await _read(response, _EXCERPT_BYTES)


async def _read(response: httpx2.Response, limit: int) -> bytes:
    """Return at most `limit` bytes; what is left unread costs the connection, not our memory."""
    body = bytearray()

    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            body += chunk

            if len(body) >= limit:
                break

    return bytes(body[:limit])


def _check(base_url: str) -> None:
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL()

    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidSettings("A provider's `base_url` is not an HTTP address.")


def _trust(ca_bundle: Path) -> ssl.SSLContext:
    """Return a context that trusts the bundle alone.

    `ssl.create_default_context` would also write session keys where SSLKEYLOGFILE says.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    try:
        context.load_verify_locations(cafile=ca_bundle)
    except OSError:  # ssl.SSLError is one
        raise InvalidSettings(
            "A provider's `ca_bundle` is not a readable file of certificates."
        ) from None

    return context
