"""What a REST call carries into the embedded Salesforce, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.exceptions import HTTPException

from mcp_router.canonical import JsonValue

Scalar: TypeAlias = str | int | float | bool | None
"""A field's value in a record."""


class Refusal(HTTPException):
    """A request that Salesforce answers with an error; nothing was changed."""

    def __init__(
        self, status: int, code: str, message: str, *, fields: Sequence[str] | None = None
    ) -> None:
        """Keep the three parts of a Salesforce error; `fields` only where Salesforce has them."""
        super().__init__(status_code=status, detail=message)
        self.code = code
        self.fields = fields

    def body(self) -> JsonValue:
        """Return the error as the array that the REST API sends."""
        error: dict[str, JsonValue] = {"message": self.detail, "errorCode": self.code}

        if self.fields is not None:
            error["fields"] = list(self.fields)

        return [error]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A committed change of a record, in the words of the sandbox's ground truth."""

    kind: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """A request below `/services/data/vXX.X`; `path` holds the decoded segments after it."""

    version: int
    method: str
    path: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer; `body` None is an empty one (204, 412)."""

    status: int
    body: JsonValue = None
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


def not_found() -> Refusal:
    """Return the answer to an address that names nothing."""
    return Refusal(404, "NOT_FOUND", "The requested resource does not exist")


def wrong_method(method: str, allowed: str) -> Refusal:
    """Return the answer to a method that a resource does not have."""
    message = f"HTTP Method '{method}' not allowed. Allowed are {allowed}"
    return Refusal(405, "METHOD_NOT_ALLOWED", message)
