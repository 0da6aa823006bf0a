"""Zendesk as a desk: tickets, the people behind them, and writes that never happen twice.

What the vendor promises and this file relies on (developer.zendesk.com, read 2026-11):
an `Idempotency-Key` on `POST /tickets` is kept for two hours; `safe_update` with `updated_stamp`
answers 409 for another version of the ticket; `metadata` of a write stays in its audit. Tags are
set as a whole by the update of one ticket (`additional_tags` is documented for bulk updates
only), so a change of tags reads the ticket first and is always tied to the version that it read.
"""

import base64
import binascii
import logging
import re
from collections.abc import Callable
from typing import TypeVar, assert_never

from mcp_router.clock import Clock
from mcp_router.desks.failures import before_write
from mcp_router.desks.workers import Workers
from mcp_router.desks.zendesk_answer import Part
from mcp_router.desks.zendesk_client import ZendeskClient
from mcp_router.desks.zendesk_tickets import (
    carries,
    change,
    creation,
    new_tags,
    read_comments,
    read_customers,
    read_precondition,
    read_ticket,
    ticket_ref,
    user_query,
)
from mcp_router.domain.action import Precondition, Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.ticket import Customer, CustomerQuery, TicketPage, TicketView
from mcp_router.domain.write import CreateTicket, DeskWrite, SyncCase, UpdateTicket
from mcp_router.errors import InvalidArguments, NotConfigured, SendFailed
from mcp_router.settings import ZendeskSettings

ResultT = TypeVar("ResultT")

_PAGE = 100  # Zendesk's largest page
_REACHABLE = 1000  # results of one search that Zendesk pages through at most
_AUDIT_PAGES = 3
_ID = re.compile(r"[0-9]{1,19}")
_CURSOR = re.compile(r"([1-9][0-9]{0,3}):([1-9][0-9]{0,2})")


