"""A wire without a network tells a refusal from an answer that never came."""

import json
from collections.abc import Awaitable, Callable

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.providers.wire import Wire, WireRequest
from mcp_router.testing.in_process import InProcessTransport

ASKED = WireRequest(path="/echo", headers=(("x-key", "ours"),), body=b'{"a": 1}')


async def refuse() -> None:
    raise httpx2.ConnectError("nobody listens")


def wire_to(
    serve: Callable[[Request], Awaitable[Response]],
    connect: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint,
) -> Wire:
    app = Starlette(routes=[Route("/echo", serve, methods=["POST"])])
    transport = InProcessTransport(app, connect)
    return Wire("https://models.test", transport=transport)


async def echo(request: Request) -> Response:
    return JSONResponse({"body": await request.json(), "key": request.headers["x-key"]})


async def sleep(request: Request) -> Response:
    await anyio.sleep(60)
    return JSONResponse({})


async def break_off(request: Request) -> Response:
    raise httpx2.ReadError("cut")


async def overload(request: Request) -> Response:
    return JSONResponse({"error": {}}, 429, {"retry-after": "7"})


async def failure(wire: Wire) -> SendFailed:
    with pytest.raises(SendFailed) as raised:
        await wire.send(ASKED, timeout_s=0.05)

    return raised.value


async def test_the_request_arrives_and_its_answer_comes_back() -> None:
    answer = json.loads(await wire_to(echo).send(ASKED, timeout_s=5))

    assert answer == {"body": {"a": 1}, "key": "ours"}


async def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    failed = await failure(wire_to(echo, refuse))

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)


async def test_an_answer_that_is_late_leaves_the_effect_unknown() -> None:
    failed = await failure(wire_to(sleep))

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)


async def test_a_broken_connection_leaves_the_effect_unknown() -> None:
    failed = await failure(wire_to(break_off))

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.RESET)


async def test_a_server_that_is_overloaded_says_when_to_come_back() -> None:
    failed = await failure(wire_to(overload))

    assert (failed.reason, failed.retry_after_s) == (Reason.RATE_LIMITED, 7.0)
