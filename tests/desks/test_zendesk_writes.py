"""What the Zendesk desk writes, counted by the desk itself: requests received, effects applied."""

from collections.abc import Awaitable, Iterator
from dataclasses import replace

import pytest
import requests
from zenpy import Zenpy
from zenpy.lib.api_objects import Comment as ZenpyComment
from zenpy.lib.api_objects import Ticket as ZenpyTicket

from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.action import Precondition, Ref
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.ticket import Priority, TicketType, Visibility
from mcp_router.domain.write import CreateTicket, NewComment, UpdateTicket
from mcp_router.errors import SendFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.state import ZendeskState
from tests.desks.conftest import Tape

TIMEOUT_S = 10.0
MARKER = "act_01jd00000000000000000000a1"
CREATE = CreateTicket(
    subject="Lost parcel",
    body="Where is order 20881?",
    requester_email="new.seller@example.com",
    requester_name="New Seller",
    priority=Priority.HIGH,
    type=TicketType.PROBLEM,
    tags=("parcel",),
)
REPLY = UpdateTicket(
    ticket_id="103",
    comment=NewComment(body="The carrier collects until 17:00.", visibility=Visibility.PUBLIC),
)
AGENT = Origin(author_id=1002)
WRITES = pytest.mark.parametrize("write", [CREATE, REPLY], ids=["create", "update"])


async def send(
    desk: ZendeskDesk,
    write: CreateTicket | UpdateTicket = REPLY,
    *,
    marker: str = MARKER,
    precondition: Precondition | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Ref:
    return await desk.write(write, marker=marker, precondition=precondition, timeout_s=timeout_s)


async def failure(sending: Awaitable[object]) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await sending

    return caught.value


def writes_received(zendesk: SandboxServer) -> int:
    return zendesk.received.count("PUT") + zendesk.received.count("POST")


@pytest.fixture
def plain_zenpy(
    zendesk: SandboxServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Zenpy]:
    """zenpy as it comes, on its own session, for the same server."""
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca_file))
    subdomain, _, domain = zendesk.url.removeprefix("https://").partition(".")
    client = Zenpy(subdomain=subdomain, domain=domain, email=ZENDESK_EMAIL, token=ZENDESK_TOKEN)
    yield client
    client.users.session.close()


def test_zenpy_left_to_itself_sends_one_reply_four_times(
    plain_zenpy: Zenpy, zendesk: SandboxServer
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.DROP_AFTER, times=9))
    reply = ZenpyTicket(id=103, comment=ZenpyComment(body="Until 17:00.", public=True))

    with pytest.raises(requests.ConnectionError):
        plain_zenpy.tickets.update(reply)

    assert zendesk.received.requests() == {"PUT /api/v2/tickets/103.json": 4}
    assert zendesk.effects.kinds() == {"comment": 4}


@WRITES
async def test_a_lost_answer_is_one_send_that_a_probe_finds(
    desk: ZendeskDesk, zendesk: SandboxServer, write: CreateTicket | UpdateTicket
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.DROP_AFTER, times=9))
    lost = await failure(send(desk, write))
    assert (lost.evidence, lost.reason) == (Evidence.UNKNOWN, Reason.RESET)
    assert writes_received(zendesk) == 1
    assert sum(zendesk.effects.kinds().values()) == 1
    zendesk.faults.clear()
    found = await desk.probe(write, marker=MARKER, timeout_s=TIMEOUT_S)
    ticket_id = zendesk.effects.refs("ticket")[0] if write is CREATE else "103"
    assert found == Ref(id=ticket_id, url=f"{zendesk.url}/agent/tickets/{ticket_id}")
    assert writes_received(zendesk) == 1


@WRITES
async def test_a_request_lost_on_its_way_is_found_to_be_absent(
    desk: ZendeskDesk, zendesk: SandboxServer, write: CreateTicket | UpdateTicket
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.DROP_BEFORE))
    lost = await failure(send(desk, write))
    assert (lost.evidence, lost.reason) == (Evidence.UNKNOWN, Reason.RESET)
    assert await desk.probe(write, marker=MARKER, timeout_s=TIMEOUT_S) is None
    assert zendesk.effects.count() == 0


@WRITES
@pytest.mark.parametrize(
    ("fault", "evidence", "reason", "received", "applied"),
    [
        (Fault(kind=FaultKind.REFUSE), Evidence.NOT_APPLIED, Reason.REFUSED, 0, 0),
        (Fault(kind=FaultKind.REDIRECT), Evidence.NOT_APPLIED, Reason.REDIRECTED, 1, 0),
        (Fault(kind=FaultKind.GARBLED), Evidence.UNKNOWN, Reason.GARBLED, 1, 1),
        *(
            (Fault(kind=FaultKind.STATUS, status=status), Evidence.NOT_APPLIED, reason, 1, 0)
            for status, reason in (
                (400, Reason.REJECTED),
                (401, Reason.UNAUTHORIZED),
                (403, Reason.REJECTED),
                (404, Reason.NOT_FOUND),
                (422, Reason.REJECTED),
            )
        ),
        *(
            (
                Fault(kind=FaultKind.STATUS, status=status, applied=applied, retry_after_s=1),
                Evidence.UNKNOWN,
                Reason.SERVER_ERROR,
                1,
                int(applied),
            )
            for status in (500, 502, 503, 504)
            for applied in (False, True)
        ),
    ],
    ids=lambda value: (
        f"{value.kind}-{value.status}-{value.applied}" if isinstance(value, Fault) else None
    ),
)
async def test_each_way_to_fail_is_one_send_and_is_called_what_it_is(
    desk: ZendeskDesk,
    zendesk: SandboxServer,
    write: CreateTicket | UpdateTicket,
    fault: Fault,
    evidence: Evidence,
    reason: Reason,
    received: int,
    applied: int,
) -> None:
    zendesk.faults.add(fault)
    failed = await failure(send(desk, write))
    assert (failed.evidence, failed.reason) == (evidence, reason)
    assert (writes_received(zendesk), zendesk.effects.count()) == (received, applied)


