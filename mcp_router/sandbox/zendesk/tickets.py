"""Tickets: create, show, list, count, update."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from mcp_router.sandbox.zendesk.exchange import (
    Answer,
    Ask,
    JsonObject,
    invalid_attribute,
    not_found,
    whole_number,
)
from mcp_router.sandbox.zendesk.history import Written
from mcp_router.sandbox.zendesk.pages import page_of, whole_page
from mcp_router.sandbox.zendesk.records import Ticket
from mcp_router.sandbox.zendesk.render import audit_json, stamp, ticket_json
from mcp_router.sandbox.zendesk.sideloads import of_tickets
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.sandbox.zendesk.ticket_body import STATUSES

_SortKey: TypeAlias = Callable[[Ticket], tuple[int | str, int]]

_SORTS: Mapping[str, _SortKey] = {
    "id": lambda one: (one.id, one.id),
    "subject": lambda one: ((one.fields.subject or "").lower(), one.id),
    "status": lambda one: (STATUSES.index(one.fields.status), one.id),
    "created_at": lambda one: (one.created_s, one.id),
    "updated_at": lambda one: (one.updated_s, one.id),
}


def identity(name: str, attribute: str = "id") -> int:
    """Return an id from a path or a list.

    Raises:
        Refusal: 400, it is not a number.
    """
    number = whole_number(name)

    if number is None:
        raise invalid_attribute(attribute, "an integer")

    return number


def identities(ask: Ask) -> list[int]:
    """Return the ids of a `show_many`.

    Raises:
        Refusal: 400, there are none or one is not a number.
    """
    text = ask.argument("ids")

    if not text:
        raise invalid_attribute("ids", "a comma-separated list of integers")

    return [identity(part.strip(), "ids") for part in text.split(",")][:100]


def existing(state: ZendeskState, ask: Ask) -> Ticket:
    """Return the ticket that the path names.

    Raises:
        Refusal: 404, there is none; 400, the id is not a number.
    """
    ticket = state.ticket(identity(ask.name))

    if ticket is None:
        raise not_found()

    return ticket


def create_ticket(state: ZendeskState, ask: Ask) -> Answer:
    """POST /tickets. With an `Idempotency-Key`, the answer says `hit` or `miss`.

    The key stands for the body and the query: "Request parameters".
    """
    request = {"body": ask.body, "query": [list(pair) for pair in ask.query]}
    written = state.create(_ticket_of(ask), ask.origin, key=ask.idempotency_key, request=request)
    shown = ticket_json(written.ticket, ask.base)
    headers = {"Location": f"{ask.base}/tickets/{written.ticket.id}.json"}

    if ask.idempotency_key is not None:
        headers["x-idempotency-lookup"] = "hit" if written.repeated else "miss"

    body = {"ticket": shown, "audit": audit_json(written.audit)}
    return Answer(status=201, body=body, headers=headers, changes=written.changes)


def show_ticket(state: ZendeskState, ask: Ask) -> Answer:
    """GET /tickets/{id}."""
    ticket = existing(state, ask)
    body = {"ticket": ticket_json(ticket, ask.base), **of_tickets(state, ask, (ticket,))}
    return Answer(body=body)


def update_ticket(state: ZendeskState, ask: Ask) -> Answer:
    """PUT /tickets/{id}."""
    return _changed(state.update(identity(ask.name), _ticket_of(ask), ask.origin), ask)


def list_tickets(state: ZendeskState, ask: Ask) -> Answer:
    """GET /tickets, also by `external_id` and `start_time`; by id unless asked otherwise."""
    found = list(state.tickets())
    wanted, since = ask.argument("external_id"), ask.argument("start_time")

    if wanted is not None:
        found = [one for one in found if one.fields.external_id == wanted]

    if since is not None:
        since_s = identity(since, "start_time")
        found = [one for one in found if one.updated_s > since_s]

    name, backwards = _order(ask)
    found.sort(key=_SORTS[name], reverse=backwards)
    page = page_of(found, ask, lambda one: one.id)
    tickets = [ticket_json(one, ask.base) for one in page.rows]
    return Answer(body={"tickets": tickets, **page.members, **of_tickets(state, ask, page.rows)})


def show_many_tickets(state: ZendeskState, ask: Ask) -> Answer:
    """GET /tickets/show_many?ids=: those that exist, in the order of the ids."""
    named = (state.ticket(ticket_id) for ticket_id in identities(ask))
    found = [one for one in named if one is not None]
    tickets = [ticket_json(one, ask.base) for one in found]
    page = whole_page(found)
    return Answer(body={"tickets": tickets, **page.members, **of_tickets(state, ask, found)})


def count_tickets(state: ZendeskState, ask: Ask) -> Answer:
    """GET /tickets/count."""
    refreshed = stamp(state.now_ms() // 1000)
    return Answer(body={"count": {"value": len(state.tickets()), "refreshed_at": refreshed}})


def _changed(written: Written, ask: Ask) -> Answer:
    body = {"ticket": ticket_json(written.ticket, ask.base), "audit": audit_json(written.audit)}
    return Answer(body=body, changes=written.changes)


def _ticket_of(ask: Ask) -> JsonObject:
    ticket = ask.body.get("ticket") if isinstance(ask.body, Mapping) else None

    if not isinstance(ticket, Mapping):
        raise invalid_attribute("ticket", "an object")

    return ticket


def _order(ask: Ask) -> tuple[str, bool]:
    """Return the column to sort by and whether backwards, from either style of paging."""
    cursor_sort = ask.argument("sort")

    if cursor_sort is not None:
        name, backwards = cursor_sort.removeprefix("-"), cursor_sort.startswith("-")
    else:
        name, backwards = ask.argument("sort_by") or "id", ask.argument("sort_order") == "desc"

    if name not in _SORTS:
        raise invalid_attribute("sort", f"one of {', '.join(_SORTS)}")

    return name, backwards
