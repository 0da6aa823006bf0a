"""An embedded Salesforce over TLS with the desk that talks to it, for the desk's tests."""

import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_router.clock import SystemClock
from mcp_router.desks.salesforce import SalesforceDesk
from mcp_router.domain.action import Ref
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.secret import Secret
from mcp_router.domain.write import SyncCase
from mcp_router.errors import SendFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.credentials import SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.salesforce.app import create_app
from mcp_router.sandbox.salesforce.schema import CASE, MCP_ACTION
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.salesforce.tables import Row
from mcp_router.sandbox.server import SandboxServer
from mcp_router.settings import SalesforceSettings
from tests.desks.conftest import Serve, ServerClock

TIMEOUT_S = 10.0
WRITE = r"/composite$"
DESCRIBE = r"/describe$"
TOKEN = r"/oauth2/token$"

SYNC = SyncCase(
    external_id="zendesk:101",
    subject="Lost parcel",
    description="Where is it?",
    status="Working",
    priority="High",
    contact_email="dana.levi@example.com",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request that the app has answered."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Witness:
    """An ASGI app around another: writes down what it has served, lets somebody act in between."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._served: list[Served] = []
        self._more = threading.Condition()
        self._path = ""
        self._act: Callable[[], object] | None = None

    def before(self, path: str, act: Callable[[], object]) -> None:
        """Call `act` once, just before the app sees a request whose path matches."""
        self._path, self._act = path, act

    def served(self, method: str, path: str, count: int) -> list[Served]:
        """Return such requests once there are so many of them, at most 10 seconds later.

        A client has its answer a moment before the app's end is written down.
        """

        def found() -> list[Served]:
            return [
                one for one in self._served if one.method == method and re.search(path, one.path)
            ]

        with self._more:
            assert self._more.wait_for(lambda: len(found()) >= count, timeout=10)
            return found()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()

        if self._act is not None and re.search(self._path, scope["path"]):
            act, self._act = self._act, None
            act()

        parts = [message]

        async def again() -> Message:
            return parts.pop() if parts else await receive()

        await self._app(scope, again, send)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}

        with self._more:
            self._served.append(
                Served(
                    method=scope["method"],
                    path=scope["path"],
                    headers=headers,
                    body=message["body"],
                )
            )
            self._more.notify_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crm:
    desk: SalesforceDesk
    settings: SalesforceSettings
    server: SandboxServer
    state: SalesforceState
    clock: ServerClock
    witness: Witness

    async def write(
        self, write: SyncCase = SYNC, *, marker: str = "act_1", timeout_s: float = TIMEOUT_S
    ) -> Ref:
        return await self.desk.write(write, marker=marker, precondition=None, timeout_s=timeout_s)

    async def probe(self, *, marker: str = "act_1") -> Ref | None:
        return await self.desk.probe(SYNC, marker=marker, timeout_s=TIMEOUT_S)

    def cases(self) -> list[Row]:
        """The cases of SYNC's ticket."""
        return [
            row for row in self.state.records(CASE) if row["McpTicketId__c"] == SYNC.external_id
        ]

    def actions(self) -> dict[str, str]:
        """What each action that Salesforce knows wrote, by its marker."""
        rows = self.state.records(MCP_ACTION)
        return {str(row["Key__c"]): str(row["Ref__c"]) for row in rows}

    def writes(self) -> int:
        """The requests so far that could have an effect."""
        return self.sent("POST", WRITE)

    def ref(self) -> Ref:
        """What points at the one case of SYNC's ticket."""
        (case,) = self.cases()
        return Ref(id=str(case["Id"]), url=f"{self.server.url}/lightning/r/Case/{case['Id']}/view")

    def sent(self, method: str, path: str) -> int:
        return self.server.received.count(method, path)


@asynccontextmanager
async def open_crm(
    serve: Serve, certificate: Certificate, *, threads: int = 1
) -> AsyncIterator[Crm]:
    clock, effects = ServerClock(), Effects()
    state = SalesforceState(clock=clock)
    witness = Witness(create_app(state, effects))
    server = serve(witness, effects)
    settings = SalesforceSettings(
        name="crm",
        instance_url=server.url,
        client_id=SALESFORCE_CLIENT_ID,
        client_secret=Secret(SALESFORCE_CLIENT_SECRET),
        ca_bundle=certificate.ca_file,
    )

    async with open_desk(settings, threads=threads) as desk:
        yield Crm(
            desk=desk,
            settings=settings,
            server=server,
            state=state,
            clock=clock,
            witness=witness,
        )


@asynccontextmanager
async def open_desk(
    settings: SalesforceSettings, *, threads: int = 1
) -> AsyncIterator[SalesforceDesk]:
    desk = SalesforceDesk(settings, clock=SystemClock(), threads=threads)

    try:
        yield desk
    finally:
        await desk.aclose()


async def failure(asking: Awaitable[object]) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await asking

    return caught.value


async def verdict(asking: Awaitable[object]) -> tuple[Evidence, Reason]:
    failed = await failure(asking)
    return failed.evidence, failed.reason


def composite_part(request: Served, reference: str) -> dict[str, object]:
    """The subrequest of that name in a composite request."""
    parts = json.loads(request.body)["compositeRequest"]
    (found,) = (part for part in parts if part["referenceId"] == reference)
    assert isinstance(found, dict)
    return found


def other(write: SyncCase = SYNC, *, subject: str) -> SyncCase:
    return replace(write, subject=subject)
