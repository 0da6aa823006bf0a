import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from mcp_router.clock import SystemClock
from mcp_router.desks.session import DeskSession
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import InvalidSettings, SendFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer

METHODS = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
ORIGIN = "https://desk.invalid"

Open: TypeAlias = Callable[..., DeskSession]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a failed send says, as far as the ledger needs it."""

    evidence: Evidence
    reason: Reason
    status: int | None = None
    retry_after_s: float | None = None


def verdict(send: Callable[[], object]) -> Verdict:
    with pytest.raises(SendFailed) as caught:
        send()

    return Verdict(
        evidence=caught.value.evidence,
        reason=caught.value.reason,
        status=caught.value.status,
        retry_after_s=caught.value.retry_after_s,
    )


def not_applied(reason: Reason, status: int | None = None, **rest: float) -> Verdict:
    return Verdict(evidence=Evidence.NOT_APPLIED, reason=reason, status=status, **rest)


def unknown(reason: Reason) -> Verdict:
    return Verdict(evidence=Evidence.UNKNOWN, reason=reason)


class TickingClock(SystemClock):
    """A clock on which one second passes each time that it is read."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic_s(self) -> float:
        self._now_s += 1.0
        return self._now_s


def echo_app(effects: Effects) -> ASGIApp:
    """Note every write as an effect; answer with what the request looked like."""

    async def echo(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            effects.applied("write", request.url.path)

        client = request.client
        body = {
            "query": sorted(request.query_params.multi_items()),
            "headers": dict(request.headers),
            "connection": client.port if client else None,
        }
        return JSONResponse(body, headers={"Set-Cookie": "session=1; Path=/"})

    async def trickle(_request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(9):
                yield b"x"

        return StreamingResponse(pieces())

    async def not_gzip(_request: Request) -> Response:
        return Response(b"{}", headers={"Content-Encoding": "gzip"})

    return Starlette(
        routes=[
            Route("/trickle", trickle, methods=METHODS),
            Route("/not-gzip", not_gzip, methods=METHODS),
            Route("/{path:path}", echo, methods=METHODS),
        ]
    )


@pytest.fixture
def server(serve: Callable[[ASGIApp, Effects], SandboxServer]) -> SandboxServer:
    effects = Effects()
    return serve(echo_app(effects), effects)


@pytest.fixture
def open_session(server: SandboxServer, certificate: Certificate) -> Iterator[Open]:
    """Sessions for ORIGIN that the server serves; arguments replace those defaults."""
    sessions: list[DeskSession] = []

    def start(**arguments: object) -> DeskSession:
        given: dict[str, object] = {
            "clock": SystemClock(),
            "ca_bundle": certificate.ca_file,
            "origin": ORIGIN,
            "base_url": server.url,
        }
        session = DeskSession(**(given | arguments))  # type: ignore[arg-type]  # kept by name
        sessions.append(session)
        return session

    yield start

    for session in sessions:
        session.close()


@pytest.fixture
def session(open_session: Open) -> DeskSession:
    return open_session()


def connection(response: requests.Response) -> object:
    return response.json()["connection"]


def test_an_answer_carries_the_url_that_the_client_library_asked_for(session: DeskSession) -> None:
    response = session.get(f"{ORIGIN}/api?a=1")
    assert (response.status_code, response.url, response.request.url) == (
        200,
        f"{ORIGIN}/api?a=1",
        f"{ORIGIN}/api?a=1",
    )


def test_a_base_url_may_have_a_path(open_session: Open, server: SandboxServer) -> None:
    session = open_session(base_url=f"{server.url}/desk/")
    session.get(f"{ORIGIN}/api")
    assert server.received.requests() == {"GET /desk/api": 1}


@pytest.mark.parametrize(
    "url",
    [
        "https://desk.invalid.example/api",
        "http://desk.invalid/api",
        "https://127.0.0.1:1/api",
        "https://desk.invalid:444/api",
        "https://user@desk.invalid/api",
    ],
)
def test_no_other_server_than_the_desk_is_asked(session: DeskSession, url: str) -> None:
    assert verdict(lambda: session.put(url)) == not_applied(Reason.REFUSED)
    assert session.sends == 0


def test_without_an_origin_any_server_is_asked(open_session: Open, server: SandboxServer) -> None:
    session = open_session(origin=None, base_url=None)
    assert session.get(f"{server.url}/api").url == f"{server.url}/api"


@pytest.mark.parametrize("method", METHODS)
def test_a_lost_answer_is_one_send_of_unknown_effect(
    session: DeskSession, server: SandboxServer, method: str
) -> None:
    server.faults.add(Fault(kind=FaultKind.DROP_AFTER, times=9))
    found = verdict(lambda: session.request(method, f"{ORIGIN}/api"))
    assert found == unknown(Reason.RESET)
    assert server.received.count() == 1
    assert server.effects.count() == (0 if method in ("GET", "HEAD") else 1)


def test_a_connection_lost_before_the_effect_looks_the_same(
    session: DeskSession, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.DROP_BEFORE))
    assert verdict(lambda: session.put(f"{ORIGIN}/api")) == unknown(Reason.RESET)
    assert (server.received.count(), server.effects.count()) == (1, 0)


def test_a_refused_connection_proves_that_nothing_was_applied(
    session: DeskSession, server: SandboxServer
) -> None:
    server.go_down()
    assert verdict(lambda: session.put(f"{ORIGIN}/api")) == not_applied(Reason.REFUSED)
    server.come_up()
    assert session.put(f"{ORIGIN}/api").status_code == 200
    assert server.effects.count() == 1


def test_a_reset_before_tls_proves_that_nothing_was_applied(
    session: DeskSession, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.REFUSE))
    assert verdict(lambda: session.put(f"{ORIGIN}/api")) == not_applied(Reason.REFUSED)
    assert server.received.count() == 0


