"""Every fault, seen from the client and by the effects."""

import os
import socket
import ssl
import threading
import time
from email.utils import parsedate_to_datetime

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer
from tests.sandbox.conftest import Serve, Things

POST = b"POST /things HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\none"


def make(client: httpx2.Client, server: SandboxServer) -> httpx2.Response:
    return client.post(f"{server.url}/things", content=b"one")


def answer_bytes(server: SandboxServer, certificate: Certificate, request: bytes) -> bytes:
    """Send `request` over TLS and return every byte that comes back before the connection ends."""
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))
    received = b""

    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        trust.wrap_socket(
            plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False
        ) as connection,
    ):
        connection.sendall(request)

        # Only an end without a TLS goodbye ends this loop: a polite close would return b"" for
        # ever, and fail the test by its time limit.
        while True:
            try:
                received += connection.recv(65_536)
            except (ssl.SSLEOFError, ConnectionResetError):
                return received


def test_without_faults_requests_are_counted_and_served(
    client: httpx2.Client, server: SandboxServer
) -> None:
    made = make(client, server)
    counted = client.get(f"{server.url}/things")

    assert (made.status_code, made.json()) == (201, {"things": 1})
    assert (counted.status_code, counted.json()) == (200, {"things": 1})
    assert server.received.requests() == {"GET /things": 1, "POST /things": 1}
    assert server.effects.kinds() == {"thing": 1}


def test_drop_before_applies_nothing_and_answers_nothing(
    client: httpx2.Client, server: SandboxServer, certificate: Certificate
) -> None:
    server.faults.add(Fault(kind=FaultKind.DROP_BEFORE, times=2))

    assert answer_bytes(server, certificate, POST) == b""

    with pytest.raises(httpx2.TransportError):
        make(client, server)

    assert (server.received.count("POST"), server.effects.count()) == (2, 0)
    assert make(client, server).json() == {"things": 1}


def test_dropped_connection_is_reset_and_not_closed(
    server: SandboxServer, certificate: Certificate
) -> None:
    server.faults.add(Fault(kind=FaultKind.DROP_BEFORE))
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))

    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        socket.socket(fileno=os.dup(connection.fileno())) as below,  # what TLS would hide
    ):
        below.settimeout(5)
        connection.sendall(POST)

        with pytest.raises(ConnectionResetError):
            b"".join(iter(lambda: below.recv(65_536), b""))


def test_drop_after_applies_and_answers_nothing(
    client: httpx2.Client, server: SandboxServer, certificate: Certificate
) -> None:
    server.faults.add(Fault(kind=FaultKind.DROP_AFTER, times=2))

    assert answer_bytes(server, certificate, POST) == b""

    with pytest.raises(httpx2.TransportError):
        make(client, server)

    assert (server.received.count("POST"), server.effects.count()) == (2, 2)
    assert make(client, server).json() == {"things": 3}


def test_late_answers_nothing_and_applies_after_its_delay(
    server: SandboxServer, certificate: Certificate, things: Things
) -> None:
    server.faults.add(Fault(kind=FaultKind.LATE, delay_s=0.2))
    sent_at_s = time.monotonic()

    assert answer_bytes(server, certificate, POST) == b""
    assert things.made.wait(5)
    assert things.made_at_s - sent_at_s >= 0.2
    assert (server.received.count("POST"), server.effects.count()) == (1, 1)


def test_late_drops_the_answer_at_once(server: SandboxServer, certificate: Certificate) -> None:
    server.faults.add(Fault(kind=FaultKind.LATE, delay_s=60))

    assert answer_bytes(server, certificate, POST) == b""
    assert (server.received.count("POST"), server.effects.count()) == (1, 0)


def test_slow_applies_at_once_and_answers_after_its_delay(
    client: httpx2.Client, server: SandboxServer, things: Things
) -> None:
    server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=0.2))
    answer = make(client, server)
    answered_at_s = time.monotonic()

    assert (answer.status_code, answer.json()) == (201, {"things": 1})
    assert answered_at_s - things.made_at_s >= 0.2


