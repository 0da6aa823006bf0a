"""The embedded desks of one world, behind proxies: what the router may reach and what is true."""

import re
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.proxy import HOST, Proxy
from mcp_router.canonical import JsonValue
from mcp_router.clock import SystemClock
from mcp_router.domain.case_mapping import external_id
from mcp_router.sandbox import credentials
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.salesforce.app import create_app as create_salesforce_app
from mcp_router.sandbox.salesforce.schema import OBJECTS
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.app import create_app as create_zendesk_app
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.seed import MAYA
from mcp_router.sandbox.zendesk.state import ZendeskState

_YESTERDAY_MS = -86_400_000
_TICKET = re.compile(r"/tickets/(\d+)(?:\.json)?$")


class ShiftedClock(SystemClock):
    """The desks' wall clock; the thread that seeds them lives a day in the past."""

    def __init__(self) -> None:
        """Start in the present, on every thread."""
        self._here = threading.local()

    def now_ms(self) -> int:
        """Return the wall clock of this thread."""
        shift_ms: int = getattr(self._here, "shift_ms", 0)
        return super().now_ms() + shift_ms

    def shift(self, shift_ms: int) -> None:
        """Move the clock of this thread only."""
        self._here.shift_ms = shift_ms


class Accepted:
    """Counts the updates that the app accepted, ticket by ticket.

    An update that repeats what a ticket says already leaves no trace in its history, so a second
    one of the same kind would be seen here only.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Pass everything to `app`."""
        self._app = app
        self._lock = threading.Lock()
        self._updates: Counter[int] = Counter()

    def updates(self, ticket_id: int) -> int:
        """Return how many updates of a ticket were accepted over HTTP."""
        with self._lock:
            return self._updates[ticket_id]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = _TICKET.search(scope["path"]) if scope.get("method") == "PUT" else None

        async def watched(message: Message) -> None:
            if found and message["type"] == "http.response.start" and message["status"] < 300:
                with self._lock:
                    self._updates[int(found[1])] += 1

            await send(message)

        await self._app(scope, receive, watched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """One Zendesk and one Salesforce, each behind its proxy. Close them when done."""

    zendesk: SandboxServer
    salesforce: SandboxServer
    zendesk_proxy: Proxy
    salesforce_proxy: Proxy
    zendesk_state: ZendeskState
    salesforce_state: SalesforceState
    accepted: Accepted
    clock: ShiftedClock
    certificate: Certificate

    async def aclose(self) -> None:
        """Stop proxies and servers."""
        await self.zendesk_proxy.close()
        await self.salesforce_proxy.close()
        self.zendesk.close()
        self.salesforce.close()

    def ticket(self, subject: str, *, fresh: bool = False) -> int:
        """Return a new ticket, last changed yesterday unless it is to be fresh.

        The version stamp of an old one is its own: the second that it names is over.
        """
        self.clock.shift(0 if fresh else _YESTERDAY_MS)

        try:
            written = self.zendesk_state.create(
                {"subject": subject, "comment": {"body": subject}, "requester_id": MAYA},
                Origin(author_id=MAYA, client="torture"),
            )
        finally:
            self.clock.shift(0)

        return written.ticket.id

    def old_case(self, ticket_id: int) -> None:
        """Keep a case for a ticket, as a sync of yesterday has left it."""
        self.clock.shift(_YESTERDAY_MS)

        try:
            self.salesforce_state.insert(
                OBJECTS["Case"],
                {"Subject": "Synced yesterday", "McpTicketId__c": external_id(str(ticket_id))},
            )
        finally:
            self.clock.shift(0)

    def edit(self, ticket_id: int, note: str) -> None:
        """Change a ticket beside the router, as a colleague does in the browser."""
        body: dict[str, JsonValue] = {"comment": {"body": note, "public": False}}
        self.zendesk_state.update(
            ticket_id, body, Origin(author_id=self.zendesk_state.me.id, client="colleague")
        )

    def access(self) -> DeskAccess:
        """Return the way to the Zendesk for a control."""
        return DeskAccess(
            base_url=f"https://{HOST}:{self.zendesk_proxy.port}",
            email=credentials.ZENDESK_EMAIL,
            token=credentials.ZENDESK_TOKEN,
            ca_bundle=Path(self.certificate.ca_file),
        )

    def settings(self) -> dict[str, JsonValue]:
        """Return the `desks` section of a router.yaml."""
        trust = str(self.certificate.ca_file)
        return {
            "zendesk": {
                "kind": "zendesk",
                "base_url": f"https://{HOST}:{self.zendesk_proxy.port}",
                "email": credentials.ZENDESK_EMAIL,
                "token": credentials.ZENDESK_TOKEN,
                "ca_bundle": trust,
            },
            "salesforce": {
                "kind": "salesforce",
                "instance_url": f"https://{HOST}:{self.salesforce_proxy.port}",
                "client_id": credentials.SALESFORCE_CLIENT_ID,
                "client_secret": credentials.SALESFORCE_CLIENT_SECRET,
                "ca_bundle": trust,
            },
        }


async def open_desks(thread: LoopThread, certificate: Certificate) -> Desks:
    """Start both desks on `thread`, their proxies on this loop."""
    clock = ShiftedClock()
    zendesk_state = ZendeskState(clock=clock, seeded=True)
    salesforce_state = SalesforceState(clock=clock, seeded=True)
    effects = Effects()
    accepted = Accepted(create_zendesk_app(zendesk_state, effects))
    zendesk = SandboxServer(
        "zendesk",
        accepted,
        thread=thread,
        certificate=certificate,
        effects=effects,
        clock=clock,
    )
    effects = Effects()
    salesforce = SandboxServer(
        "salesforce",
        create_salesforce_app(salesforce_state, effects),
        thread=thread,
        certificate=certificate,
        effects=effects,
        clock=clock,
    )
    desks = Desks(
        zendesk=zendesk,
        salesforce=salesforce,
        zendesk_proxy=Proxy(zendesk.port),
        salesforce_proxy=Proxy(salesforce.port),
        zendesk_state=zendesk_state,
        salesforce_state=salesforce_state,
        accepted=accepted,
        clock=clock,
        certificate=certificate,
    )
    await desks.zendesk_proxy.open()
    await desks.salesforce_proxy.open()
    return desks


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the desks hold, read once when nothing is under way any more."""

    desks: Desks
    subjects: Counter[str]
    cases: dict[str, str]

    @classmethod
    def of(cls, desks: Desks) -> "Truth":
        """Read the desks."""
        cases = desks.salesforce_state.records(OBJECTS["Case"])
        return cls(
            desks=desks,
            subjects=Counter(one.fields.subject or "" for one in desks.zendesk_state.tickets()),
            cases={str(case["McpTicketId__c"]): str(case["Id"]) for case in cases},
        )

    def comments(self, ticket_id: int, body: str, *, public: bool) -> int:
        """Return how often a ticket says this."""
        return sum(
            one.body == body and one.public is public
            for one in self.desks.zendesk_state.comments(ticket_id)
        )

    def tickets(self, subject: str) -> int:
        """Return how many tickets have this subject."""
        return self.subjects[subject]

    def updates(self, ticket_id: int) -> int:
        """Return how many updates of a ticket came over HTTP and were accepted."""
        return self.desks.accepted.updates(ticket_id)

    def syncs(self, ticket_id: int) -> int:
        """Return how often a ticket's case was inserted or updated over HTTP."""
        case = self.cases.get(external_id(str(ticket_id)))

        if case is None:
            return 0

        effects = self.desks.salesforce.effects
        return effects.count("case", case) + effects.count("case_update", case)