class ZendeskDesk:
    """One Zendesk account. Every method raises SendFailed with its evidence.

    `timeout_s` bounds a whole method, the wait for a free worker thread included.
    """

    kind = "zendesk"

    def __init__(self, settings: ZendeskSettings, *, clock: Clock, threads: int = 4) -> None:
        """Build the first client; nothing is connected yet.

        Raises:
            RetryingAdapter: zenpy would send again by itself.
            InvalidSettings: `ca_bundle` cannot be read.
        """
        # At DEBUG zenpy logs whole requests: what customers wrote must not get there.
        logging.getLogger("zenpy").setLevel(logging.WARNING)
        self.name = settings.name
        self._base_url = settings.base_url
        self._clock = clock
        self._workers: Workers[ZendeskClient] = Workers(
            lambda: ZendeskClient(settings, clock=clock),
            close=ZendeskClient.close,
            name=f"desk-{settings.name}",
            threads=threads,
        )

    def strategy(self, write: DeskWrite) -> Strategy:
        """Return how a write can be repeated safely.

        Raises:
            NotConfigured: the write belongs to a CRM.
        """
        match write:
            case CreateTicket():
                return Strategy.NATIVE_KEY
            case UpdateTicket():
                return Strategy.CAS_MARKER
            case SyncCase():
                raise _no_cases()
            case _:
                assert_never(write)

    async def view_ticket(self, ticket_id: str, *, comments: int, timeout_s: float) -> TicketView:
        """Return a ticket with its requester and at most 100 latest comments, in two requests."""
        identity = _identity(ticket_id)
        return await self._run(timeout_s, lambda client: self._view(client, identity, comments))

    async def search_tickets(
        self, query: str, *, limit: int, cursor: str | None, timeout_s: float
    ) -> TicketPage:
        """Return a page of at most 100 tickets; `query` is in Zendesk's search syntax.

        The index is minutes behind, and only the first 1000 results can be paged through;
        `total` counts all. A page of a cursor has the size of the first one.

        Raises:
            InvalidArguments: the cursor is not one of ours.
        """
        page, size = (1, min(max(limit, 1), _PAGE)) if cursor is None else _place(cursor)
        answer = await self._run(
            timeout_s, lambda client: client.search(query, page=page, size=size)
        )
        found = [part for part in answer.parts("results") if part.text("result_type") == "ticket"]
        more = answer.has("next_page") and (page + 1) * size <= _REACHABLE
        return TicketPage(
            tickets=tuple(read_ticket(part, base_url=self._base_url) for part in found),
            total=answer.number("count"),
            cursor=_cursor(page + 1, size) if more else None,
        )

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        """Return at most `limit` users who match everything that the query gives."""
        words = user_query(query)

        if not words:
            return ()

        size = min(max(limit, 1), _PAGE)
        answer = await self._run(timeout_s, lambda client: client.find_users(words, size=size))
        return read_customers(answer, target=self.name)[:size]

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        """Return the version of the ticket that an update is based on; None for a creation."""
        match write:
            case CreateTicket():
                return None
            case UpdateTicket():
                identity = _identity(write.ticket_id)
                return await self._run(timeout_s, lambda client: _version(client, identity))
            case SyncCase():
                raise _no_cases()
            case _:
                assert_never(write)

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        """Send one request that can have an effect, and return the ticket that it touched.

        Without a precondition an update is sent for whatever version the ticket has, unless it
        changes tags.

        Raises:
            NotConfigured: the write belongs to a CRM.
        """
        match write:
            case CreateTicket():
                answer = await self._run(timeout_s, lambda client: _create(client, write, marker))
            case UpdateTicket():
                _check_ids(write)
                stamp = precondition.stamp if precondition else None
                answer = await self._run(
                    timeout_s, lambda client: _update(client, write, marker, stamp)
                )
            case SyncCase():
                raise _no_cases()
            case _:
                assert_never(write)

        return ticket_ref(self._base_url, answer.part("ticket").identity("id"))

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        """Return the ticket that the write with this marker made or changed, or None.

        A creation is looked up by its external id in the list of tickets, which is not behind
        as the search index is. An update is looked up in the ticket's 300 latest audits; where
        the ticket has more and the marker is in none of these, nothing is proved and SendFailed
        (unknown) is raised. None does not exclude that a request still under way is applied
        later: only the key or the version stops that one.

        Raises:
            NotConfigured: the write belongs to a CRM.
        """
        match write:
            case CreateTicket():
                found = await self._run(timeout_s, lambda client: _created(client, marker))
            case UpdateTicket():
                identity = _identity(write.ticket_id)
                found = await self._run(
                    timeout_s, lambda client: _updated(client, identity, marker)
                )
            case SyncCase():
                raise _no_cases()
            case _:
                assert_never(write)

        return None if found is None else ticket_ref(self._base_url, found)

    async def check(self, *, timeout_s: float) -> str:
        """Return one line that says Zendesk accepts the credentials, and in which role.

        Raises:
            SendFailed: it does not, or they are an end user's; Zendesk answers nobody with an
                anonymous end user, not with a 401.
        """
        user = (await self._run(timeout_s, lambda client: client.me())).part("user")

        if not user.has("id") or user.text("role") == "end-user":
            raise _refusal("The credentials belong to nobody who works here.", Reason.UNAUTHORIZED)

        return f"Zendesk answers at {self._base_url}; the credentials act as {user.text('role')}."

    async def aclose(self) -> None:
        """Let running requests finish, then close connections and threads."""
        await self._workers.aclose()

    async def _run(self, timeout_s: float, job: Callable[[ZendeskClient], ResultT]) -> ResultT:
        deadline_s = self._clock.monotonic_s() + timeout_s

        def timed(client: ZendeskClient) -> ResultT:
            with client.until(deadline_s):
                return job(client)

        return await self._workers.run(timed)

    def _view(self, client: ZendeskClient, ticket_id: str, comments: int) -> TicketView:
        answer = client.ticket(ticket_id, include="users,organizations")
        ticket = read_ticket(answer.part("ticket"), base_url=self._base_url)
        people = read_customers(answer, target=self.name) if answer.has("users") else ()
        requester = next((one for one in people if one.id == ticket.requester_id), None)

        if comments < 1:  # every ticket has its description as a comment
            return TicketView(ticket=ticket, requester=requester, comments=(), more_comments=True)

        latest = client.comments(ticket_id, size=min(comments, _PAGE))
        return TicketView(
            ticket=ticket,
            requester=requester,
            comments=tuple(reversed(read_comments(latest))),
            more_comments=latest.part("meta").flag("has_more"),
        )


