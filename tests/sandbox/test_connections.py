import asyncio
import gc
import socket
import ssl
import time

import httpx2
import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config

from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.connections import Listener, connection_of
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.server import SandboxServer
from tests.sandbox.conftest import Serve


def test_app_that_goes_on_writing_to_a_reset_connection_is_not_complained_about(
    client: httpx2.Client, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    finished: list[str] = []

    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        connection_of(scope).abort()
        connection_of(scope).abort()

        for _ in range(20):
            await send({"type": "http.response.body", "body": b"more", "more_body": True})

        await send({"type": "http.response.body", "body": b""})
        finished.append(scope["path"])

    server = serve(stubborn, Effects())

    with pytest.raises(httpx2.TransportError):
        client.get(f"{server.url}/stream")

    server.close()

    assert finished == ["/stream"]
    assert caplog.messages == []


def test_each_request_finds_the_connection_it_came_on(client: httpx2.Client, serve: Serve) -> None:
    found: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(id(connection_of(scope)))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = serve(app, Effects())
    client.get(server.url)
    client.get(server.url)
    client.get(server.url, headers={"connection": "close"})
    client.get(server.url)

    assert found[0] == found[1] == found[2] != found[3]


def test_peer_that_talks_garbage_again_and_again_does_not_delay_the_end(
    server: SandboxServer, certificate: Certificate
) -> None:
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))

    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(b"garbage\r\n\r\n")

        assert connection.recv(65_536).startswith(b"HTTP/1.1 400 Bad Request\r\n")

        connection.sendall(b"garbage\r\n\r\n")
        started_s = time.monotonic()
        server.close()

        assert time.monotonic() - started_s < 5


@pytest.mark.parametrize("steps", range(8))
async def test_closing_at_any_moment_of_an_accept_leaves_no_socket(
    certificate: Certificate, steps: int
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody asked anything")

    config = Config(
        app,
        port=0,
        log_config=None,
        ssl_certfile=certificate.cert_file,
        ssl_keyfile=certificate.key_file,
    )
    listener = Listener(config, refused=lambda: False)
    listener.open()

    with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as peer:
        for _ in range(steps):
            await asyncio.sleep(0)

        await listener.close()

        try:
            ended = peer.recv(1)
        except ConnectionResetError:
            ended = b""

    gc.collect()  # a socket that was left behind would warn now, which fails the test

    assert ended == b""
