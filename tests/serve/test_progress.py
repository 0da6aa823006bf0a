"""Text on its way to the host: delivered where it asked for progress, never a call's failure."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.server.session import ServerSession
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_router.canonical import JsonValue
from mcp_router.domain.call import Call
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from mcp_router.serve.mcp import build_server
from mcp_router.serve.progress import StreamedOnDemand, emitter
from mcp_router.services import Services
from mcp_router.tools.completion_arguments import RouteCompletionArguments
from mcp_router.tools.route_completion import TOOL
from mcp_router.tools.tool import Result
from tests.end_to_end.harness import LEGACY, MODERN, opened, reply_of, settle, until
from tests.served import served

PIECES = ("It is", " größer", " — 📦.")


class Said(Result):
    """What the tool of these tests answers."""

    told: bool


async def say(services: Services, call: Call, arguments: RouteCompletionArguments) -> Said:
    """Say the pieces, if anyone listens."""
    if call.emit is not None:
        for piece in PIECES:
            await call.emit(piece)

    return Said(told=call.emit is not None)


SAYING = replace(TOOL, run=say, result=Said)


@asynccontextmanager
async def host(door: str, folder: Path, sandbox: Sandbox) -> AsyncIterator[Client]:
    """Connect a client to a server whose one tool says the pieces."""
    mode = LEGACY if door in ("memory-legacy", "http-legacy", "sse") else MODERN

    async with opened(settle(folder, sandbox)) as app:
        server = build_server(app, (SAYING,))

        if door.startswith("memory"):
            async with Client(server, mode=mode) as client:
                yield client
            return

        async with served(asgi(app, server=server)) as url:
            where = sse_client(f"{url}/sse") if door == "sse" else f"{url}/mcp"

            async with Client(where, mode=mode) as client:
                yield client


@pytest.mark.parametrize("door", ["memory", "memory-legacy", "http", "http-legacy", "sse"])
async def test_a_host_that_asks_for_progress_is_told_the_text_as_it_comes(
    door: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    # In memory there is no wire on which the SDK would write a token by itself.
    meta: dict[str, JsonValue] = {"progressToken": "t"} if door == "memory" else {}

    async with host(door, tmp_path, sandbox) as client:
        asked = await client.call_tool(
            SAYING.name,
            {"input": "?"},
            progress_callback=hear,
            meta=meta,  # type: ignore[arg-type]  # typed in the SDK, open to any vendor's keys
        )
        silent = await client.call_tool(SAYING.name, {"input": "?"})
        await until(lambda: len(heard) == len(PIECES))

    assert reply_of(asked) == {"told": True}
    assert heard == [(5, None, "It is"), (12, None, " größer"), (17, None, " — 📦.")]
    assert reply_of(silent) == {"told": False}


class Gone(ServerSession):
    """A session whose host has left."""

    def __init__(self) -> None:
        self.tries = 0

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        self.tries += 1
        raise BrokenPipeError


async def test_a_host_that_has_left_fails_nothing_and_is_told_nothing_more() -> None:
    session = Gone()
    emit = emitter(session)

    for piece in PIECES:
        await emit(piece)

    assert session.tries == 1


class Stuck(Gone):
    """A session whose host reads nothing."""

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        self.tries += 1
        await anyio.sleep_forever()


async def test_a_host_that_does_not_listen_holds_its_call_up_once() -> None:
    session = Stuck()
    emit = emitter(session, patience_s=0.05)

    with anyio.fail_after(5):
        for piece in PIECES:
            await emit(piece)

    assert session.tries == 1


def asking(name: str = "read", **meta: object) -> bytes:
    """Return the body of a call, with a progress token unless `meta` says otherwise."""
    params = {"name": name, "arguments": {}, "_meta": meta or {"progressToken": 1}}
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    ).encode()


async def sent(
    *parts: bytes, accept: bytes = b"application/json, text/event-stream", method: str = "POST"
) -> tuple[str, bytes]:
    """Send a request in parts; return which application served it, and the body that it saw."""
    seen: list[tuple[str, bytes]] = []

    def serving(name: str) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            body = b""

            while (message := await receive())["type"] == "http.request":
                body += message["body"]

            seen.append((name, body))

        return app

    coming: list[Message] = [
        {"type": "http.request", "body": part, "more_body": place < len(parts)}
        for place, part in enumerate(parts, start=1)
    ]
    messages = iter([*coming, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        raise AssertionError("nothing is answered")

    door = StreamedOnDemand(serving("plain"), serving("streamed"), tools=["read"])
    scope = {"type": "http", "method": method, "headers": [(b"Accept", accept)]}
    await door(scope, receive, send)
    (served_by,) = seen
    return served_by


async def test_a_reading_call_that_asks_for_progress_is_streamed_and_arrives_whole() -> None:
    body = asking()

    assert await sent(body) == ("streamed", body)
    assert await sent(body[:10], b"", body[10:]) == ("streamed", body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 50_000 + b'"progressToken"',
        b'["progressToken"]',
        b'{"params":"progressToken"}',
        b'{"params":{"_meta":"progressToken"}}',
        b'{"params":{"_meta":{"progressToken":1},"name":7}}',
        asking(other=1),
        asking("write"),
        asking("read" + " " * 10_000_000),
    ],
    ids=[
        "empty", "cut", "deep", "list", "no params", "no metadata", "no name", "no token",
        "a write", "too long",
    ],
)  # fmt: skip
async def test_every_other_call_is_answered_plainly_and_arrives_whole(body: bytes) -> None:
    half = len(body) // 2

    assert await sent(body[:half], body[half:]) == ("plain", body)


async def test_a_host_that_takes_no_events_gets_none() -> None:
    body = asking()

    assert await sent(body, accept=b"application/json") == ("plain", body)
    assert await sent(body, method="DELETE") == ("plain", body)