def test_twice_answers_the_first_delivery_and_applies_the_second_too(
    client: httpx2.Client, server: SandboxServer, things: Things
) -> None:
    server.faults.add(Fault(kind=FaultKind.TWICE, delay_s=0.2))
    answer = make(client, server)
    things.made.clear()

    assert (answer.status_code, answer.json()) == (201, {"things": 1})
    assert things.made.wait(5)
    assert (server.received.count("POST"), server.effects.count()) == (1, 2)


def test_client_that_stops_waiting_for_a_slow_answer_leaves_the_effect_behind(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=60))

    with pytest.raises(httpx2.ReadTimeout):
        client.post(f"{server.url}/things", content=b"one", timeout=1)

    assert server.effects.count() == 1


def test_status_answers_without_applying(client: httpx2.Client, server: SandboxServer) -> None:
    server.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after_s=7))
    answer = make(client, server)

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json() == {
        "error": "SandboxFault",
        "description": "The sandbox answers 429 here.",
    }
    assert (server.received.count("POST"), server.effects.count()) == (1, 0)


def test_status_may_apply_first_and_say_something_else(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.STATUS, status=503, applied=True, body="[]"))
    answer = make(client, server)

    assert (answer.status_code, answer.text, server.effects.count()) == (503, "[]", 1)
    assert "retry-after" not in answer.headers


def test_cut_applies_and_begins_an_answer_that_has_no_end(
    client: httpx2.Client, server: SandboxServer, certificate: Certificate
) -> None:
    server.faults.add(Fault(kind=FaultKind.CUT, times=2))
    head, _, body = answer_bytes(server, certificate, POST).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 201 ")
    assert b"\r\ncontent-length: 12\r\n" in head + b"\r\n"
    assert body == b'{"thin'

    with pytest.raises(httpx2.TransportError):
        make(client, server)

    assert (server.received.count("POST"), server.effects.count()) == (2, 2)
    assert make(client, server).json() == {"things": 3}


def test_garbled_applies_and_answers_2xx_with_broken_json(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.GARBLED))
    answer = make(client, server)

    assert (answer.status_code, answer.text, server.effects.count()) == (201, '{"thin', 1)
    assert answer.headers["content-type"] == "application/json"


def test_garbled_answer_without_a_body_becomes_one_that_is_broken(
    client: httpx2.Client, serve: Serve
) -> None:
    async def nothing(request: Request) -> Response:
        return Response(status_code=204)

    server = serve(Starlette(routes=[Route("/things", nothing, methods=["POST"])]), Effects())
    server.faults.add(Fault(kind=FaultKind.GARBLED))
    answer = make(client, server)

    assert (answer.status_code, answer.text) == (200, '{"')


def test_redirect_points_to_the_same_place_where_the_next_request_is_served(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.REDIRECT))
    answer = client.post(f"{server.url}/things?a=%20b&c", content=b"one")

    assert (answer.status_code, answer.headers["location"]) == (307, "/things?a=%20b&c")
    assert server.effects.count() == 0

    followed = client.send(answer.next_request) if answer.next_request else answer

    assert (followed.status_code, followed.json()) == (201, {"things": 1})
    assert server.received.count("POST") == 2


def test_refused_connections_are_reset_as_the_handshake_begins(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.REFUSE, times=2))

    for _ in range(2):
        with pytest.raises(httpx2.ConnectError):
            make(client, server)

    assert (server.received.count(), server.effects.count()) == (0, 0)
    assert make(client, server).json() == {"things": 1}


def test_refused_connection_gets_a_reset_and_not_a_byte(server: SandboxServer) -> None:
    server.faults.add(Fault(kind=FaultKind.REFUSE))

    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        plain.sendall(b"\x16")  # how a handshake begins

        with pytest.raises(ConnectionResetError):
            plain.recv(1)


def test_refusal_meets_a_client_that_keeps_a_connection_open(
    client: httpx2.Client, server: SandboxServer
) -> None:
    make(client, server)
    server.faults.add(Fault(kind=FaultKind.REFUSE))

    with pytest.raises(httpx2.ConnectError):
        make(client, server)

    assert (server.received.count("POST"), server.effects.count()) == (1, 1)


def test_fault_hits_the_request_it_names_and_the_connection_lives_on(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.STATUS, method="POST", path="^/things$", times=2))
    statuses = [client.get(f"{server.url}/things").status_code]
    statuses += [make(client, server).status_code for _ in range(3)]

    assert statuses == [200, 500, 500, 201]


