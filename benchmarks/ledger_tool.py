"""What `reply_to_ticket` takes, next to the two requests to the desk that it makes."""

import time
from dataclasses import replace
from pathlib import Path

import anyio

from benchmarks.ledger_loads import FAST, TEXT
from benchmarks.ledger_timing import Timing, timing
from mcp_router.app import App, open_app
from mcp_router.domain.action import Outcome
from mcp_router.domain.call import Call
from mcp_router.domain.caller import trusted_caller
from mcp_router.domain.ids import make_id
from mcp_router.domain.ticket import Visibility
from mcp_router.domain.write import CreateTicket, NewComment, UpdateTicket
from mcp_router.execute.targets import Desk
from mcp_router.settings import load_settings
from mcp_router.tools.commenting import CommentArguments
from mcp_router.tools.reply_to_ticket import TOOL, run

_TIMEOUT_S = 10.0
_OLDER_THAN_S = 1.1  # a version of this second would have to be waited out
_PAIRS_A_SECOND = 40


def compare(place: str, callers: int, seconds: float) -> tuple[Timing, Timing]:
    """Reply by the desk's adapter alone and through the app, in turns, one call at a time.

    `place` is a router.yaml, then a space and the URL of the store. Both ways read the ticket's
    version and send one update that rests on it, each on a ticket of its own.
    """
    assert callers == 1, "turns are taken"
    config, _, storage = place.partition(" ")
    settings = replace(load_settings(Path(config), {}), storage=storage)

    async def load() -> tuple[Timing, Timing]:
        async with open_app(settings) as app:
            return await _take_turns(app, round(seconds * _PAIRS_A_SECOND))

    return anyio.run(load, backend_options=FAST)


async def _take_turns(app: App, pairs: int) -> tuple[Timing, Timing]:
    desk = app.targets.desks["zendesk"]
    tickets = [await _new_ticket(app, desk) for _ in range(2 * (pairs + 1))]
    await anyio.sleep(_OLDER_THAN_S)
    bare_s, tool_s = [], []

    for number in range(pairs + 1):
        bare_s.append(await _by_desk(app, desk, tickets[2 * number]))
        tool_s.append(await _by_tool(app, tickets[2 * number + 1]))

    # The first pair makes connections.
    return timing(bare_s[1:], sum(bare_s[1:])), timing(tool_s[1:], sum(tool_s[1:]))


async def _new_ticket(app: App, desk: Desk) -> str:
    write = CreateTicket(subject="Where is it?", body="The parcel has not arrived.")
    ref = await desk.write(write, marker=_id(app), precondition=None, timeout_s=_TIMEOUT_S)
    return ref.id


async def _by_desk(app: App, desk: Desk, ticket_id: str) -> float:
    """Return the seconds of the bare calls."""
    comment = NewComment(body=TEXT, visibility=Visibility.PUBLIC)
    write = UpdateTicket(ticket_id=ticket_id, comment=comment)
    marker = _id(app)
    started_s = time.perf_counter()
    version = await desk.precondition(write, timeout_s=_TIMEOUT_S)
    await desk.write(write, marker=marker, precondition=version, timeout_s=_TIMEOUT_S)
    return time.perf_counter() - started_s


async def _by_tool(app: App, ticket_id: str) -> float:
    """Return the seconds of the tool, from its arguments to its result."""
    started_s = time.perf_counter()
    call = Call(
        call_id=_id(app),
        tool=TOOL.name,
        caller=trusted_caller("http"),
        received_ms=app.clock.now_ms(),
        idempotency_key=_id(app),
    )
    arguments = CommentArguments(ticket_id=ticket_id, body=TEXT)
    result = await run(app.services, call, arguments)
    took_s = time.perf_counter() - started_s
    assert result.outcome is Outcome.SUCCEEDED, result
    return took_s


def _id(app: App) -> str:
    return make_id("bench", app.clock.now_ms(), app.entropy)
