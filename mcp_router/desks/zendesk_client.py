"""zenpy on a hardened session: it builds, authenticates and sends; we read the answer's JSON.

zenpy is GPLv3 and has no types, so this file alone imports it and nothing of it leaves here.
Answers are read from their JSON and not from zenpy's objects, which drop what was sideloaded and
ask again by themselves when an attribute is touched.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import quote

import requests
from zenpy import Zenpy
from zenpy.lib.api_objects import Ticket as ZenpyTicket
from zenpy.lib.exception import APIException, ZenpyException

from mcp_router.canonical import JsonValue
from mcp_router.clock import Clock
from mcp_router.desks.failures import classify_status, garbled, retry_after_s
from mcp_router.desks.session import DeskSession, assert_no_retries
from mcp_router.desks.zendesk_answer import Part, as_part
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.settings import ZendeskSettings

_SUBDOMAIN, _DOMAIN = "desk", "invalid"
_ORIGIN = f"https://{_SUBDOMAIN}.{_DOMAIN}"
"""Where zenpy believes to be: the session serves it from `base_url`. The name never resolves
(RFC 2606), so a request that got past the session would reach nobody."""

_NO_SLEEP_S = 1  # zenpy raises before it sleeps, should it ever see a 429

_ZENPY_ERRORS = (  # its own, and what it stumbles into when an answer has another shape
    APIException,
    ZenpyException,
    requests.RequestException,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_WORD = re.compile(r"[A-Za-z_]{1,40}")


class _Tickets(Protocol):
    """What is used of `zenpy.lib.api.TicketApi`."""

    def __call__(self, **arguments: str) -> object: ...
    def comments(self, ticket: str) -> object: ...
    def audits(self, ticket: str) -> object: ...
    def create(self, api_objects: object) -> object: ...
    def update(self, api_objects: object) -> object: ...


class _UserSearch(Protocol):
    def __call__(self, query: str) -> object: ...


class _Users(Protocol):
    """What is used of `zenpy.lib.api.UserApi`."""

    @property
    def search(self) -> _UserSearch: ...
    def me(self) -> object: ...


class _Search(Protocol):
    def __call__(self, query: str, *, type: str) -> object: ...


class _Zenpy(Protocol):
    """What is used of a `zenpy.Zenpy`."""

    @property
    def tickets(self) -> _Tickets: ...
    @property
    def users(self) -> _Users: ...
    @property
    def search(self) -> _Search: ...


class ZendeskClient:
    """One account for one worker thread; every method sends exactly one request.

    They raise SendFailed for whatever is not a 2xx with a JSON object, and may be called only
    inside `until`.
    """

    def __init__(self, settings: ZendeskSettings, *, clock: Clock) -> None:
        """Build zenpy's client and prove that it does not send again.

        Raises:
            RetryingAdapter: it would.
            InvalidSettings: `ca_bundle` cannot be read.
        """
        self._deadline_s = 0.0
        self._session = DeskSession(
            clock=clock,
            ca_bundle=settings.ca_bundle,
            origin=_ORIGIN,
            base_url=settings.base_url,
        )
        self._zenpy: _Zenpy = Zenpy(
            domain=_DOMAIN,
            subdomain=_SUBDOMAIN,
            email=settings.email,
            token=settings.token.reveal(),
            session=self._session,
            disable_cache=True,
            ratelimit_budget=_NO_SLEEP_S,
        )
        assert_no_retries(self._session)

    @contextmanager
    def until(self, deadline_s: float) -> Iterator[None]:
        """Hold all requests of the block to one deadline, on the clock's monotonic scale."""
        self._deadline_s = deadline_s

        try:
            yield
        finally:
            self._deadline_s = 0.0

    def date(self) -> str:
        """Return the `Date` of the last answer, "" where it had none."""
        answer = self._session.answer
        return answer.headers.get("Date", "") if answer is not None else ""

    def ticket(self, ticket_id: str, *, include: str = "") -> Part:
        """Return `ticket`, and what `include` sideloads beside it."""
        query = (("include", include),) if include else ()
        return self._ask(lambda: self._zenpy.tickets(id=ticket_id), query=query)

    def comments(self, ticket_id: str, *, size: int) -> Part:
        """Return the latest `comments`, newest first, with their `users` and `meta.has_more`."""
        query = (("sort", "-created_at"), ("page[size]", str(size)), ("include", "users"))
        return self._ask(lambda: self._zenpy.tickets.comments(ticket_id), query=query)

    def audits(self, ticket_id: str, *, size: int, after: str | None) -> Part:
        """Return the latest `audits`, newest first; `after` is a page's `meta.after_cursor`."""
        query = (("sort", "-created_at"), ("page[size]", str(size)), ("page[after]", after))
        no_sideload = (("include", None),)  # zenpy writes include=None
        return self._ask(lambda: self._zenpy.tickets.audits(ticket_id), query=query + no_sideload)

    def tickets_of(self, external_id: str) -> Part:
        """Return the `tickets` with that external id: from the list, which is not indexed late."""
        value = quote(external_id, safe="")
        return self._ask(lambda: self._zenpy.tickets(external_id=value))

    def search(self, query: str, *, page: int, size: int) -> Part:
        """Return one page of `results`, their `count` and `next_page`."""
        numbers = (("page", str(page)), ("per_page", str(size)))
        return self._ask(lambda: self._zenpy.search(query, type="ticket"), query=numbers)

    def find_users(self, query: str, *, size: int) -> Part:
        """Return the `users` that match, with their `organizations`."""
        extras = (("per_page", str(size)), ("include", "organizations"))
        return self._ask(lambda: self._zenpy.users.search(query=query), query=extras)

    def me(self) -> Part:
        """Return the `user` that the credentials belong to."""
        return self._ask(self._zenpy.users.me)

    def create(self, body: Mapping[str, JsonValue], *, key: str) -> Part:
        """Create a ticket under an idempotency key; return `ticket` and `audit`."""
        headers = (("Idempotency-Key", key),)
        return self._ask(lambda: self._zenpy.tickets.create(_Ticket(body)), headers=headers)

    def update(self, body: Mapping[str, JsonValue]) -> Part:
        """Change the ticket with the body's `id`; return `ticket` and `audit`."""
        return self._ask(lambda: self._zenpy.tickets.update(_Ticket(body)))

    def close(self) -> None:
        """Close the session's connections."""
        self._session.close()

    def _ask(
        self,
        send: Callable[[], object],
        *,
        headers: tuple[tuple[str, str], ...] = (),
        query: tuple[tuple[str, str | None], ...] = (),
    ) -> Part:
        with self._session.call(deadline_s=self._deadline_s, headers=headers, query=query):
            try:
                send()
            except _ZENPY_ERRORS:
                raise self._failure() from None

        answer = self._session.answer

        if answer is None or not 200 <= answer.status_code < 300:
            raise self._failure()

        return as_part(_json(answer))

    def _failure(self) -> SendFailed:
        """Return what is known after zenpy gave up, judged by the answer and not by its error."""
        answer = self._session.answer

        if self._session.sends == 0:
            return SendFailed(
                "The request could not be built.",
                evidence=Evidence.NOT_APPLIED,
                reason=Reason.REJECTED,
            )

        if answer is None or 200 <= answer.status_code < 300:
            return garbled(answer.status_code if answer is not None else None)

        return _explained(answer)


