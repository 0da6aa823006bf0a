"""The one way out: one request, once, within one time limit, and what a failure proves."""

import asyncio
import socket
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import InvalidSettings, SendFailed
from mcp_router.providers.wire import ANSWER_BYTES, Wire, WireRequest
from tests.providers.loopback import BRIEF_S, Answer, http, listening

ASK = WireRequest(path="/v1/messages", headers=(("x-api-key", "k"),), body=b'{"a":1}')
BOUND_S = 5.0


async def failure(
    wire: Wire, *, timeout_s: float = BOUND_S, request: WireRequest = ASK
) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await wire.send(request, timeout_s=timeout_s)

    return caught.value


async def failure_at(answer: Answer, *, timeout_s: float = BOUND_S) -> SendFailed:
    async with listening(answer) as server:
        wire = Wire(server.url)
        failed = await failure(wire, timeout_s=timeout_s)
        await wire.aclose()
        assert len(server.requests) == 1

    return failed


@asynccontextmanager
async def silence() -> AsyncIterator[tuple[int, asyncio.Event, asyncio.Event]]:
    """Listen and say nothing: the port, "something came" and "the client left"."""
    greeted, left = asyncio.Event(), asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            greeted.set()

        left.set()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], greeted, left


async def cancel(wire: Wire, greeted: asyncio.Event) -> None:
    call = asyncio.create_task(wire.send(ASK, timeout_s=60))
    await asyncio.wait_for(greeted.wait(), BOUND_S)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def hang(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_a_request_goes_out_whole_and_the_body_of_the_answer_comes_back() -> None:
    async with listening(http(200, b"{}")) as server:
        wire = Wire(server.url + "/base/")

        assert await wire.send(ASK, timeout_s=BOUND_S) == b"{}"

        await wire.aclose()

    head, *lines = server.requests[0].lower().split("\r\n")
    assert head == "post /base/v1/messages http/1.1"
    assert {
        "x-api-key: k",
        "content-type: application/json",
        "accept: application/json",
        "accept-encoding: identity",
        "content-length: 7",
    } <= set(lines)


async def test_calls_one_after_the_other_share_a_connection_even_after_an_error() -> None:
    answers = iter([http(200, b"{}"), http(429, b"{}"), http(200, b"{}")])

    async def answer(writer: asyncio.StreamWriter) -> None:
        await next(answers)(writer)

    async with listening(answer) as server:
        wire = Wire(server.url)
        await wire.send(ASK, timeout_s=BOUND_S)
        await failure(wire)
        await wire.send(ASK, timeout_s=BOUND_S)

        assert server.connections == 1

        await wire.aclose()


async def test_closing_leaves_no_connection() -> None:
    async with listening(http(200, b"{}")) as server:
        wire = Wire(server.url)
        await asyncio.gather(*(wire.send(ASK, timeout_s=BOUND_S) for _ in range(20)))

        assert server.open > 0

        await wire.aclose()
        await asyncio.wait_for(server.left.wait(), BOUND_S)

        assert server.open == 0


async def test_cookies_are_not_kept() -> None:
    async with listening(http(200, b"{}", "set-cookie: session=1; path=/")) as server:
        wire = Wire(server.url)
        await wire.send(ASK, timeout_s=BOUND_S)
        await wire.send(ASK, timeout_s=BOUND_S)
        await wire.aclose()

    assert "cookie:" not in server.requests[1].lower()


async def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")

    async with listening(http(200, b"{}")) as server:
        wire = Wire(server.url)

        assert await wire.send(ASK, timeout_s=BOUND_S) == b"{}"

        await wire.aclose()


async def test_nobody_listening_proves_that_nothing_was_applied() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    wire = Wire(f"https://127.0.0.1:{port}")
    failed = await failure(wire)
    await wire.aclose()

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert failed.status is None


@pytest.mark.parametrize("cancelled", [False, True], ids=["timed out", "cancelled"])
async def test_a_handshake_that_is_never_answered_is_a_refusal_and_leaves_no_socket(
    cancelled: bool,
) -> None:
    async with silence() as (port, greeted, left):
        wire = Wire(f"https://127.0.0.1:{port}")

        if cancelled:
            await cancel(wire, greeted)
        else:
            failed = await failure(wire, timeout_s=0.1)
            assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)

        await asyncio.wait_for(left.wait(), BOUND_S)
        await wire.aclose()


async def test_a_cancelled_call_ends_its_connection() -> None:
    async with silence() as (port, greeted, left):
        wire = Wire(f"http://127.0.0.1:{port}")
        await cancel(wire, greeted)
        await asyncio.wait_for(left.wait(), BOUND_S)
        await wire.aclose()


