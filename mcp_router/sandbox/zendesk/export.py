"""GET /incremental/tickets/cursor: every ticket that was written since a time or a cursor."""

from mcp_router.sandbox.zendesk.exchange import Answer, Ask, invalid_attribute, whole_number
from mcp_router.sandbox.zendesk.pages import decode_cursor, encode_cursor, positive
from mcp_router.sandbox.zendesk.records import Ticket
from mcp_router.sandbox.zendesk.render import ticket_json
from mcp_router.sandbox.zendesk.sideloads import of_tickets
from mcp_router.sandbox.zendesk.state import ZendeskState

_MOST = 1000


def export_tickets(state: ZendeskState, ask: Ask) -> Answer:
    """Answer with the tickets after `cursor`, or updated at `start_time` or later.

    A ticket appears once, at the place of its latest write, so a reader that goes on from each
    `after_cursor` misses no write. The real export leaves out the latest minute; see
    `ZendeskState.export_lag_s`.
    """
    size = min(positive(ask, "per_page", _MOST), _MOST)
    shown = state.exported()
    waiting = _after(shown, ask)
    page = waiting[:size]
    done = len(waiting) <= size
    last = page[-1] if page else (shown[-1] if shown else None)
    cursor = encode_cursor(f"{last.updated_s}.0||{last.position}" if last else "0.0||0")
    return Answer(
        body={
            "tickets": [ticket_json(one, ask.base) for one in page],
            "after_url": f"{ask.base}{ask.path}?cursor={cursor}",
            "after_cursor": cursor,
            "before_url": None,
            "before_cursor": None,
            "end_of_stream": done,
            **of_tickets(state, ask, page),
        }
    )


def _after(shown: tuple[Ticket, ...], ask: Ask) -> list[Ticket]:
    cursor, start = ask.argument("cursor"), ask.argument("start_time")

    if cursor is not None:
        position = whole_number(decode_cursor(cursor, "cursor").rpartition("||")[2])

        if position is None:
            raise invalid_attribute("cursor", "a valid cursor")

        return [one for one in shown if one.position > position]

    start_s = whole_number(start or "")

    if start_s is None:
        raise invalid_attribute("start_time", "an integer")

    return [one for one in shown if one.updated_s >= start_s]