def test_a_handshake_that_never_ends_proves_that_nothing_was_applied(
    open_session: Open,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        session = open_session(base_url=f"https://127.0.0.1:{port}", connect_s=0.1)
        assert verdict(lambda: session.put(f"{ORIGIN}/api")) == not_applied(Reason.REFUSED)


def test_an_answer_after_the_deadline_is_unknown(
    session: DeskSession, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=30))
    deadline_s = SystemClock().monotonic_s() + 1.0

    with session.call(deadline_s=deadline_s):
        assert verdict(lambda: session.put(f"{ORIGIN}/api")) == unknown(Reason.TIMEOUT)

    assert (server.received.count(), server.effects.count()) == (1, 1)


def test_nothing_is_sent_after_the_deadline(session: DeskSession, server: SandboxServer) -> None:
    with session.call(deadline_s=SystemClock().monotonic_s()):
        assert verdict(lambda: session.put(f"{ORIGIN}/api")) == not_applied(Reason.TIMEOUT)
        assert session.sends == 0

    assert server.received.count() == 0


def test_an_answer_that_trickles_past_the_deadline_is_given_up(
    open_session: Open, server: SandboxServer
) -> None:
    session = open_session(clock=TickingClock())

    with session.call(deadline_s=3.0):
        assert verdict(lambda: session.put(f"{ORIGIN}/trickle")) == unknown(Reason.TIMEOUT)

    assert server.received.count() == 1


def test_an_answer_that_cannot_be_unpacked_is_garbled(session: DeskSession) -> None:
    response = session.put(f"{ORIGIN}/not-gzip")

    with pytest.raises(requests.exceptions.ContentDecodingError):
        response.json()


def test_a_429_raises_at_once_with_the_wait_that_it_asks_for(
    session: DeskSession, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after_s=30))
    found = verdict(lambda: session.put(f"{ORIGIN}/api"))
    assert found == not_applied(Reason.RATE_LIMITED, 429, retry_after_s=30.0)
    assert (server.received.count(), server.effects.count()) == (1, 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 503])
