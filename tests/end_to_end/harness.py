"""A real router on the embedded servers, and an MCP client that calls it as a host does."""

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import yaml
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from mcp_router.app import App, Instruments, open_app
from mcp_router.canonical import JsonValue
from mcp_router.clock import SystemClock
from mcp_router.domain.record import Record
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.records import Comment
from mcp_router.sandbox.zendesk.seed import MAYA
from mcp_router.serve.mcp import build_server
from mcp_router.settings import load_settings
from mcp_router.storage.sqlite.database import BUSY_TIMEOUT_MS
from mcp_router.storage.store import open_archive
from tests.end_to_end.policy import write_policy

MODERN = "2026-07-28"
LEGACY = "legacy"
PATIENCE_S = 6.0
BRIEF_S = 2.0  # a test can wait it out, and a busy machine still connects within it

Reply = Mapping[str, object]
Arguments = Mapping[str, JsonValue]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder with a router.yaml that leads to the embedded servers."""

    file: Path

    @property
    def storage(self) -> str:
        return f"sqlite:///{self.database}"

    @property
    def database(self) -> Path:
        return self.file.parent / "router.db"

    def records(self) -> tuple[Record, ...]:
        """Return the calls of the decision log, as the command line reads them."""
        with open_archive(self.storage) as archive:
            found = (stored.record for stored in archive.records())
            return tuple(one for one in found if one.event is None and one.audit is None)

    def outcomes(self) -> list[tuple[str, str, str | None]]:
        """Return tool, outcome and error code of each record."""
        return [(one.tool, one.outcome, one.error_code) for one in self.records()]


def settle(
    folder: Path,
    sandbox: Sandbox,
    *,
    packaged: bool = False,
    patience_s: float = PATIENCE_S,
    desks: Mapping[str, str] | None = None,
    tokens: tuple[Mapping[str, JsonValue], ...] = (),
    ledger: Mapping[str, float] | None = None,
    telemetry: Mapping[str, JsonValue] | None = None,
) -> Place:
    """Write a router.yaml.

    It decides by the small policy of these tests, which is quick to read, or by the packaged one.
    To the small one `desks` adds help desks by name and base URL, and `patience_s` is what it
    gives an attempt.
    """
    document = yaml.safe_load(sandbox.router_yaml())
    document["tokens"] = [dict(token) for token in tokens]
    document["ledger"] = dict(ledger or {})
    document["telemetry"] = dict(telemetry or {})

    for name, base_url in (desks or {}).items():
        document["desks"][name] = {**document["desks"]["zendesk"], "base_url": base_url}

    if not packaged:
        write_policy(folder, desks=("zendesk", *(desks or {})), attempt_timeout_s=patience_s)
        document["policies"] = "policies"

    file = folder / "router.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return Place(file=file)


def token(
    secret: str, tenant: str, scopes: tuple[str, ...] = ("read", "write")
) -> dict[str, JsonValue]:
    """Return the settings of a bearer token."""
    return {
        "name": f"{tenant}-{secret}",
        "tenant": tenant,
        "principal": f"copilot-of-{tenant}",
        "scopes": list(scopes),
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
    }


@asynccontextmanager
async def opened(place: Place, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> AsyncIterator[App]:
    """Open the router that a place describes."""
    async with open_app(
        load_settings(place.file, {}), instruments=Instruments(busy_timeout_ms=busy_timeout_ms)
    ) as app:
        yield app


@asynccontextmanager
async def connected(
    place: Place, *, mode: str = MODERN, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> AsyncIterator[Client]:
    """Open the router and connect a client in memory."""
    async with (
        opened(place, busy_timeout_ms=busy_timeout_ms) as app,
        Client(build_server(app), mode=mode) as client,
    ):
        yield client


def reply_of(result: CallToolResult) -> dict[str, object]:
    """Return the structured result."""
    assert result.structured_content is not None
    return dict(result.structured_content)


async def call(
    client: Client, tool: str, arguments: Arguments, *, meta: Mapping[str, JsonValue] | None = None
) -> dict[str, object]:
    """Call a tool and return its structured result."""
    # A call's `_meta` is a typed dictionary in the SDK, open to keys of any vendor.
    result = await client.call_tool(tool, dict(arguments), meta=dict(meta) if meta else None)  # type: ignore[arg-type]
    return reply_of(result)


def unique(text: str) -> str:
    """Return a text that no other test has sent."""
    return f"{text} [{next(_numbers)}]"


class DeskClock(SystemClock):
    """The wall clock of the embedded servers, which can look back and stand still."""

    shift_ms = 0
    stands_at_ms: int | None = None

    def now_ms(self) -> int:
        return self.stands_at_ms or super().now_ms() + self.shift_ms

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let everything happen within one second."""
        self.stands_at_ms = super().now_ms()

        try:
            yield
        finally:
            self.stands_at_ms = None


DESK_CLOCK = DeskClock()


def old_ticket(sandbox: Sandbox) -> str:
    """Return a new ticket last changed yesterday, so that its version stamp is its own."""
    DESK_CLOCK.shift_ms = -86_400_000

    try:
        return new_ticket(sandbox)
    finally:
        DESK_CLOCK.shift_ms = 0


def new_ticket(sandbox: Sandbox) -> str:
    """Return a ticket of this second, whose version stamp another change could share."""
    body = unique("The parcel has not arrived.")
    written = sandbox.zendesk_state.create(
        {"subject": "Where is it?", "comment": {"body": body}, "requester_id": MAYA},
        Origin(author_id=MAYA, client="tests"),
    )
    return str(written.ticket.id)


def comments(sandbox: Sandbox, ticket_id: str) -> tuple[Comment, ...]:
    """Return what was said on a ticket after its description."""
    return sandbox.zendesk_state.comments(int(ticket_id))[1:]


def writes(sandbox: Sandbox, ticket_id: str) -> int:
    """Return how many times a ticket was written to after its creation."""
    return len(sandbox.zendesk_state.audits(int(ticket_id))) - 1


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something that another thread or process does has happened."""
    with anyio.fail_after(30):
        while not holds():  # noqa: ASYNC110  # what is awaited has no event in this process
            await anyio.sleep(0.005)


def error_of(failure: MCPError) -> tuple[int, Mapping[str, object]]:
    """Return the code and the data of a refused request."""
    data = failure.error.data
    assert isinstance(data, dict)
    return failure.error.code, data
