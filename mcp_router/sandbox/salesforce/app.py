"""The embedded Salesforce as an ASGI app: OAuth client credentials and the REST API.

Paths, statuses and bodies follow the "REST API Developer Guide" and, for the token, "OAuth 2.0
Client Credentials Flow for Server-to-Server Integration" of Salesforce's documentation.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.credentials import SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.salesforce.answers import Answer, ApiCall, Refusal, not_found
from mcp_router.sandbox.salesforce.composite import serve_composite
from mcp_router.sandbox.salesforce.resources import serve
from mcp_router.sandbox.salesforce.state import SalesforceState

VERSIONS: Mapping[int, str] = {
    59: "Winter '24",
    60: "Spring '24",
    61: "Summer '24",
    62: "Winter '25",
    63: "Spring '25",
    64: "Summer '25",
    65: "Winter '26",
    66: "Spring '26",
    67: "Summer '26",
}
"""The API versions that are served, with the release that brought each."""

OLDEST_VERSION = 31
_ALL_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def create_app(state: SalesforceState, effects: Effects) -> Starlette:
    """Return the app over `state`; every committed change is noted in `effects`.

    Kinds of effects are the object's name in lower case for an insert (`case`), with `_update`
    and `_delete` for the others; the ref is the 18-character id. Changes of `McpAction__c` are
    none: it only notes, in the same transaction, that another record was changed.
    """

    async def token(request: Request) -> Response:
        return await _token(state, request)

    async def versions(_: Request) -> Response:
        return JSONResponse(
            [
                {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
                for number, label in VERSIONS.items()
            ]
        )

    async def api(request: Request) -> Response:
        return await _api(state, effects, request)

    return Starlette(
        routes=[
            Route("/services/oauth2/token", token, methods=["POST"]),
            Route("/services/data", versions, methods=["GET"]),
            Route("/services/data/", versions, methods=["GET"]),
            Route("/services/data/{version}/{path:path}", api, methods=_ALL_METHODS),
        ],
        exception_handlers={HTTPException: _refused},
    )


async def _refused(_: Request, error: Exception) -> Response:
    """Answer every error in the shape of the REST API."""
    assert isinstance(error, HTTPException)
    refusal = error if isinstance(error, Refusal) else not_found()
    return JSONResponse(refusal.body(), status_code=error.status_code)


async def _token(state: SalesforceState, request: Request) -> Response:
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}

    if form.get("grant_type") != "client_credentials":
        return _oauth_error("unsupported_grant_type", "grant type not supported")

    given = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    wanted = (SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET)

    if not all(
        secrets.compare_digest(a.encode(), b.encode()) for a, b in zip(given, wanted, strict=True)
    ):
        return _oauth_error("invalid_client", "invalid client credentials")

    here = f"{request.url.scheme}://{request.url.netloc}"
    return JSONResponse(
        {
            "access_token": state.issue_token(),
            "instance_url": here,
            "id": f"{here}/id/00DSb0000000001MAA/005Sb0000000001IAA",
            "token_type": "Bearer",
            "scope": "api",
        }
    )


def _oauth_error(code: str, description: str) -> Response:
    body = {"error": code, "error_description": description}
    return JSONResponse(body, status_code=400)


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")

    if scheme.lower() != "basic":
        return None

    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""

    return name, password


async def _api(state: SalesforceState, effects: Effects, request: Request) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")

    if scheme not in ("Bearer", "OAuth") or not state.knows_token(token):
        raise Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")

    call = await _call(request)

    if not state.spend_request():
        raise Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    answer = serve_composite(state, call) if call.path == ("composite",) else serve(state, call)

    for change in answer.changes:
        effects.applied(change.kind, change.ref)

    used, allowed = state.usage()
    return _response(answer, f"api-usage={used}/{allowed}")


async def _call(request: Request) -> ApiCall:
    version = request.path_params["version"]
    number = version[1:-2] if version.startswith("v") and version.endswith(".0") else ""

    if not number.isdecimal() or not OLDEST_VERSION <= int(number) <= max(VERSIONS):
        raise not_found()

    return ApiCall(
        version=int(number),
        method=request.method,
        path=_segments(request),
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=_json(await request.body()),
    )


def _segments(request: Request) -> tuple[str, ...]:
    """Return the decoded segments after the version: an encoded slash belongs to its segment."""
    raw: bytes = request.scope["raw_path"]
    after_version = raw.decode("ascii").split("/")[4:]
    return tuple(unquote(segment) for segment in after_version if segment)


def _json(raw: bytes) -> JsonValue:
    if not raw:
        return None

    try:
        body: JsonValue = json.loads(raw)
    except ValueError:
        raise Refusal(400, "JSON_PARSER_ERROR", "The request body is not JSON") from None

    return body


def _response(answer: Answer, usage: str) -> Response:
    headers = {**answer.headers, "Sforce-Limit-Info": usage}

    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)

    return JSONResponse(answer.body, status_code=answer.status, headers=headers)
