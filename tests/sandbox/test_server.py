import asyncio
import gc
import socket
import ssl
import threading
import time
from pathlib import Path

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from mcp_router.errors import SandboxFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.server import SandboxServer
from tests.sandbox.conftest import Serve, Things


def test_url_names_the_loopback_address_and_the_port(server: SandboxServer) -> None:
    assert server.url == f"https://127.0.0.1:{server.port}"
    assert server.name == "app"


def test_server_that_is_down_refuses_and_comes_up_on_the_same_port(
    client: httpx2.Client, server: SandboxServer
) -> None:
    port = server.port
    server.go_down()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)

    with pytest.raises(httpx2.ConnectError):
        client.get(f"{server.url}/things")

    server.come_up()

    assert client.get(f"{server.url}/things").json() == {"things": 0}
    assert (server.port, server.received.count()) == (port, 1)


def test_going_down_and_coming_up_twice_changes_nothing(
    client: httpx2.Client, server: SandboxServer
) -> None:
    server.come_up()
    server.go_down()
    server.go_down()

    with pytest.raises(httpx2.ConnectError):
        client.get(f"{server.url}/things")

    server.come_up()
    server.come_up()

    assert client.get(f"{server.url}/things").status_code == 200


def test_port_of_a_server_that_is_down_cannot_be_taken(server: SandboxServer) -> None:
    server.go_down()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", server.port))


def test_going_down_resets_a_connection_that_was_kept_open(
    server: SandboxServer, certificate: Certificate
) -> None:
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))

    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        trust.wrap_socket(
            plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False
        ) as connection,
    ):
        connection.sendall(b"GET /things HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        answer = b""

        while not answer.endswith(b'{"things":0}'):
            answer += connection.recv(65_536)

        server.go_down()

        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            connection.recv(65_536)


@pytest.mark.parametrize("refusals", [0, 1])
def test_going_down_ends_a_handshake_that_never_began(server: SandboxServer, refusals: int) -> None:
    server.faults.add(*[Fault(kind=FaultKind.REFUSE)] * refusals)

    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as silent:
        server.go_down()

        try:
            ended = silent.recv(1)
        except ConnectionResetError:
            ended = b""

    assert ended == b""


def test_closing_ends_what_a_request_still_does(
    certificate: Certificate, client: httpx2.Client, serve: Serve
) -> None:
    ended = threading.Event()

    async def stuck(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    server = serve(stuck, Effects())

    with pytest.raises(httpx2.ReadTimeout):
        client.get(server.url, timeout=1)

    server.close()

    assert ended.is_set()


def test_peers_that_speak_no_tls_do_no_harm(client: httpx2.Client, server: SandboxServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        plain.sendall(b"GET /things HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        while plain.recv(65_536):  # a TLS alert, perhaps, then the end
            pass

    with (
        httpx2.Client(verify=ssl.create_default_context()) as distrusting,
        pytest.raises(httpx2.ConnectError, match="certificate verify failed"),
    ):
        distrusting.get(f"{server.url}/things")

    assert client.get(f"{server.url}/things").status_code == 200


def test_closing_takes_less_than_a_second_whatever_is_going_on(
    certificate: Certificate, client: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    before, before_threads = open_files(), set(threading.enumerate())
    things = Things()
    thread = LoopThread()
    thread.start()
    server = SandboxServer(
        "app", things.app, thread=thread, certificate=certificate, effects=things.effects
    )
    # A connection kept open, one that never begins its handshake, a slow request in progress,
    # one that is to be applied late, and one that waits for the app.
    assert client.get(f"{server.url}/things").status_code == 200
    silent = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    server.faults.add(
        Fault(kind=FaultKind.SLOW, delay_s=60), Fault(kind=FaultKind.LATE, delay_s=60)
    )
    failures: list[type[Exception]] = []

    def slow() -> None:
        try:
            client.post(f"{server.url}/things", content=b"slow", timeout=30)
        except httpx2.TransportError as broken:
            failures.append(type(broken))

    waiting = threading.Thread(target=slow)
    waiting.start()

    assert things.made.wait(5)

    with pytest.raises(httpx2.TransportError):
        client.post(f"{server.url}/things", content=b"late")

    server.latency_ms = 60_000

    with pytest.raises(httpx2.ReadTimeout):
        client.post(f"{server.url}/things", content=b"waiting", timeout=1)

    started_s = time.monotonic()
    server.close()
    thread.stop()
    took_s = time.monotonic() - started_s
    waiting.join(5)
    silent.close()
    client.close()
    gc.collect()  # a socket or task that was left behind would warn now, which fails the test

    assert took_s < 5  # what it cuts short would take a minute
    assert caplog.messages == []
    assert len(failures) == 1
    assert things.effects.refs("thing") == ("slow",)
    assert set(threading.enumerate()) <= before_threads
    assert open_files() == before


def test_closed_server_gives_its_port_back(certificate: Certificate, thread: LoopThread) -> None:
    things = Things()
    first = SandboxServer(
        "first", things.app, thread=thread, certificate=certificate, effects=things.effects
    )
    first.close()
    first.close()
    second = SandboxServer(
        "second",
        things.app,
        thread=thread,
        certificate=certificate,
        effects=things.effects,
        port=first.port,
    )
    second.close()

    assert second.port == first.port


def test_taken_port_is_said_so(
    certificate: Certificate, thread: LoopThread, server: SandboxServer
) -> None:
    with pytest.raises(SandboxFailed) as failed:
        SandboxServer(
            "zendesk",
            Things().app,
            thread=thread,
            certificate=certificate,
            effects=Effects(),
            port=server.port,
        )

    assert failed.value.message == "The port for the embedded zendesk server is taken."


def test_serving_and_failing_prints_and_logs_nothing(
    client: httpx2.Client,
    server: SandboxServer,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.faults.add(Fault(kind=FaultKind.DROP_AFTER))

    with pytest.raises(httpx2.TransportError):
        client.get(f"{server.url}/things")

    client.get(f"{server.url}/things")
    client.get(f"{server.url}/nothing")
    server.close()

    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))
