"""The connections below a desk's session: their servers, their trust, their point of no return."""

import socket
import struct
import threading

import pytest
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mcp_router.desks.session import DeskSession
from mcp_router.domain.attempt import Reason
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer
from tests.desks.conftest import METHODS, ORIGIN, Open, not_applied, unknown, verdict


def hang_up(listener: socket.socket, times: int) -> None:
    """Reset that many connections as soon as they are accepted."""
    for _ in range(times):
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()


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


def test_a_hang_up_before_tls_leaves_no_socket_open(open_session: Open) -> None:
    """Whenever the reset arrives: a socket left open would be a warning, hence an error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        at_once = threading.Thread(target=hang_up, args=(listener, 50))
        at_once.start()
        session = open_session(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}")
        found = {verdict(lambda: session.put(f"{ORIGIN}/api")) for _ in range(50)}
        at_once.join()

    assert found == {not_applied(Reason.REFUSED)}


def test_a_plain_connection_is_judged_the_same(open_session: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    session = open_session(origin=None, base_url=None)
    assert verdict(lambda: session.put(f"http://127.0.0.1:{port}/")) == not_applied(Reason.REFUSED)


def test_a_handshake_that_never_ends_proves_that_nothing_was_applied(
    open_session: Open,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        session = open_session(base_url=f"https://127.0.0.1:{port}", connect_s=0.1)
        assert verdict(lambda: session.put(f"{ORIGIN}/api")) == not_applied(Reason.REFUSED)


def test_each_write_has_a_connection_of_its_own_and_reads_share(session: DeskSession) -> None:
    first, second = session.get(f"{ORIGIN}/1"), session.get(f"{ORIGIN}/2")
    third, fourth = session.put(f"{ORIGIN}/3"), session.post(f"{ORIGIN}/4")
    fifth = session.get(f"{ORIGIN}/5")
    assert connection(first) == connection(second)
    assert len({connection(one) for one in (second, third, fourth)}) == 3
    assert connection(fourth) == connection(fifth)


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