async def test_no_tls_where_it_is_expected_is_a_refusal() -> None:
    async with listening(http(200, b"{}")) as server:
        wire = Wire(server.url.replace("http:", "https:"))
        failed = await failure(wire, timeout_s=0.1)
        await wire.aclose()

        assert server.requests == []

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)


async def test_a_full_pool_is_a_refusal() -> None:
    full = asyncio.Event()

    async def hold(_: asyncio.StreamWriter) -> None:
        if len(server.requests) == 128:
            full.set()

        await asyncio.Event().wait()

    async with listening(hold) as server:
        wire = Wire(server.url)
        waiting = [asyncio.create_task(wire.send(ASK, timeout_s=60)) for _ in range(128)]
        await asyncio.wait_for(full.wait(), BOUND_S)
        failed = await failure(wire, timeout_s=0.05)

        assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
        assert len(server.requests) == 128

        for task in waiting:
            task.cancel()

        await asyncio.gather(*waiting, return_exceptions=True)
        await wire.aclose()


async def test_no_answer_in_time_proves_nothing() -> None:
    failed = await failure_at(hang, timeout_s=BRIEF_S)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert failed.status is None


async def test_the_time_limit_holds_for_an_answer_that_trickles() -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")

        for _ in range(1000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    started = time.monotonic()
    failed = await failure_at(trickle, timeout_s=BRIEF_S)

    assert time.monotonic() - started < BOUND_S
    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert failed.status == 200


async def test_a_dropped_connection_proves_nothing() -> None:
    async def drop(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    failed = await failure_at(drop)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.RESET)
    assert failed.status is None


async def test_an_answer_that_stops_halfway_proves_nothing() -> None:
    async def halfway(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
        writer.close()

    failed = await failure_at(halfway)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.RESET)
    assert failed.status == 200


async def test_an_answer_that_is_not_http_proves_nothing() -> None:
    async def babble(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    failed = await failure_at(babble)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.RESET)


@pytest.mark.parametrize("closes", [True, False], ids=["closed early", "never ends"])
async def test_a_status_counts_even_when_its_body_does_not_come(closes: bool) -> None:
    async def begin(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 429 X\r\nretry-after: 3\r\ncontent-length: 1000\r\n\r\n{")

        if closes:
            writer.close()
        else:
            await asyncio.Event().wait()

    failed = await failure_at(begin, timeout_s=BRIEF_S)

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.RATE_LIMITED)
    assert (failed.status, failed.retry_after_s) == (429, 3.0)


async def test_the_body_of_an_error_is_read_for_the_vendor_s_word() -> None:
    failed = await failure_at(http(429, b'{"error":{"code":"credit_balance_exhausted"}}'))

    assert failed.reason is Reason.QUOTA


async def test_an_endless_error_is_not_read_to_its_end() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n")

        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    failed = await failure_at(flood)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.SERVER_ERROR)


@pytest.mark.parametrize("too_much", [0, 1])
async def test_an_answer_has_a_longest_length(too_much: int) -> None:
    body = b" " * (ANSWER_BYTES + too_much)

    async with listening(http(200, body)) as server:
        wire = Wire(server.url)

        if too_much:
            failed = await failure(wire)

            assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.GARBLED)
            assert failed.status == 200
        else:
            assert await wire.send(ASK, timeout_s=BOUND_S) == body

        await wire.aclose()


async def test_any_other_success_is_no_completion() -> None:
    failed = await failure_at(http(202, b"{}"))

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.GARBLED)
    assert failed.status == 202


async def test_a_header_that_http_lacks_is_never_sent_and_never_shown() -> None:
    async with listening(http(200, b"{}")) as server:
        wire = Wire(server.url)
        request = WireRequest(path="/", headers=(("x-api-key", "hunter2\n"),), body=b"")
        failed = await failure(wire, request=request)
        await wire.aclose()

        assert server.requests == []

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REJECTED)
    assert "hunter2" not in "".join(traceback.format_exception(failed))


@pytest.mark.parametrize("url", ["", "api.example", "ftp://api.example", "https://", "https://[::"])
def test_an_address_that_is_not_one_of_http_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(InvalidSettings):
        Wire(url)


def test_a_bundle_without_certificates_is_refused_at_the_start(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing", encoding="utf-8")

    for bundle in (empty, tmp_path / "absent.pem", tmp_path):
        with pytest.raises(InvalidSettings):
            Wire("https://127.0.0.1:9", ca_bundle=bundle)
