"""GET /search and /search/count.

The real index lags behind by minutes (Zendesk's search documentation), so whatever a search does
not find may exist all the same; `ZendeskState.search_lag_s` shows that. Results of a search stop
at 1000.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import Answer, Ask, invalid_attribute, refuse
from mcp_router.sandbox.zendesk.pages import MOST, numbered_page, positive
from mcp_router.sandbox.zendesk.query import (
    Query,
    parse_query,
    ticket_matches,
    user_matches,
)
from mcp_router.sandbox.zendesk.records import Ticket, User
from mcp_router.sandbox.zendesk.render import ticket_json, user_json
from mcp_router.sandbox.zendesk.sideloads import directory, of_tickets
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.sandbox.zendesk.ticket_body import PRIORITIES, STATUSES

_MOST_RESULTS = 1000

_Found: TypeAlias = Ticket | User
_Rank: TypeAlias = Callable[[Ticket], int | str]

_RANKS: Mapping[str, _Rank] = {
    "created_at": lambda one: one.created_s,
    "updated_at": lambda one: one.updated_s,
    "status": lambda one: STATUSES.index(one.fields.status),
    "priority": lambda one: (
        -1 if one.fields.priority is None else PRIORITIES.index(one.fields.priority)
    ),
    "ticket_type": lambda one: one.fields.type or "",
}


def search(state: ZendeskState, ask: Ask) -> Answer:
    """GET /search?query=: tickets and users, `count`, numbered pages."""
    found = _find(state, ask)
    size = min(positive(ask, "per_page", MOST), MOST)

    if positive(ask, "page", 1) * size > _MOST_RESULTS:
        description = (
            "Invalid search: Requested response size was greater than Search Response Limits"
        )
        raise refuse(422, "invalid", description)

    page = numbered_page(found, ask)
    tickets = [one for one in page.rows if isinstance(one, Ticket)]
    return Answer(
        body={
            "results": [_result(one, ask.base) for one in page.rows],
            "facets": None,
            **page.members,
            **of_tickets(state, ask, tickets),
        }
    )


def count_results(state: ZendeskState, ask: Ask) -> Answer:
    """GET /search/count?query=."""
    return Answer(body={"count": len(_find(state, ask))})


def _find(state: ZendeskState, ask: Ask) -> list[_Found]:
    text = ask.argument("query")

    if text is None:
        raise invalid_attribute("query", "present")

    query, people = parse_query(text), directory(state)
    kinds = set(query.kinds) | {value for name, value in ask.query if name == "filter[type]"}
    tickets: list[Ticket] = []
    users: list[User] = []

    if not kinds or "ticket" in kinds:
        tickets = [one for one in state.indexed() if ticket_matches(query, one, people)]
        _sort(tickets, query, ask)

    if not kinds or "user" in kinds:
        users = [one for one in state.users() if user_matches(query, one, people)]

    return [*tickets, *users]


def _sort(tickets: list[Ticket], query: Query, ask: Ask) -> None:
    """Sort by what query or request say, else the latest first; descending unless said."""
    column = query.order_by or ask.argument("sort_by") or "updated_at"
    direction = query.direction or ask.argument("sort_order") or "desc"

    if column == "relevance":
        column = "updated_at"

    if column.removesuffix("_at") in {"created", "updated"}:
        column = f"{column.removesuffix('_at')}_at"

    if column not in _RANKS:
        raise refuse(422, "invalid", "Invalid search: that sort order does not exist")

    rank = _RANKS[column]
    tickets.sort(key=lambda one: one.id)
    tickets.sort(key=rank, reverse=direction != "asc")


def _result(found: _Found, base: str) -> JsonValue:
    if isinstance(found, Ticket):
        return {**ticket_json(found, base), "result_type": "ticket"}

    return {**user_json(found, base), "result_type": "user"}
