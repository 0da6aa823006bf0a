"""An answer as events: within one time limit, and with the same evidence as a whole one."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import FinishReason
from mcp_router.domain.secret import Secret
from mcp_router.errors import SendFailed
from mcp_router.providers.provider import open_provider
from mcp_router.providers.wire import Wire, WireRequest
from mcp_router.settings import ProviderKind, ProviderSettings
from tests.providers.examples import ASK, model
from tests.providers.loopback import BRIEF_S, Answer, http, listening

REQUEST = WireRequest(path="/v1/messages", headers=(("x-api-key", "k"),), body=b"{}")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
BOUND_S = 5.0
HELLO = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
STOPPED = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> Answer:
    """Answer with events, part by part, and end as told."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)

        for part in parts:
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()

        writer.write(end)

    return answer


def then(answer: Answer, last: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> Answer:
    """Answer, and do one more thing to the connection."""

    async def both(writer: asyncio.StreamWriter) -> None:
        await answer(writer)
        await writer.drain()
        await last(writer)

    return both


async def hang(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Go on with what says nothing, until the client has left."""
    while True:
        writer.write(b"7\r\n: ping\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def hear(wire: Wire, heard: list[str], *, timeout_s: float = BOUND_S) -> None:
    """Add what comes to `heard`."""
    async with wire.stream(REQUEST, timeout_s=timeout_s) as events:
        async for event in events:
            heard.append(event.data)  # noqa: PERF401  # a failure would lose the list


async def failure_at(answer: Answer, *, timeout_s: float = BOUND_S) -> tuple[SendFailed, list[str]]:
    """Return how a stream failed, and what had come before."""
    came: list[str] = []

    async with listening(answer) as server:
        wire = Wire(server.url)

        with pytest.raises(SendFailed) as caught:
            await hear(wire, came, timeout_s=timeout_s)

        await wire.aclose()
        assert len(server.requests) == 1

    return caught.value, came


async def test_events_are_asked_for_and_come_one_by_one() -> None:
    async with listening(chunked(b"data: a\n\nda", b"ta: b\n\n")) as server:
        wire = Wire(server.url)

        came: list[str] = []
        await hear(wire, came)
        await wire.aclose()

    assert came == ["a", "b"]

    lines = server.requests[0].lower().split("\r\n")
    assert [line for line in lines if line.startswith("accept: ")] == ["accept: text/event-stream"]
    assert {"x-api-key: k", "accept-encoding: identity"} <= set(lines)


async def test_a_stream_left_before_its_end_gives_its_connection_back() -> None:
    async with listening(chunked(b"data: a\n\n", b": more\n\n")) as server:
        wire = Wire(server.url)

        for _ in range(3):
            async with wire.stream(REQUEST, timeout_s=BOUND_S) as events:
                async for _ in events:
                    break

        assert server.connections == 1

        await wire.aclose()


async def test_a_stream_that_goes_on_after_it_was_left_is_not_waited_for() -> None:
    async with listening(then(chunked(b"data: a\n\n", end=b""), trickle)) as server:
        wire = Wire(server.url)
        started = time.monotonic()

        async with wire.stream(REQUEST, timeout_s=60) as events:
            async for _ in events:
                break

        assert time.monotonic() - started < BOUND_S

        await asyncio.wait_for(server.left.wait(), BOUND_S)
        await wire.aclose()


async def test_no_event_in_time_proves_nothing() -> None:
    failed, came = await failure_at(then(chunked(b"data: a\n\n", end=b""), hang), timeout_s=BRIEF_S)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert failed.status == 200
    assert came == ["a"]


async def test_no_answer_in_time_proves_nothing() -> None:
    failed, _ = await failure_at(hang, timeout_s=BRIEF_S)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert failed.status is None


async def test_the_time_limit_holds_for_a_stream_that_trickles() -> None:
    started = time.monotonic()
    failed, _ = await failure_at(then(chunked(end=b""), trickle), timeout_s=BRIEF_S)

    assert time.monotonic() - started < BOUND_S
    assert failed.reason is Reason.TIMEOUT


async def test_the_time_limit_holds_where_no_event_is_asked_for() -> None:
    async with listening(chunked(b"data: a\n\n")) as server:
        wire = Wire(server.url)

        with pytest.raises(SendFailed) as caught:
            async with wire.stream(REQUEST, timeout_s=BRIEF_S):
                await asyncio.Event().wait()

        await wire.aclose()

    assert (caught.value.evidence, caught.value.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)


@pytest.mark.parametrize("end", [b"", b"zz\r\n", b"5\r\nda"], ids=["closed", "no HTTP", "halfway"])
async def test_a_stream_that_breaks_proves_nothing(end: bytes) -> None:
    failed, came = await failure_at(then(chunked(b"data: a\n\n", end=end), close))

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.RESET)
    assert failed.status == 200
    assert came == ["a"]


async def test_a_refusal_is_read_as_ever() -> None:
    failed, _ = await failure_at(
        http(429, b'{"error":{"code":"credit_balance_exhausted"}}', "retry-after: 3")
    )

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.QUOTA)
    assert (failed.status, failed.retry_after_s) == (429, 3.0)


async def test_what_is_raised_inside_passes_through_and_ends_the_connection() -> None:
    async with listening(then(chunked(b"data: a\n\n", end=b""), trickle)) as server:
        wire = Wire(server.url)

        with pytest.raises(TimeoutError, match="own"):
            async with wire.stream(REQUEST, timeout_s=60):
                raise TimeoutError("own")

        await asyncio.wait_for(server.left.wait(), BOUND_S)
        await wire.aclose()


@pytest.mark.parametrize("parts", [(), (b"data: a\n\n",)], ids=["before", "after"])
async def test_a_cancelled_stream_ends_its_connection(parts: tuple[bytes, ...]) -> None:
    asked = asyncio.Event()

    async def go_on(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await trickle(writer)

    async with listening(then(chunked(*parts, end=b""), go_on)) as server:
        wire = Wire(server.url)
        call = asyncio.create_task(hear(wire, [], timeout_s=60))
        await asyncio.wait_for(asked.wait(), BOUND_S)
        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call

        await asyncio.wait_for(server.left.wait(), BOUND_S)
        assert server.open == 0

        await wire.aclose()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (chunked(HELLO, STOPPED), FinishReason.STOP),
        (then(chunked(HELLO, STOPPED, end=b""), close), FinishReason.STOP),
        (then(chunked(HELLO, STOPPED, end=b""), hang), FinishReason.STOP),
        (chunked(HELLO), FinishReason.INCOMPLETE),
        (chunked(HELLO, b"data: {\n\n"), FinishReason.INCOMPLETE),
        (chunked(HELLO, b'data: {"error":{}}\n\n', STOPPED), FinishReason.STOP),
        (chunked(HELLO, b'data: {"error":{"type":"x"}}\n\n', STOPPED), FinishReason.INCOMPLETE),
        (then(chunked(HELLO, end=b""), close), FinishReason.INCOMPLETE),
        (then(chunked(HELLO, end=b""), hang), FinishReason.INCOMPLETE),
    ],
    ids=[
        "whole", "closed after its end", "open after its end", "no end", "no JSON",
        "an empty error", "an error", "closed", "silent",
    ],
)  # fmt: skip
async def test_once_text_was_emitted_an_answer_is_whole_or_says_it_is_not(
    answer: Answer, expected: FinishReason
) -> None:
    emitted: list[str] = []

    async def emit(text: str) -> None:
        emitted.append(text)

    async with listening(answer) as server:
        provider = open_provider(
            ProviderSettings(
                name="p", kind=ProviderKind.OPENAI, api_key=Secret("k"), base_url=server.url
            )
        )
        completion = await provider.stream(model("gpt-5"), ASK, timeout_s=BRIEF_S, emit=emit)
        await provider.aclose()

    assert completion.finish_reason is expected
    assert (completion.text, emitted) == ("Hello", ["Hello"])
    assert completion.model == "gpt-5"