class _Ticket(ZenpyTicket):  # type: ignore[misc]  # zenpy has no types
    """A ticket that zenpy sends exactly as it is written in `body`.

    Left to itself it would send the attributes that it believes changed, and take `requester`
    for one of its own objects; a repeated key must repeat the body to the byte.
    """

    def __init__(self, body: Mapping[str, JsonValue]) -> None:
        super().__init__(id=body.get("id"))
        self.body = body

    def to_dict(self, serialize: bool = False) -> Mapping[str, object]:
        plain: Mapping[str, object] = self.body if serialize else super().to_dict()
        return plain


def _explained(answer: requests.Response) -> SendFailed:
    """Return the failure with Zendesk's error code and the fields it names, never a value.

    `{"error": "RecordInvalid", "details": {"requester": [...]}}` is the shape of a refusal
    (developer.zendesk.com, "Making requests: response format").
    """
    failure = classify_status(answer.status_code, retry_after_s=retry_after_s(answer.headers))

    try:
        body = as_part(_json(answer)).members
    except SendFailed:
        return failure

    error, details = body.get("error"), body.get("details")
    words = [error, *(details if isinstance(details, dict) else ())]
    named = ", ".join(word for word in words if isinstance(word, str) and _WORD.fullmatch(word))
    # The key is taken by a request with another body: something was created under it.
    exists = error == "IdempotentRequestError"

    return SendFailed(
        f"{failure.message.rstrip('.')} ({named})." if named else failure.message,
        evidence=Evidence.UNKNOWN if exists else failure.evidence,
        reason=Reason.EXISTS if exists else failure.reason,
        status=failure.status,
        retry_after_s=failure.retry_after_s,
    )


def _json(answer: requests.Response) -> object:
    try:
        body: object = answer.json()
    except ValueError:
        return None

    return body