def _version(client: ZendeskClient, ticket_id: str) -> Precondition:
    ticket = client.ticket(ticket_id).part("ticket")
    return read_precondition(ticket, date=client.date())


def _create(client: ZendeskClient, write: CreateTicket, marker: str) -> Part:
    try:
        return client.create(creation(write, marker), key=marker)
    except SendFailed as failure:
        if failure.status != 409:
            raise

        # What a key answers while its first request is under way is not documented: if it is
        # 409, that one may still create the ticket.
        raise SendFailed(
            failure.message,
            evidence=Evidence.UNKNOWN,
            reason=Reason.SERVER_ERROR,
            status=failure.status,
        ) from None


def _update(client: ZendeskClient, write: UpdateTicket, marker: str, stamp: str | None) -> Part:
    tags = None

    if write.add_tags or write.remove_tags:
        try:
            ticket = client.ticket(write.ticket_id).part("ticket")
            tags = new_tags(write, ticket.texts("tags"))
            stamp = stamp or ticket.text("updated_at")
        except SendFailed as failure:
            raise before_write(failure) from None

    return client.update(change(write, marker, tags=tags, stamp=stamp))


def _created(client: ZendeskClient, marker: str) -> str | None:
    tickets = client.tickets_of(marker).parts("tickets")
    ours = [part.number("id") for part in tickets if part.maybe_text("external_id") == marker]
    return str(min(ours)) if ours else None


def _updated(client: ZendeskClient, ticket_id: str, marker: str) -> str | None:
    after: str | None = None

    for _ in range(_AUDIT_PAGES):
        answer = client.audits(ticket_id, size=_PAGE, after=after)

        if carries(answer.parts("audits"), marker):
            return ticket_id

        meta = answer.part("meta")

        if not meta.flag("has_more"):
            return None

        after = meta.text("after_cursor")

    raise SendFailed(
        "The ticket has more audits than a probe reads.",
        evidence=Evidence.UNKNOWN,
        reason=Reason.NOT_FOUND,
    )


def _identity(ticket_id: str) -> str:
    """Return the id if it can be one; it becomes part of a path.

    Raises:
        SendFailed: no ticket has such an id; nothing was sent.
    """
    if not _ID.fullmatch(ticket_id):
        raise _refusal("No ticket has such an id.", Reason.NOT_FOUND)

    return ticket_id


def _check_ids(write: UpdateTicket) -> None:
    _identity(write.ticket_id)

    given = [one for one in (write.assignee_id, write.group_id) if one is not None]

    if not all(_ID.fullmatch(identity) for identity in given):
        raise _refusal("An id of an agent or a group is a number.", Reason.REJECTED)


def _cursor(page: int, size: int) -> str:
    return base64.urlsafe_b64encode(f"{page}:{size}".encode()).decode()


def _place(cursor: str) -> tuple[int, int]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError):
        text = ""

    place = _CURSOR.fullmatch(text)

    if place is None or int(place[2]) > _PAGE:
        raise InvalidArguments("cursor: not one that a search has returned")

    return int(place[1]), int(place[2])


def _refusal(message: str, reason: Reason) -> SendFailed:
    return SendFailed(message, evidence=Evidence.NOT_APPLIED, reason=reason)


def _no_cases() -> NotConfigured:
    return NotConfigured("A Zendesk desk holds no CRM cases; configure a Salesforce desk for them.")
