"""The one HTTP session that desk clients are given: it sends once or says why it did not.

zenpy and simple-salesforce are written for convenience: left alone they send again, follow
redirects of writes, wait out rate limits and take proxies, certificates and passwords from the
environment. Each of these can act twice or leak, so this session takes them away from below.
"""

import io
import logging
import ssl
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mcp_router.clock import Clock
from mcp_router.desks.adapter import READS, DeskAdapter, RelocatingAdapter
from mcp_router.desks.failures import (
    AnswerTooLarge,
    AnswerTooLate,
    classify_exception,
    classify_status,
    retry_after_s,
    too_late,
    wrong_origin,
)
from mcp_router.errors import InvalidSettings, RetryingAdapter

_CHUNK_BYTES = 64 * 1024
_MOST_BYTES = 32 * 1024 * 1024
_MOST_REDIRECTS = 3  # of a read


class DeskSession(requests.Session):
    """A `requests.Session` for one worker thread and one desk.

    - Every request has a connect and a read timeout, in seconds; inside `call` both together end
      at the call's deadline, and an answer that trickles in is given up there. Only the lookup
      of a host name has no timeout: the system's resolver has its own.
    - No retry on any scheme; no redirect of anything but GET and HEAD.
    - A 429, and a redirect of a write, raise at once instead of being returned, so that no loop
      above this session can wait and send again.
    - Nothing ambient: no proxy, CA bundle or netrc password from the environment. `ca_bundle`
      is the only trust if given, else the public authorities.
    - No cookie is kept from one request to the next.
    - With `origin`, no other server is ever asked; with `base_url` too, that origin is served
      from there (see `RelocatingAdapter`).

    Whatever fails raises `SendFailed` with its evidence; statuses from 400 on, 429 excepted, are
    returned for the client library to handle.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ca_bundle: Path | None = None,
        origin: str | None = None,
        base_url: str | None = None,
        connect_s: float = 3.05,
        read_s: float = 20.0,
    ) -> None:
        """Prepare the session; nothing is connected yet.

        Raises:
            InvalidSettings: `ca_bundle` is not a readable file of certificates.
        """
        super().__init__()
        context = _trust(ca_bundle)
        # At DEBUG it logs every URL, and a search has what people wrote in its URL.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.WARNING)
        self.trust_env = False
        self.max_redirects = _MOST_REDIRECTS
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.headers["User-Agent"] = "mcp-support-router"
        self._clock = clock
        self._origin = origin.rstrip("/") if origin else None
        self._timeouts_s = (connect_s, read_s)
        self._deadline_s: float | None = None
        self._call_headers: tuple[tuple[str, str], ...] = ()
        self._call_query: tuple[tuple[str, str | None], ...] = ()
        self.answer: requests.Response | None = None
        self.sends = 0

        for scheme in ("https://", "http://"):
            self.mount(scheme, DeskAdapter(context))

        if self._origin and base_url and base_url.rstrip("/") != self._origin:
            relocating = RelocatingAdapter(
                context, origin=self._origin, base_url=base_url.rstrip("/")
            )
            self.mount(f"{self._origin}/", relocating)

    @contextmanager
    def call(
        self,
        *,
        deadline_s: float,
        headers: tuple[tuple[str, str], ...] = (),
        query: tuple[tuple[str, str | None], ...] = (),
    ) -> Iterator[None]:
        """Hold every request of the block to one deadline; add what its client cannot say.

        `deadline_s` is on the clock's monotonic scale, so time spent waiting for a free worker
        counts. `query` takes the place of parameters of the same name, None removes them. Since
        the block began, `sends` requests were handed to a connection, and `answer` is the last
        answer, or None.
        """
        self._deadline_s, self._call_headers, self._call_query = deadline_s, headers, query
        self.answer, self.sends = None, 0

        try:
            yield
        finally:
            self._deadline_s, self._call_headers, self._call_query = None, (), ()

    def send(
        self,
        request: requests.PreparedRequest,
        *,
        stream: bool | None = None,
        verify: bool | str | None = None,
        proxies: MutableMapping[str, str] | None = None,
        cert: str | tuple[str, str] | None = None,
        timeout: float | tuple[float | None, float | None] | None = None,
        allow_redirects: bool = True,
        **kwargs: object,
    ) -> requests.Response:
        """Send one request once; the arguments of requests' own method that could loosen
        anything are accepted and ignored, a redirected read comes through here for each hop.

        Raises:
            SendFailed: there is no answer, it is a 429, or a redirect of a write.
        """
        self._refuse_other_servers(request)
        is_read = request.method in READS
        request.headers.update(self._call_headers)
        request.url = _with_query(request.url or "", self._call_query)
        patience = self._patience()
        self.sends += 1

        try:
            response = super().send(
                request,
                stream=True,
                proxies={},
                timeout=patience,  # type: ignore[arg-type]  # requests hands it on as it is
                allow_redirects=allow_redirects and is_read,
            )
            self._read_whole(response)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise classify_exception(error) from None

        self.answer = response
        status = response.status_code

        if status == 429 or (300 <= status < 400 and not is_read):
            raise classify_status(status, retry_after_s=retry_after_s(response.headers))

        return response

    def _refuse_other_servers(self, request: requests.PreparedRequest) -> None:
        if self._origin and not (request.url or "").startswith(f"{self._origin}/"):
            raise wrong_origin()

    def _patience(self) -> urllib3.Timeout:
        """Return connect and read timeout, together no longer than what the deadline leaves."""
        connect_s, read_s = self._timeouts_s

        if self._deadline_s is None:
            return urllib3.Timeout(connect=connect_s, read=read_s)

        left_s = self._deadline_s - self._clock.monotonic_s()

        if left_s <= 0:
            raise too_late()

        return urllib3.Timeout(connect=connect_s, read=read_s, total=left_s)

    def _read_whole(self, response: requests.Response) -> None:
        """Fetch the body under the deadline and put it back, so that reading it cannot block."""
        raw = response.raw

        if not isinstance(raw, urllib3.HTTPResponse):
            return

        body = io.BytesIO()

        try:
            while chunk := raw.read1(_CHUNK_BYTES, decode_content=False):
                body.write(chunk)
                self._check_answer(body.tell())
        finally:
            raw.close()

        body.seek(0)
        response.raw = urllib3.HTTPResponse(
            body=body,
            headers=raw.headers,
            status=raw.status,
            request_method=response.request.method,
            preload_content=False,
        )

    def _check_answer(self, size: int) -> None:
        if size > _MOST_BYTES:
            raise AnswerTooLarge

        if self._deadline_s is not None and self._clock.monotonic_s() > self._deadline_s:
            raise AnswerTooLate


def assert_no_retries(session: requests.Session) -> None:
    """Prove that no adapter of `session` sends again; run it after the client was built.

    A client library may mount adapters of its own on the session that it is given, and zenpy's
    default session retries on `https://` only, so every mounted prefix is looked at.

    Raises:
        RetryingAdapter: an adapter retries, or is of a kind that cannot be looked into.
    """
    for prefix, adapter in session.adapters.items():
        if not isinstance(adapter, HTTPAdapter) or _retries(adapter.max_retries):
            raise RetryingAdapter(
                f"The adapter for {prefix} may send a request again.",
                next_step="Build the client on a DeskSession and mount nothing else on it.",
            )


def _retries(retry: urllib3.Retry) -> bool:
    """Say whether urllib3 would send again: a `total` of None means without end."""
    counts = (retry.connect, retry.read, retry.status, retry.redirect, retry.other)
    return retry.total is None or bool(retry.total or any(counts) or retry.status_forcelist)


def _with_query(url: str, query: tuple[tuple[str, str | None], ...]) -> str:
    """Return the URL with these parameters in place of any of the same name.

    >>> _with_query("https://desk.invalid/a?b=1&c=2", (("b", None), ("c", "3")))
    'https://desk.invalid/a?c=3'
    """
    if not query:
        return url

    parts = urlsplit(url)
    names = {name for name, _ in query}
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in names]
    added = [(name, value) for name, value in query if value is not None]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added])))


def _trust(ca_bundle: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_bundle or DEFAULT_CA_BUNDLE_PATH))
    except OSError as error:  # ssl.SSLError is one
        raise InvalidSettings(
            "A desk's ca_bundle is not a readable file of certificates."
        ) from error
