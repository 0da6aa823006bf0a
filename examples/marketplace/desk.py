"""The help desk on that day: the embedded Zendesk, which sometimes answers late.

Late is the case that doubles tickets: the ticket is there, and who asked for it does not know.
"""

import asyncio
import math
from collections import Counter
from dataclasses import replace
from random import Random

import anyio
import httpx2
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.marketplace.assumptions import Burst, DeskPace
from mcp_router.canonical import JsonValue
from mcp_router.clock import Clock
from mcp_router.desks.zendesk_tickets import creation
from mcp_router.domain.action import Precondition, Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.ticket import Customer, CustomerQuery
from mcp_router.domain.write import CreateTicket, DeskWrite
from mcp_router.errors import SendFailed
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.zendesk.app import create_app
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.testing.in_process import InProcessTransport

BURST_TAIL_S = 60.0
"""How long the desk feels a burst after its end."""


class HelpDesk:
    """One account at the embedded Zendesk, reached in this process."""

    def __init__(
        self, pace: DeskPace, bursts: tuple[Burst, ...], clock: Clock, random: Random
    ) -> None:
        """Start without tickets."""
        self._state = ZendeskState(clock=clock, seeded=False)
        self._client = httpx2.AsyncClient(
            base_url="https://marketplace.zendesk.com/api/v2",
            auth=(f"{ZENDESK_EMAIL}/token", ZENDESK_TOKEN),
            transport=InProcessTransport(
                _Late(create_app(self._state, Effects()), pace, bursts, clock, random)
            ),
        )

    async def create(self, ticket: JsonValue, *, key: str | None, timeout_s: float) -> str:
        """Create a ticket and return its id; `key` makes a repeated request harmless.

        Raises:
            SendFailed: no such answer came; the ticket may be there.
        """
        headers = {} if key is None else {"Idempotency-Key": key}

        try:
            with anyio.fail_after(timeout_s):
                answer = await self._client.post(
                    "/tickets.json", json={"ticket": ticket}, headers=headers
                )
        except TimeoutError as error:
            raise SendFailed(
                "The desk did not answer in time.",
                evidence=Evidence.UNKNOWN,
                reason=Reason.TIMEOUT,
            ) from error

        if answer.status_code == httpx2.codes.CREATED:
            return str(answer.json()["ticket"]["id"])

        limited = answer.status_code == httpx2.codes.TOO_MANY_REQUESTS
        raise SendFailed(
            "The desk refused.",
            evidence=Evidence.NOT_APPLIED,
            reason=Reason.RATE_LIMITED if limited else Reason.REJECTED,
            status=answer.status_code,
        )

    def tickets(self) -> Counter[str]:
        """Return how many tickets there are for each tag: one for each request is right."""
        return Counter(tag for ticket in self._state.tickets() for tag in ticket.fields.tags)


class RoutedDesk:
    """The help desk as the router sees it: a desk that keeps idempotency keys."""

    def __init__(self, desk: HelpDesk, name: str) -> None:
        """Write to `desk`."""
        self._desk = desk
        self._name = name

    @property
    def name(self) -> str:
        """Return the name that policies use."""
        return self._name

    def strategy(self, write: DeskWrite) -> Strategy:
        """Return Zendesk's own: it keeps the key of a creation."""
        return Strategy.NATIVE_KEY

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        """Return None: a creation is based on nothing."""
        return None

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        """Create the ticket."""
        assert isinstance(write, CreateTicket)
        body = creation(replace(write, requester_email=None), marker)
        return Ref(id=await self._desk.create(body, key=marker, timeout_s=timeout_s))

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        """Say that nothing can be found out without the key."""
        return None

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        """Return nobody."""
        return ()

    async def check(self, *, timeout_s: float) -> str:
        """Return one line."""
        return "the embedded help desk, in this process"

    async def aclose(self) -> None:
        """Close nothing."""


class _Late:
    """An ASGI app before the desk's: everything is done at once, and told later."""

    def __init__(
        self,
        app: ASGIApp,
        pace: DeskPace,
        bursts: tuple[Burst, ...],
        clock: Clock,
        random: Random,
    ) -> None:
        self._app = app
        self._pace = pace
        self._bursts = bursts
        self._clock = clock
        self._random = random

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        told: list[Message] = []

        async def keep(message: Message) -> None:
            told.append(message)

        await self._app(scope, receive, keep)
        await asyncio.sleep(self._latency_s())

        for message in told:
            await send(message)

    def _latency_s(self) -> float:
        """Return how long this answer takes."""
        pace, random = self._pace, self._random
        usual = pace.latency_ms / 1000 * math.exp(random.gauss(0, pace.spread))
        slow = pace.slow_in_bursts if self._is_burst() else pace.slow
        return random.uniform(*pace.slow_s) if random.random() < slow else usual

    def _is_burst(self) -> bool:
        """Tell whether the day's traffic is, or just was, at a peak."""
        now_s = self._clock.monotonic_s()
        return any(
            0 <= now_s - burst.starts_s < burst.seconds + BURST_TAIL_S for burst in self._bursts
        )
