"""The embedded Zendesk Support API: what a ticket desk needs of it, with a memory.

Paths, shapes and status codes follow Zendesk's OpenAPI file and documentation; every path is
there with and without `.json`. What it is not: business rules, views, attachments, bulk jobs.
"""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_router.canonical import JsonValue, canonical_json
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.zendesk import conversation, directory, export, search, tags, tickets
from mcp_router.sandbox.zendesk.exchange import (
    Answer,
    Ask,
    Origin,
    Refusal,
    limited,
    unauthenticated,
    unknown_endpoint,
    unreadable,
)
from mcp_router.sandbox.zendesk.meter import Allowance
from mcp_router.sandbox.zendesk.state import ZendeskState

_API = "/api/v2"

Handler: TypeAlias = Callable[[ZendeskState, Ask], Answer]
_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

ENDPOINTS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/tickets", tickets.list_tickets),
    ("POST", "/tickets", tickets.create_ticket),
    ("GET", "/tickets/count", tickets.count_tickets),
    ("GET", "/tickets/show_many", tickets.show_many_tickets),
    ("GET", "/tickets/{name}", tickets.show_ticket),
    ("PUT", "/tickets/{name}", tickets.update_ticket),
    ("GET", "/tickets/{name}/comments", conversation.list_comments),
    ("GET", "/tickets/{name}/audits", conversation.list_audits),
    ("GET", "/tickets/{name}/tags", tags.list_tags),
    ("PUT", "/tickets/{name}/tags", tags.add_tags),
    ("POST", "/tickets/{name}/tags", tags.set_tags),
    ("DELETE", "/tickets/{name}/tags", tags.remove_tags),
    ("GET", "/users", directory.list_users),
    ("GET", "/users/me", directory.show_me),
    ("GET", "/users/search", directory.search_users),
    ("GET", "/users/show_many", directory.show_many_users),
    ("GET", "/users/{name}", directory.show_user),
    ("GET", "/organizations", directory.list_organizations),
    ("GET", "/organizations/show_many", directory.show_many_organizations),
    ("GET", "/organizations/{name}", directory.show_organization),
    ("GET", "/groups", directory.list_groups),
    ("GET", "/groups/{name}", directory.show_group),
    ("GET", "/search", search.search),
    ("GET", "/search/count", search.count_results),
    ("GET", "/incremental/tickets/cursor", export.export_tickets),
)
"""Method, path below the API and what answers; a fixed path stands before one with `{name}`."""


def create_app(state: ZendeskState, effects: Effects) -> Starlette:
    """Return the API over `state`. It notes in `effects` what requests changed, and only that."""

    async def lost(request: Request) -> Response:
        return _refused(unknown_endpoint(), state, None)

    routes = [
        # With its suffix first, which `{name}` alone would take for a part of the name.
        Route(f"{_API}{path}{suffix}", _endpoint(handler, state, effects), methods=[method])
        for method, path, handler in ENDPOINTS
        for suffix in (".json", "")
    ]
    everything = Route(
        "/{path:path}", lost, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    )
    return Starlette(routes=[*routes, everything])


def _endpoint(handler: Handler, state: ZendeskState, effects: Effects) -> _Endpoint:
    async def respond(request: Request) -> Response:
        allowance: Allowance | None = None

        try:
            _authenticate(request)
            raw = await request.body()
            allowance = state.admit()

            if not allowance.granted:
                raise limited(retry_after_s=allowance.resets_s)

            answer = handler(state, _ask(request, raw, state))
        except Refusal as refusal:
            return _refused(refusal, state, allowance)

        # No await since the change: a client that leaves cannot part the two.
        for change in answer.changes:
            effects.applied(change.kind, change.ref)

        headers = {**_headers(state, allowance), **answer.headers}
        return JSONResponse(answer.body, answer.status, headers)

    return respond


def _authenticate(request: Request) -> None:
    """Demand an API token, `{email}/token:{token}` as Basic credentials.

    Raises:
        Refusal: 401.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")

    try:
        given = base64.b64decode(encoded, validate=True)
    except ValueError:
        given = b""

    expected = f"{ZENDESK_EMAIL}/token:{ZENDESK_TOKEN}".encode()

    if scheme.lower() != "basic" or not secrets.compare_digest(given, expected):
        raise unauthenticated()


def _ask(request: Request, raw: bytes, state: ZendeskState) -> Ask:
    url = request.url
    client = request.client
    return Ask(
        base=f"{url.scheme}://{url.netloc}{_API}",
        path=url.path.removeprefix(_API),
        origin=Origin(
            author_id=state.me.id,
            client=request.headers.get("user-agent", ""),
            ip_address=client.host if client else "127.0.0.1",
        ),
        name=request.path_params.get("name", ""),
        query=tuple(request.query_params.multi_items()),
        body=_json(raw),
        idempotency_key=request.headers.get("idempotency-key") or None,
    )


def _json(raw: bytes) -> JsonValue:
    """Return the body, None when it is empty.

    Raises:
        Refusal: 422, it is not JSON, or holds a number or a character that has no place in JSON.
    """
    if not raw.strip():
        return None

    try:
        body: JsonValue = json.loads(raw)
        canonical_json(body).encode()
    except (ValueError, RecursionError) as broken:
        raise unreadable() from broken

    return body


def _refused(refusal: Refusal, state: ZendeskState, allowance: Allowance | None) -> Response:
    headers = {**_headers(state, allowance), **(refusal.headers or {})}
    return JSONResponse(refusal.body, refusal.status_code, headers)


def _headers(state: ZendeskState, allowance: Allowance | None) -> dict[str, str]:
    """Return the headers of every answer; `Date` is the account's time, as `updated_at` is."""
    headers = {
        "Date": formatdate(state.now_ms() // 1000, usegmt=True),
        "Content-Type": "application/json; charset=utf-8",
    }

    if allowance is not None:
        headers["x-rate-limit"] = headers["ratelimit-limit"] = str(allowance.limit)
        remaining = str(allowance.remaining)
        headers["x-rate-limit-remaining"] = headers["ratelimit-remaining"] = remaining
        headers["ratelimit-reset"] = str(allowance.resets_s)

    return headers