def test_other_statuses_are_left_to_the_client_library(
    session: DeskSession, server: SandboxServer, status: int
) -> None:
    server.faults.add(Fault(kind=FaultKind.STATUS, status=status, retry_after_s=1, times=9))
    assert session.put(f"{ORIGIN}/api").status_code == status
    assert server.received.count() == 1


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST", "PUT"])
def test_a_write_never_follows_a_redirect(
    session: DeskSession, server: SandboxServer, method: str
) -> None:
    server.faults.add(Fault(kind=FaultKind.REDIRECT))
    found = verdict(lambda: session.request(method, f"{ORIGIN}/api", allow_redirects=True))
    assert found == not_applied(Reason.REDIRECTED, 307)
    assert (server.received.count(), server.effects.count()) == (1, 0)


def test_a_read_follows_a_redirect_but_not_without_end(
    session: DeskSession, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.REDIRECT))
    assert session.get(f"{ORIGIN}/api").status_code == 200
    server.faults.add(Fault(kind=FaultKind.REDIRECT, times=9))
    assert verdict(lambda: session.get(f"{ORIGIN}/api")) == not_applied(Reason.REDIRECTED)
    assert server.received.count() == 2 + 4


def test_each_write_has_a_connection_of_its_own_and_reads_share(session: DeskSession) -> None:
    first, second = session.get(f"{ORIGIN}/1"), session.get(f"{ORIGIN}/2")
    third, fourth = session.put(f"{ORIGIN}/3"), session.post(f"{ORIGIN}/4")
    fifth = session.get(f"{ORIGIN}/5")
    assert connection(first) == connection(second)
    assert len({connection(one) for one in (second, third, fourth)}) == 3
    assert connection(fourth) == connection(fifth)


def test_a_call_adds_headers_and_parameters_and_takes_them_back(session: DeskSession) -> None:
    deadline_s = SystemClock().monotonic_s() + 30

    with session.call(
        deadline_s=deadline_s,
        headers=(("Idempotency-Key", "key-1"),),
        query=(("page[size]", "5"), ("sort", "-created_at"), ("include", None)),
    ):
        inside = session.get(f"{ORIGIN}/api?page[size]=100&include=None&q=a%26b").json()
        assert session.sends == 1

    outside = session.get(f"{ORIGIN}/api?q=1").json()
    assert inside["query"] == [["page[size]", "5"], ["q", "a&b"], ["sort", "-created_at"]]
    assert inside["headers"]["idempotency-key"] == "key-1"
    assert outside["query"] == [["q", "1"]]
    assert "idempotency-key" not in outside["headers"]


def test_no_cookie_is_sent_back(session: DeskSession) -> None:
    session.get(f"{ORIGIN}/1")
    assert "cookie" not in session.get(f"{ORIGIN}/2").json()["headers"]
    assert list(session.cookies) == []


def test_the_environment_cannot_replace_the_private_authority(
    session: DeskSession,
    server: SandboxServer,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", DEFAULT_CA_BUNDLE_PATH)
    monkeypatch.setenv("CURL_CA_BUNDLE", DEFAULT_CA_BUNDLE_PATH)
    assert session.get(f"{ORIGIN}/api").status_code == 200

    with requests.Session() as plain:  # the control: this is what would happen otherwise
        plain.verify = str(certificate.ca_file)

        with pytest.raises(requests.exceptions.SSLError):
            plain.get(server.url, timeout=5)


def test_neither_environment_nor_arguments_make_an_unknown_authority_trusted(
    open_session: Open,
    server: SandboxServer,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca_file))
    session = open_session(ca_bundle=None)
    session.verify = False
    found = verdict(lambda: session.put(f"{ORIGIN}/api", verify=False))
    assert found == not_applied(Reason.REFUSED)
    assert server.received.count() == 0


def test_no_proxy_and_no_password_comes_from_the_environment(
    session: DeskSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert "authorization" not in session.get(f"{ORIGIN}/api").json()["headers"]


def test_a_bundle_that_cannot_be_read_is_a_fault_of_the_settings(
    open_session: Open, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()

    for bundle in (empty, tmp_path / "missing.pem"):
        with pytest.raises(InvalidSettings):
            open_session(ca_bundle=bundle)