def test_fault_on_one_connection_leaves_the_others_alone(
    client: httpx2.Client, server: SandboxServer, things: Things, certificate: Certificate
) -> None:
    server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=0.3), Fault(kind=FaultKind.DROP_AFTER))
    answers: list[httpx2.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(make(client, server)))
    waiting.start()

    assert things.made.wait(5)
    assert answer_bytes(server, certificate, POST) == b""

    waiting.join(5)

    assert [answer.status_code for answer in answers] == [201]


def test_body_in_pieces_is_read_whole_before_the_fault(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.faults.add(Fault(kind=FaultKind.DROP_AFTER))

    with pytest.raises(httpx2.TransportError):
        client.post(f"{server.url}/things", content=iter([b"a" * 70_000, b"b" * 70_000]))

    assert server.effects.refs("thing") == ("a" * 70_000 + "b" * 70_000,)


def test_request_that_never_ends_is_not_counted_and_takes_no_fault(
    client: httpx2.Client, server: SandboxServer, certificate: Certificate
) -> None:
    server.faults.add(Fault(kind=FaultKind.STATUS))
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))

    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(POST[:-1])

    assert make(client, server).status_code == 500
    assert (server.received.count(), server.effects.count()) == (1, 0)


def test_control_paths_show_effects_and_requests_and_meet_no_fault(
    client: httpx2.Client, server: SandboxServer
) -> None:
    make(client, server)
    server.faults.add(Fault(kind=FaultKind.STATUS, times=10))
    answer = client.get(f"{server.url}/_sandbox/effects")

    assert (answer.status_code, answer.json()) == (
        200,
        {"effects": {"thing": 1}, "received": 1, "requests": {"POST /things": 1}},
    )
    assert server.faults.pending() == 10


def test_faults_come_and_go_over_http(client: httpx2.Client, server: SandboxServer) -> None:
    ordered = client.post(f"{server.url}/_sandbox/faults", json=[{"kind": "status", "times": 3}])

    assert (ordered.status_code, ordered.json()) == (201, {"pending": 3})
    assert make(client, server).status_code == 500

    cleared = client.delete(f"{server.url}/_sandbox/faults")

    assert (cleared.status_code, cleared.json()) == (200, {"pending": 0})
    assert make(client, server).status_code == 201


def test_refusal_ordered_over_http_meets_the_same_client(
    client: httpx2.Client, server: SandboxServer
) -> None:
    client.post(f"{server.url}/_sandbox/faults", json=[{"kind": "refuse"}])

    with pytest.raises(httpx2.ConnectError):
        make(client, server)


def test_malformed_fault_is_refused_and_nothing_is_ordered(
    client: httpx2.Client, server: SandboxServer
) -> None:
    answer = client.post(f"{server.url}/_sandbox/faults", json=[{"kind": "slow"}, {"kind": 1}])

    assert (answer.status_code, answer.json()) == (
        400,
        {"code": "invalid_arguments", "message": "not a list of faults, at: 1.kind"},
    )
    assert server.faults.pending() == 0


def test_every_answer_carries_one_date_and_the_apps_own_counts(
    client: httpx2.Client, serve: Serve
) -> None:
    async def dated(request: Request) -> Response:
        own = {"date": "Thu, 01 Jan 2026 00:00:00 GMT"} if request.method == "POST" else {}
        return JSONResponse({}, headers=own)

    server = serve(Starlette(routes=[Route("/", dated, methods=["GET", "POST"])]), Effects())
    ours = client.get(server.url).headers.get_list("date")

    assert client.post(server.url).headers.get_list("date") == ["Thu, 01 Jan 2026 00:00:00 GMT"]
    assert len(ours) == 1
    assert abs(parsedate_to_datetime(ours[0]).timestamp() - time.time()) < 60


def test_latency_comes_before_the_effect(client: httpx2.Client, server: SandboxServer) -> None:
    server.latency_ms = 60_000

    with pytest.raises(httpx2.ReadTimeout):
        client.post(f"{server.url}/things", content=b"one", timeout=1)

    assert (server.received.count("POST"), server.effects.count()) == (1, 0)
