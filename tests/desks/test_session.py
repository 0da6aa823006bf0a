"""What a desk's session does with requests and answers, over real TLS."""

from pathlib import Path

import pytest
import requests

from mcp_router.clock import SystemClock
from mcp_router.desks.session import DeskSession
from mcp_router.domain.attempt import Reason
from mcp_router.errors import InvalidSettings
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer
from tests.desks.conftest import ORIGIN, Open, not_applied, unknown, verdict


class TickingClock(SystemClock):
    """A clock on which one second passes each time that it is read."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic_s(self) -> float:
        self._now_s += 1.0
        return self._now_s


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


def test_an_answer_after_the_deadline_is_unknown(open_session: Open, server: SandboxServer) -> None:
    session = open_session(read_s=3600)
    server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=30))

    with session.call(deadline_s=SystemClock().monotonic_s() + 1.0):
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


def test_an_answer_beyond_all_measure_is_given_up(
    session: DeskSession, server: SandboxServer
) -> None:
    assert verdict(lambda: session.put(f"{ORIGIN}/huge")) == unknown(Reason.GARBLED)
    assert server.received.count() == 1


def test_an_answer_may_have_no_body(session: DeskSession) -> None:
    assert session.head(f"{ORIGIN}/api").content == b""


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