@WRITES
async def test_a_rate_limit_is_told_at_once_and_not_waited_for(
    desk: ZendeskDesk, zendesk: SandboxServer, write: CreateTicket | UpdateTicket
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after_s=3600, times=9))
    failed = await failure(send(desk, write))
    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.RATE_LIMITED)
    assert (failed.status, failed.retry_after_s) == (429, 3600.0)
    assert (writes_received(zendesk), zendesk.effects.count()) == (1, 0)


async def test_an_answer_after_the_deadline_leaves_the_reply_unknown(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=30))
    failed = await failure(send(desk, timeout_s=1.0))
    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert (writes_received(zendesk), zendesk.effects.count()) == (1, 1)


async def test_a_desk_that_is_down_was_not_written_to(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    zendesk.go_down()
    failed = await failure(send(desk))
    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    zendesk.come_up()
    assert (await send(desk)).id == "103"


async def test_a_refusal_names_fields_and_never_values(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    body = '{"error":"RecordInvalid","details":{"status":[{"description":"jane@acme.test"}]}}'
    zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=422, body=body))
    failed = await failure(send(desk))
    assert failed.message == "The desk answered with status 422 (RecordInvalid, status)."


@pytest.mark.parametrize(
    "body", ["[]", "null", '"x"', "<html>", '{"error": {"title": "x"}}', "[1]"]
)
@pytest.mark.parametrize("status", [422, 502])
async def test_an_error_of_another_shape_is_judged_by_its_status(
    desk: ZendeskDesk, zendesk: SandboxServer, status: int, body: str
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=status, body=body))
    failed = await failure(send(desk))
    assert (failed.status, failed.evidence) == (
        status,
        Evidence.NOT_APPLIED if status == 422 else Evidence.UNKNOWN,
    )


async def test_a_new_ticket_is_what_was_asked_for(
    desk: ZendeskDesk, zendesk: SandboxServer, zendesk_state: ZendeskState, tape: Tape
) -> None:
    made = await send(desk, CREATE)
    assert tape.requests[0].body == {
        "ticket": {
            "subject": "Lost parcel",
            "comment": {"body": "Where is order 20881?", "public": True},
            "external_id": MARKER,
            "metadata": {"mcp_router_key": MARKER},
            "priority": "high",
            "type": "problem",
            "tags": ["parcel"],
            "requester": {"email": "new.seller@example.com", "name": "New Seller"},
        }
    }
    ticket = zendesk_state.ticket(int(made.id))
    assert ticket is not None
    assert (ticket.fields.subject, ticket.fields.priority) == ("Lost parcel", "high")
    assert zendesk_state.audits(int(made.id))[0].custom == {"mcp_router_key": MARKER}
    assert zendesk.effects.kinds() == {"ticket": 1}


async def test_a_creation_repeated_with_its_key_is_one_ticket(
    desk: ZendeskDesk, zendesk: SandboxServer, tape: Tape
) -> None:
    first, second = await send(desk, CREATE), await send(desk, CREATE)
    assert first == second
    posts = tape.of("POST")
    assert [one.headers["idempotency-key"] for one in posts] == [MARKER, MARKER]
    assert [one.answer_headers["x-idempotency-lookup"] for one in posts] == ["miss", "hit"]
    assert posts[0].body == posts[1].body
    assert zendesk.effects.kinds() == {"ticket": 1}


async def test_a_key_used_for_another_ticket_says_that_one_exists(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    await send(desk, CREATE)
    failed = await failure(send(desk, replace(CREATE, subject="Other")))
    assert (failed.evidence, failed.reason, failed.status) == (Evidence.UNKNOWN, Reason.EXISTS, 400)
    assert zendesk.effects.kinds() == {"ticket": 1}


async def test_a_conflict_of_a_creation_proves_nothing(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=409))
    failed = await failure(send(desk, CREATE))
    assert (failed.evidence, failed.status) == (Evidence.UNKNOWN, 409)


async def test_the_key_goes_with_the_creation_only(desk: ZendeskDesk, tape: Tape) -> None:
    await send(desk, CREATE)
    await send(desk, REPLY, marker="other")
    await desk.probe(CREATE, marker=MARKER, timeout_s=TIMEOUT_S)
    assert ["idempotency-key" in one.headers for one in tape.requests] == [True, False, False]


async def test_a_creation_is_looked_up_in_the_list_and_not_in_the_index(
    desk: ZendeskDesk, zendesk_state: ZendeskState, tape: Tape
) -> None:
    zendesk_state.search_lag_s = 600
    made = await send(desk, CREATE)
    assert await desk.probe(CREATE, marker=MARKER, timeout_s=TIMEOUT_S) == made
    assert await desk.probe(CREATE, marker="act&other=1", timeout_s=TIMEOUT_S) is None
    assert [one.path for one in tape.of("GET")] == ["/api/v2/tickets.json"] * 2


async def test_of_two_tickets_with_the_marker_the_first_is_ours(
    desk: ZendeskDesk, zendesk_state: ZendeskState
) -> None:
    made = await send(desk, CREATE)
    zendesk_state.create(
        {"comment": {"body": "a copy"}, "external_id": MARKER, "subject": "copy"}, AGENT
    )
    assert await desk.probe(CREATE, marker=MARKER, timeout_s=TIMEOUT_S) == made
