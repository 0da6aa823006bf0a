"""A small Zendesk client, as one writes it from the vendor's documentation: nothing is repeated.

Public replies are updates of the ticket (developer.zendesk.com, "Tickets: update ticket"); what
is sent as `metadata` comes back in the ticket's audits as `metadata.custom`.
"""

import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx2

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.controls.wishes import Wish

TIMEOUT_S = 2.0
"""How long one request may take: the same for every control."""

ATTEMPTS = 5
"""How often a control sends before it reports a failure."""

_PAUSE_S = 0.05
_MARKER = "reply_key"
_NEWEST = 100


class Refused(Exception):
    """The desk refuses this request as it is; to send it again is vain."""


class Unanswered(Exception):
    """No answer, or the desk's own trouble: what one tries again."""


class Sender:
    """One connection to the desk."""

    def __init__(self, desk: DeskAccess) -> None:
        """Connect when the first request is made."""
        self._client = httpx2.Client(
            base_url=desk.base_url,
            auth=(f"{desk.email}/token", desk.token),
            verify=ssl.create_default_context(cafile=str(desk.ca_bundle)),
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def reply(self, wish: Wish, *, marked: bool = False) -> None:
        """Send the public reply once, with its key beside it when `marked`.

        Raises:
            Refused: a 4xx other than 429.
            Unanswered: anything else that is no 2xx.
        """
        ticket: dict[str, object] = {"comment": {"body": wish.body, "public": True}}

        if marked:
            ticket["metadata"] = {_MARKER: wish.key}

        self._ask("PUT", f"/api/v2/tickets/{wish.ticket_id}", json={"ticket": ticket})

    def has_reply(self, wish: Wish) -> bool:
        """Return whether the ticket's newest audits show a reply that was sent with that key.

        Raises:
            Refused, Unanswered: as `reply` does; then nothing is known.
        """
        path = f"/api/v2/tickets/{wish.ticket_id}/audits?sort=-created_at&page[size]={_NEWEST}"
        audits = self._ask("GET", path).json()["audits"]
        return any(_key_of(audit) == wish.key for audit in audits)

    def __enter__(self) -> Self:
        """Return the sender itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._client.close()

    def _ask(
        self, method: str, path: str, *, json: dict[str, object] | None = None
    ) -> httpx2.Response:
        try:
            answer = self._client.request(method, path, json=json)
        except httpx2.TransportError as lost:
            raise Unanswered(type(lost).__name__) from lost

        if 400 <= answer.status_code < 500 and answer.status_code != 429:
            raise Refused(str(answer.status_code))

        if not answer.is_success:
            raise Unanswered(str(answer.status_code))

        return answer


def try_again(send: Callable[[], None]) -> bool:
    """Call `send` until it is answered, with growing pauses; return whether the desk took it."""
    for number in range(ATTEMPTS):
        time.sleep(_PAUSE_S * (2**number - 1))

        try:
            send()
        except Unanswered:
            continue
        except Refused:
            return False

        return True

    return False


def _key_of(audit: object) -> object:
    """Return the marker of an audit, None where it has none."""
    found = audit

    for name in ("metadata", "custom", _MARKER):
        found = found.get(name) if isinstance(found, dict) else None

    return found
