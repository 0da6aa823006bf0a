"""Text on its way to the host while a call is at work: MCP's progress notifications."""

import json
import logging
from collections.abc import Collection

import anyio
from mcp.server.session import ServerSession
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_router.canonical import JsonValue
from mcp_router.domain.completion import Emit

PATIENCE_S = 5.0
"""How long one call waits in all for a host to take what it is told."""

_TOKEN = "progressToken"  # noqa: S105  # the protocol's name for a number, no secret

_logger = logging.getLogger(__name__)


def emitter(session: ServerSession, *, patience_s: float = PATIENCE_S) -> Emit:
    """Return what hands text to the host that made the request of `session`.

    Each text is the message of one notification, and `progress` counts the characters so far. A
    host that cannot be reached any more, or that keeps its call waiting for longer than
    `patience_s` in all, does not fail its call; it is told nothing further, for the result holds
    everything.
    """
    said = 0
    gone = False
    left_s = patience_s

    async def emit(text: str) -> None:
        nonlocal said, gone, left_s
        said += len(text)

        if gone:
            return

        began_s = anyio.current_time()

        try:
            with anyio.move_on_after(left_s) as patience:
                await session.report_progress(said, message=text)

            gone = patience.cancelled_caught
            left_s -= anyio.current_time() - began_s
        except Exception:
            # Whatever the transport raises when nobody listens: the result is the call's answer.
            gone = True
            _logger.debug("progress could not be delivered", exc_info=True)

    return emit


class StreamedOnDemand:
    """Serves calls that ask for progress by an application that streams its answers.

    Only calls of tools that read: a disconnect cancels what is streamed, and a write is to end.
    """

    def __init__(self, plain: ASGIApp, streamed: ASGIApp, tools: Collection[str]) -> None:
        """Leave everything to `plain` but calls of `tools` with a progress token."""
        self._plain = plain
        self._streamed = streamed
        self._tools = frozenset(tools)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not _takes_events(scope):
            await self._plain(scope, receive, send)
            return

        messages = await _read(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        app = self._streamed if _called(body) in self._tools else self._plain
        await app(scope, _replayed(messages, receive), send)


def _takes_events(scope: Scope) -> bool:
    """Return whether a request may be answered with events."""
    accepted = (value for name, value in scope["headers"] if name.lower() == b"accept")
    return scope["method"] == "POST" and any(b"text/event-stream" in one for one in accepted)


def _called(body: bytes) -> str | None:
    """Return the tool that a request calls if it asks for progress."""
    if _TOKEN.encode() not in body:  # most do not, and are not worth reading twice
        return None

    try:
        request: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return None

    params = request.get("params") if isinstance(request, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None

    if not isinstance(params, dict) or not isinstance(meta, dict) or _TOKEN not in meta:
        return None

    name = params.get("name")
    return name if isinstance(name, str) else None


async def _read(receive: Receive) -> list[Message]:
    """Return the messages of a request to its end, or as many as its body may take."""
    messages: list[Message] = []
    size = 0

    while size <= DEFAULT_MAX_REQUEST_BODY_SIZE:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))

        if not message.get("more_body", False):
            break

    return messages


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    """Return a channel on which the messages come again, and then what comes next."""
    again = iter(messages)

    async def replay() -> Message:
        for message in again:
            return message

        return await receive()

    return replay
