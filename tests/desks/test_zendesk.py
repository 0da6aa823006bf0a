"""What the Zendesk desk reads: tickets, comments, searches, people, itself."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

import pytest

from mcp_router.clock import SystemClock
from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.action import Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.secret import Secret
from mcp_router.domain.ticket import (
    Comment,
    Customer,
    CustomerQuery,
    Priority,
    Status,
    Ticket,
    TicketType,
    TicketView,
    Visibility,
)
from mcp_router.domain.write import CreateTicket, SyncCase, UpdateTicket
from mcp_router.errors import InvalidArguments, NotConfigured, SendFailed
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.settings import ZendeskSettings
from tests.desks.conftest import Tape

TIMEOUT_S = 10.0
CREATE = CreateTicket(subject="Lost parcel", body="Where is it?")
UPDATE = UpdateTicket(ticket_id="102", status=Status.SOLVED)
SYNC = SyncCase(
    external_id="102", subject="s", description="d", status="New", priority=None, contact_email=None
)


async def failure(asking: Awaitable[object]) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await asking

    return caught.value


async def test_a_ticket_comes_with_its_requester_and_its_latest_comments(
    desk: ZendeskDesk, zendesk: SandboxServer, tape: Tape
) -> None:
    view = await desk.view_ticket("102", comments=1, timeout_s=TIMEOUT_S)
    assert view == TicketView(
        ticket=Ticket(
            id="102",
            url=f"{zendesk.url}/agent/tickets/102",
            subject="How long is the return window for a gift?",
            description=view.ticket.description,
            status=Status.PENDING,
            priority=Priority.LOW,
            type=TicketType.QUESTION,
            requester_id="2002",
            assignee_id="1002",
            group_id="4001",
            organization_id=None,
            external_id=None,
            tags=("order", "returns"),
            created_at="2026-11-09T10:40:00Z",
            updated_at="2026-11-09T14:05:00Z",
        ),
        requester=Customer(
            id="2002", target="helpdesk", name="Diego Fuentes", email="diego.fuentes@example.com"
        ),
        comments=(
            Comment(
                id=view.comments[0].id,
                author="Priya Raman",
                body="Hello Diego, for gifts the 30 days begin with the delivery. Could you send "
                "us the order number so that I can check the date?",
                visibility=Visibility.PUBLIC,
                created_at="2026-11-09T14:05:00Z",
            ),
        ),
        more_comments=True,
    )
    assert [(one.method, one.path) for one in tape.requests] == [
        ("GET", "/api/v2/tickets/102.json"),
        ("GET", "/api/v2/tickets/102/comments.json"),
    ]


async def test_comments_are_told_oldest_first_and_whether_there_are_more(desk: ZendeskDesk) -> None:
    view = await desk.view_ticket("102", comments=9, timeout_s=TIMEOUT_S)
    assert [comment.created_at for comment in view.comments] == [
        "2026-11-09T10:40:00Z",
        "2026-11-09T14:05:00Z",
    ]
    assert view.comments[0].body == view.ticket.description
    assert view.more_comments is False


async def test_a_ticket_without_comments_is_one_request(desk: ZendeskDesk, tape: Tape) -> None:
    view = await desk.view_ticket("102", comments=0, timeout_s=TIMEOUT_S)
    assert (view.comments, view.more_comments) == ((), True)
    assert len(tape.requests) == 1


async def test_the_requester_comes_with_their_account(desk: ZendeskDesk) -> None:
    view = await desk.view_ticket("103", comments=0, timeout_s=TIMEOUT_S)
    assert view.requester == Customer(
        id="2003",
        target="helpdesk",
        name="Hannah Brooks",
        email="hannah.brooks@example.com",
        phone="+1 202 555 0117",
        account="Harbor Lane Goods",
    )


async def test_an_unknown_ticket_is_not_found(desk: ZendeskDesk) -> None:
    found = await failure(desk.view_ticket("999", comments=1, timeout_s=TIMEOUT_S))
    assert (found.reason, found.status) == (Reason.NOT_FOUND, 404)


@pytest.mark.parametrize(
    "ticket_id", ["", "abc", "1/../2", "102.json", "-1", "\uff11", "1 2", "9" * 20]
)
async def test_what_cannot_be_an_id_reaches_no_path(
    desk: ZendeskDesk, zendesk: SandboxServer, ticket_id: str
) -> None:
    found = await failure(desk.view_ticket(ticket_id, comments=1, timeout_s=TIMEOUT_S))
    assert (found.evidence, found.reason) == (Evidence.NOT_APPLIED, Reason.NOT_FOUND)
    assert zendesk.received.count() == 0


async def test_a_search_is_paged_by_an_opaque_cursor(desk: ZendeskDesk, tape: Tape) -> None:
    query = "status<solved"
    first = await desk.search_tickets(query, limit=4, cursor=None, timeout_s=TIMEOUT_S)
    second = await desk.search_tickets(query, limit=9, cursor=first.cursor, timeout_s=TIMEOUT_S)
    assert len(tape.requests) == 2
    whole = await desk.search_tickets(query, limit=100, cursor=None, timeout_s=TIMEOUT_S)
    assert len(first.tickets) == len(second.tickets) == 4
    assert first.tickets + second.tickets == whole.tickets[:8]
    assert first.total == second.total == whole.total == len(whole.tickets)
    assert (first.cursor is None, second.cursor is None, whole.cursor) == (False, False, None)


async def test_a_search_finds_tickets_only(desk: ZendeskDesk) -> None:
    page = await desk.search_tickets("type:user maya", limit=9, cursor=None, timeout_s=TIMEOUT_S)
    assert {type(found) for found in page.tickets} <= {Ticket}


async def test_a_search_keeps_the_signs_of_its_query(desk: ZendeskDesk, tape: Tape) -> None:
    await desk.search_tickets('"a&b" c+d 100%', limit=1, cursor=None, timeout_s=TIMEOUT_S)
    assert "query=%22a%26b%22+c%2Bd+100%25+type%3Aticket" in tape.requests[0].query


async def test_a_query_that_has_no_bytes_is_not_sent(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    found = await failure(desk.search_tickets("\ud800", limit=1, cursor=None, timeout_s=TIMEOUT_S))
    assert (found.evidence, found.reason) == (Evidence.NOT_APPLIED, Reason.REJECTED)
    assert zendesk.received.count() == 0


@pytest.mark.parametrize("cursor", ["", "x", "MTow", "MToxMDE=", "é", "MTo1OjU="])
async def test_a_cursor_of_other_making_is_refused(desk: ZendeskDesk, cursor: str) -> None:
    with pytest.raises(InvalidArguments):
        await desk.search_tickets("a", limit=5, cursor=cursor, timeout_s=TIMEOUT_S)


async def test_no_cursor_leads_beyond_what_zendesk_pages_through(
    desk: ZendeskDesk, zendesk_state: ZendeskState
) -> None:
    limit = len(zendesk_state.tickets()) - 1
    first = await desk.search_tickets("", limit=limit, cursor=None, timeout_s=TIMEOUT_S)
    assert first.cursor is not None
    last = await desk.search_tickets("", limit=limit, cursor=first.cursor, timeout_s=TIMEOUT_S)
    assert last.cursor is None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (CustomerQuery(email="Hannah.Brooks@example.com"), ["Hannah Brooks"]),
        (CustomerQuery(phone="+1 202 555 0117"), ["Hannah Brooks"]),
        (CustomerQuery(name="hannah"), ["Hannah Brooks"]),
        (CustomerQuery(name="hannah", email="maya.lindqvist@example.com"), []),
        (CustomerQuery(email="nobody@example.com"), []),
        (CustomerQuery(email="*"), []),
        (CustomerQuery(name='" role:admin "'), []),
    ],
)
async def test_people_are_found_by_what_they_all_match(
    desk: ZendeskDesk, query: CustomerQuery, names: list[str]
) -> None:
    found = await desk.find_customers(query, limit=5, timeout_s=TIMEOUT_S)
    assert [customer.name for customer in found] == names
    assert {customer.account for customer in found} <= {"Harbor Lane Goods"}


async def test_a_wildcard_alone_asks_nothing(desk: ZendeskDesk, zendesk: SandboxServer) -> None:
    query = CustomerQuery(email="*", phone=' "" ', name="**")
    assert await desk.find_customers(query, limit=5, timeout_s=TIMEOUT_S) == ()
    assert zendesk.received.count() == 0


async def test_the_check_tells_the_role(desk: ZendeskDesk, zendesk: SandboxServer) -> None:
    line = await desk.check(timeout_s=TIMEOUT_S)
    assert line == f"Zendesk answers at {zendesk.url}; the credentials act as admin."


async def test_the_check_refuses_a_wrong_token(zendesk_settings: ZendeskSettings) -> None:
    settings = ZendeskSettings(
        name="helpdesk",
        email=zendesk_settings.email,
        token=Secret("wrong"),
        base_url=zendesk_settings.base_url,
        ca_bundle=zendesk_settings.ca_bundle,
    )
    desk = ZendeskDesk(settings, clock=SystemClock())
    found = await failure(desk.check(timeout_s=TIMEOUT_S))
    await desk.aclose()
    assert (found.reason, found.status) == (Reason.UNAUTHORIZED, 401)
    assert "wrong" not in found.message


@pytest.mark.parametrize("identity", ["null", "2001"])
async def test_the_check_refuses_who_cannot_answer_tickets(
    desk: ZendeskDesk, zendesk: SandboxServer, identity: str
) -> None:
    body = f'{{"user": {{"id": {identity}, "role": "end-user"}}}}'
    zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=200, body=body))
    found = await failure(desk.check(timeout_s=TIMEOUT_S))
    assert found.reason is Reason.UNAUTHORIZED


@pytest.mark.parametrize(
    "body", ["[]", "null", "7", '"x"', "<html>", "{", "{}", '{"user": []}', ""]
)
async def test_an_answer_of_another_shape_is_garbled(
    desk: ZendeskDesk, zendesk: SandboxServer, body: str
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=200, body=body))
    found = await failure(desk.check(timeout_s=TIMEOUT_S))
    assert (found.evidence, found.reason) == (Evidence.UNKNOWN, Reason.GARBLED)
    assert zendesk.received.count() == 1


async def test_requests_run_side_by_side_each_with_a_client_of_its_own(
    effects: Effects,
    zendesk_state: ZendeskState,
    zendesk_settings: ZendeskSettings,
    tape: Tape,
) -> None:
    together = asyncio.Barrier(3)
    inner = tape.app

    async def meet(*arguments: object) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await together.wait()  # nobody is answered before all three are here

        await inner(*arguments)  # type: ignore[arg-type]  # passed on as they came

    tape.app = meet
    desk = ZendeskDesk(zendesk_settings, clock=SystemClock(), threads=3)
    await asyncio.gather(*(desk.check(timeout_s=TIMEOUT_S) for _ in range(3)))
    await desk.aclose()
    assert len({one.connection for one in tape.requests}) == 3
    assert not [one for one in threading.enumerate() if one.name.startswith("desk-helpdesk")]


async def test_zenpy_cannot_be_sent_elsewhere_by_the_environment(
    desk: ZendeskDesk, zendesk: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENPY_FORCE_NETLOC", zendesk.url.removeprefix("https://"))
    found = await failure(desk.check(timeout_s=TIMEOUT_S))
    assert (found.evidence, found.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert zendesk.received.count() == 0


async def test_nothing_that_people_wrote_is_logged(
    desk: ZendeskDesk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    query = CustomerQuery(email="hannah.brooks@example.com")
    assert len(await desk.find_customers(query, limit=1, timeout_s=TIMEOUT_S)) == 1
    assert "hannah" not in caplog.text.lower()


def test_each_write_has_the_strategy_that_zendesk_offers(desk: ZendeskDesk) -> None:
    assert (desk.name, desk.kind) == ("helpdesk", "zendesk")
    assert desk.strategy(CREATE) is Strategy.NATIVE_KEY
    assert desk.strategy(UPDATE) is Strategy.CAS_MARKER


@pytest.mark.parametrize(
    "act",
    [
        lambda desk: desk.precondition(SYNC, timeout_s=TIMEOUT_S),
        lambda desk: desk.write(SYNC, marker="m", precondition=None, timeout_s=TIMEOUT_S),
        lambda desk: desk.probe(SYNC, marker="m", timeout_s=TIMEOUT_S),
    ],
    ids=["precondition", "write", "probe"],
)
async def test_a_case_belongs_to_another_desk(
    desk: ZendeskDesk, zendesk: SandboxServer, act: Callable[[ZendeskDesk], Awaitable[object]]
) -> None:
    with pytest.raises(NotConfigured):
        desk.strategy(SYNC)

    with pytest.raises(NotConfigured):
        await act(desk)

    assert zendesk.received.count() == 0
