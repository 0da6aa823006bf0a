"""An embedded Zendesk without sockets, for tests that need breadth and a clock of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
from starlette.testclient import TestClient

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.zendesk.app import create_app
from mcp_router.sandbox.zendesk.state import ZendeskState

NOON_S = 1_795_176_000
"""2026-11-20T12:00:00Z, after every seeded ticket."""

CREDENTIALS = (f"{ZENDESK_EMAIL}/token", ZENDESK_TOKEN)


class SetClock:
    """A clock that stands until a test moves it."""

    def __init__(self, now_s: float = NOON_S) -> None:
        self.now_s = now_s

    def now_ms(self) -> int:
        return round(self.now_s * 1000)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The account, its truth, its clock, and a client with the right credentials."""

    state: ZendeskState
    effects: Effects
    clock: SetClock
    client: TestClient

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(f"/api/v2{path}")

    def send(
        self, method: str, path: str, body: JsonValue, *, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        return self.client.request(method, f"/api/v2{path}", json=body, headers=headers)

    def post_ticket(
        self, ticket: Mapping[str, JsonValue], *, key: str | None = None
    ) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.send("POST", "/tickets", {"ticket": ticket}, headers=headers)

    def put_ticket(self, ticket_id: int, ticket: Mapping[str, JsonValue]) -> httpx2.Response:
        return self.send("PUT", f"/tickets/{ticket_id}", {"ticket": ticket})


def open_desk(
    *, seeded: bool = True, additive_tags: bool = True, authenticated: bool = True
) -> Desk:
    clock = SetClock()
    state = ZendeskState(clock=clock, seeded=seeded, additive_tags=additive_tags)
    effects = Effects()
    client = TestClient(
        create_app(state, effects), base_url="https://desk.example", raise_server_exceptions=True
    )

    if authenticated:
        client.auth = CREDENTIALS

    client.headers["User-Agent"] = "test/1"
    return Desk(state=state, effects=effects, clock=clock, client=client)
