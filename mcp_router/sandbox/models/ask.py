"""What a request to an embedded model says, in the router's own words, or why it is refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue, ValidationError

from mcp_router.domain.completion import Completion, CompletionRequest, Message, Role
from mcp_router.sandbox.models.catalog import SandboxModel
from mcp_router.settings import ProviderKind

JsonObject = dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request that can be answered; `body` is its JSON as it came.

    `streamed` asks for server-sent events, `usage_streamed` for the usage at their end, and
    `explicit_cache` is true where the provider caches only what the caller marks.
    """

    model: SandboxModel
    request: CompletionRequest
    body: JsonObject
    streamed: bool
    usage_streamed: bool = True
    explicit_cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal; `kind`, `code` and `parameter` are the provider's words for it."""

    status: int
    message: str
    kind: str
    code: str | None = None
    parameter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An answer with the names its provider gives it; `at_s` is in seconds since the epoch."""

    completion: Completion
    id: str
    at_s: int


class Dialect(Protocol):
    """One provider's wire format, as its server sees it."""

    kind: ProviderKind
    completion_path: str
    stream_path: str | None
    models_path: str
    request_id_header: str

    def authorize(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Problem | None:
        """Return why the credentials are refused, or None."""

    def read(self, raw: bytes, path_model: str, *, stream_path: bool) -> Ask | Problem:
        """Return what the body asks of the model in the path (if the path names one)."""

    def write(self, served: Served) -> JsonObject:
        """Return the body of a whole answer."""

    def stream(self, served: Served, ask: Ask) -> Iterator[bytes]:
        """Yield the server-sent events of the same answer."""

    def unknown_path(self, method: str, path: str) -> Problem:
        """Return what the provider says of a path that it does not serve."""

    def error(self, problem: Problem, request_id: str) -> JsonObject:
        """Return the body of a refusal."""

    def listing(self) -> JsonObject:
        """Return the body that lists the models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """The first thing wrong with a body; `place` is a path such as `messages.0.role`."""

    place: str
    missing: bool
    unknown: bool
    text: str


def first_complaint(invalid: ValidationError) -> Complaint:
    """Return what a provider would complain about first."""
    problem = invalid.errors(include_url=False)[0]
    return Complaint(
        place=".".join(str(step) for step in problem["loc"]),
        missing=problem["type"] == "missing",
        unknown=problem["type"] == "extra_forbidden",
        text=problem["msg"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaired:
    """A tool call without its result, or a result (`orphan`) without its call."""

    id: str
    orphan: bool


def find_unpaired(messages: Sequence[Message]) -> Unpaired | None:
    """Return the first break of the rule that all three share: results follow their calls."""
    waiting: list[str] = []

    for message in messages:
        if message.role is Role.TOOL:
            if message.tool_call_id not in waiting:
                return Unpaired(id=message.tool_call_id or "", orphan=True)

            waiting.remove(message.tool_call_id)
        elif waiting:
            return Unpaired(id=waiting[0], orphan=False)
        else:
            waiting = [call.id for call in message.tool_calls]

    return Unpaired(id=waiting[0], orphan=False) if waiting else None


def pieces(text: str) -> list[str]:
    """Return `text` in the pieces that it is streamed in; never none.

    >>> pieces("abc")
    ['abc']
    """
    return [text[start : start + 24] for start in range(0, len(text), 24)] or [""]
