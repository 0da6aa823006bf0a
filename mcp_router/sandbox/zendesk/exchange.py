"""What a call carries into the embedded Zendesk, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.exceptions import HTTPException

from mcp_router.canonical import JsonValue

JsonObject: TypeAlias = Mapping[str, JsonValue]
"""A JSON object, as it came or as it goes out."""

TICKET = "ticket"
"""The effect of a new ticket, its first comment included."""

COMMENT = "comment"
"""The effect of a comment on a ticket that existed before."""

UPDATE = "update"
"""The effect of one request that changed a ticket's fields or tags, however many of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who writes and with what: an audit keeps it under `metadata.system`."""

    author_id: int
    client: str = ""
    ip_address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One authenticated request below `/api/v2`.

    `base` is the address of the API as the client wrote it, `https://host/api/v2`, and `path`
    what follows it; links in an answer lead there. `name` holds the id in the path, if any.
    """

    base: str
    path: str
    origin: Origin
    name: str = ""
    query: Sequence[tuple[str, str]] = ()
    body: JsonValue = None
    idempotency_key: str | None = None

    def argument(self, name: str) -> str | None:
        """Return a query parameter, the last one where it is repeated, None when absent."""
        return dict(self.query).get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An effect that a request had, in the words of the sandbox's ground truth."""

    kind: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer and the effects of its request."""

    body: JsonObject
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


class Refusal(HTTPException):
    """A request that Zendesk answers with an error; nothing was changed."""

    def __init__(
        self, status: int, body: JsonObject, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Keep the error's JSON body; it never holds what the client sent."""
        super().__init__(status_code=status, headers=headers)
        self.body = body


def whole_number(text: str) -> int | None:
    """Return what the digits say, None for anything that is no id, page or time.

    >>> whole_number("101"), whole_number("-1"), whole_number("")
    (101, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def refuse(status: int, error: str, description: str) -> Refusal:
    """Return an error of the usual shape, `{"error", "description"}`."""
    return Refusal(status, {"error": error, "description": description})


def unauthenticated() -> Refusal:
    """Return the answer to absent or wrong credentials."""
    realm = {"WWW-Authenticate": 'Basic realm="Web Password"'}
    return Refusal(401, {"error": "Couldn't authenticate you"}, headers=realm)


def not_found() -> Refusal:
    """Return the answer to an id that names nothing."""
    return refuse(404, "RecordNotFound", "Not found")


def unknown_endpoint() -> Refusal:
    """Return the answer to a path or method that the API does not have."""
    return refuse(404, "InvalidEndpoint", "Not found")


def invalid_attribute(name: str, expected: str) -> Refusal:
    """Return the answer to a parameter of the wrong form, as in `page must be an integer`."""
    message = (
        f"You passed an invalid value for the {name} attribute. "
        f"Invalid parameter: {name} must be {expected}"
    )
    return Refusal(400, {"error": {"title": "Invalid attribute", "message": message}})


def invalid_record(problems: Mapping[str, Sequence[JsonObject]]) -> Refusal:
    """Return the answer to values that a record may not hold; `problems` by name of the field."""
    body: JsonObject = {
        "error": "RecordInvalid",
        "description": "Record validation errors",
        "details": problems,
    }
    return Refusal(422, body)


def unreadable() -> Refusal:
    """Return the answer to a body that is not JSON."""
    body = {"error": "Unprocessable Entity", "message": "Server could not parse JSON"}
    return Refusal(422, body)


def conflict() -> Refusal:
    """Return the answer to a safe update whose stamp is not the ticket's."""
    description = "Safe Update prevented the update due to outdated ticket data."
    return refuse(409, "UpdateConflict", description)


def limited(*, retry_after_s: int) -> Refusal:
    """Return the answer to a request beyond the account's rate; it was not executed.

    The shape is the only one that the OpenAPI file has for a 429.
    """
    error = {"code": "TooManyRequests", "title": "Too Many Requests"}
    return Refusal(429, {"errors": [error]}, headers={"Retry-After": str(retry_after_s)})
