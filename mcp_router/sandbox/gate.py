"""The gate in front of an embedded app: counts what arrives, commits faults, serves /_sandbox."""

import asyncio
import json
from dataclasses import dataclass
from email.utils import formatdate
from typing import assert_never

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_router.clock import Clock
from mcp_router.errors import InvalidArguments
from mcp_router.sandbox.connections import connection_of
from mcp_router.sandbox.effects import Effects, Received
from mcp_router.sandbox.faults import Fault, FaultKind, FaultScript, parse_faults

_CONTROL = "/_sandbox/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer of the app, kept back from the client."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Gate:
    """An ASGI app around `app`. Requests to /_sandbox/ are neither counted nor harmed."""

    def __init__(
        self, app: ASGIApp, *, faults: FaultScript, effects: Effects, clock: Clock
    ) -> None:
        """Take faults from `faults`, show `effects`, date answers by `clock`."""
        self.received = Received()
        self.latency_ms = 0
        self._app = app
        self._faults = faults
        self._clock = clock
        self._control = _control_app(faults, effects, self.received)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            if scope["path"].startswith(_CONTROL):
                await self._control(scope, receive, send)
            else:
                await self._serve(scope, receive, send)
        except asyncio.CancelledError:
            # Only `Listener.close` cancels requests, after it reset their connections; there is
            # no one to answer, and uvicorn would report the cancellation as a fault of the app.
            return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)

        if body is None:
            return

        self.received.add(scope["method"], scope["path"])
        fault = self._faults.take(scope["method"], scope["path"])

        if self.latency_ms:
            await asyncio.sleep(self.latency_ms / 1000)

        send = self._dated(send)

        if fault is None:
            await self._app(scope, _replay(body, receive), send)
        else:
            await self._commit(fault, scope, body, send)

    async def _commit(self, fault: Fault, scope: Scope, body: bytes, send: Send) -> None:
        match fault.kind:
            case FaultKind.REFUSE:
                raise AssertionError("a refusal is taken when a connection is accepted")
            case FaultKind.DROP_BEFORE:
                connection_of(scope).abort()
            case FaultKind.DROP_AFTER:
                await self._apply(scope, body)
                connection_of(scope).abort()
            case FaultKind.LATE:
                connection_of(scope).abort()
                await asyncio.sleep(fault.delay_s)
                await self._apply(scope, body)
            case FaultKind.SLOW:
                answer = await self._apply(scope, body)
                await asyncio.sleep(fault.delay_s)
                await _send(answer, send)
            case FaultKind.TWICE:
                await _send(await self._apply(scope, body), send)
                await asyncio.sleep(fault.delay_s)
                await self._apply(scope, body)  # its answer goes nowhere
            case FaultKind.CUT:
                await _begin(await self._apply(scope, body), send)
                connection_of(scope).abort()
            case FaultKind.STATUS | FaultKind.GARBLED | FaultKind.REDIRECT:
                await _send(await self._spoiled(fault, scope, body), send)
            case _:
                assert_never(fault.kind)

    async def _spoiled(self, fault: Fault, scope: Scope, body: bytes) -> Answer:
        """Return an answer that is not the app's own."""
        if fault.kind is FaultKind.REDIRECT:
            return _redirect(scope)

        if fault.kind is FaultKind.GARBLED:
            return _garbled(await self._apply(scope, body))

        if fault.applied:
            await self._apply(scope, body)

        return _status_answer(fault)

    async def _apply(self, scope: Scope, body: bytes) -> Answer:
        """Let the app do the request to its end and keep its answer."""
        started: list[Message] = []
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, _replay(body, _never), self._dated(keep))
        start = started[0]
        return Answer(status=start["status"], headers=tuple(start["headers"]), body=b"".join(parts))

    def _dated(self, send: Send) -> Send:
        """Add `Date` where the app, whose clock may be another, has not."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))

                if not any(name.lower() == b"date" for name, _ in headers):
                    date = formatdate(self._clock.now_ms() / 1000, usegmt=True)
                    headers.append((b"date", date.encode()))

                message = {**message, "headers": headers}

            await send(message)

        return dated


async def _read_body(receive: Receive) -> bytes | None:
    """Return the whole body, or None when the client left before its end."""
    parts: list[bytes] = []

    while True:
        message = await receive()

        if message["type"] != "http.request":
            return None

        parts.append(message.get("body", b""))

        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, afterwards: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return pending.pop() if pending else await afterwards()

    return receive


async def _never() -> Message:
    """Keep an app going that would stop when its client leaves."""
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


async def _send(answer: Answer, send: Send) -> None:
    await _send_head(answer, send)
    await send({"type": "http.response.body", "body": answer.body})


async def _begin(answer: Answer, send: Send) -> None:
    """Send the head, which says how long the body is, and the first half of the body."""
    half = answer.body[: len(answer.body) // 2]
    await _send_head(answer, send)
    await send({"type": "http.response.body", "body": half, "more_body": True})


async def _send_head(answer: Answer, send: Send) -> None:
    headers = [pair for pair in answer.headers if pair[0].lower() not in _FRAMING]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


_FRAMING = (b"content-length", b"transfer-encoding")
_JSON = (b"content-type", b"application/json")


def _status_answer(fault: Fault) -> Answer:
    text = {"error": "SandboxFault", "description": f"The sandbox answers {fault.status} here."}
    headers = [_JSON]

    if fault.retry_after_s is not None:
        headers.append((b"retry-after", str(fault.retry_after_s).encode()))

    body = json.dumps(text) if fault.body is None else fault.body
    return Answer(status=fault.status, headers=tuple(headers), body=body.encode())


def _garbled(answer: Answer) -> Answer:
    status = answer.status if answer.status in (200, 201, 202) else 200
    half = answer.body[: len(answer.body) // 2]
    # Half an object or list is never JSON; half of anything else might be.
    body = half if half[:1] in (b"{", b"[") else b'{"'
    return Answer(status=status, headers=answer.headers, body=body)


def _redirect(scope: Scope) -> Answer:
    query = scope["query_string"]
    location = scope["raw_path"] + (b"?" + query if query else b"")
    return Answer(status=307, headers=((b"location", location),), body=b"")


def _control_app(faults: FaultScript, effects: Effects, received: Received) -> ASGIApp:
    async def show_effects(request: Request) -> Response:
        return JSONResponse(
            {
                "effects": effects.kinds(),
                "received": received.count(),
                "requests": received.requests(),
            }
        )

    async def change_faults(request: Request) -> Response:
        # A refusal meets new connections only, so the one that orders it is not to be used again.
        close = {"connection": "close"}

        if request.method == "DELETE":
            faults.clear()
            return JSONResponse({"pending": 0}, headers=close)

        try:
            faults.add(*parse_faults(await request.body()))
        except InvalidArguments as refused:
            return JSONResponse({"code": refused.code, "message": refused.message}, 400, close)

        return JSONResponse({"pending": faults.pending()}, 201, close)

    return Starlette(
        routes=[
            Route("/_sandbox/effects", show_effects, methods=["GET"]),
            Route("/_sandbox/faults", change_faults, methods=["POST", "DELETE"]),
        ]
    )
