"""Updates of a Zendesk ticket: the version they are based on, their marker, their tags."""

import asyncio
from collections.abc import Awaitable

import pytest

from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.action import Precondition, Ref
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.ticket import Status, Visibility
from mcp_router.domain.write import CreateTicket, NewComment, UpdateTicket
from mcp_router.errors import SendFailed
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.state import ZendeskState
from tests.desks.conftest import NOON_MS, ServerClock, Tape

TIMEOUT_S = 10.0
MARKER = "act_01jd00000000000000000000b2"
AGENT = Origin(author_id=1002)
SEEDED_STAMP = "2026-11-10T07:55:00Z"
REPLY = UpdateTicket(
    ticket_id="103",
    comment=NewComment(body="The carrier collects until 17:00.", visibility=Visibility.PUBLIC),
    status=Status.PENDING,
)


async def send(
    desk: ZendeskDesk,
    write: UpdateTicket = REPLY,
    *,
    marker: str = MARKER,
    precondition: Precondition | None = None,
) -> Ref:
    return await desk.write(write, marker=marker, precondition=precondition, timeout_s=TIMEOUT_S)


async def failure(sending: Awaitable[object]) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await sending

    return caught.value


async def based_on(desk: ZendeskDesk, write: UpdateTicket = REPLY) -> Precondition:
    precondition = await desk.precondition(write, timeout_s=TIMEOUT_S)
    assert precondition is not None
    return precondition


def touch(state: ZendeskState, ticket_id: int = 103) -> None:
    """Let somebody else change the ticket."""
    priority = state.tickets()[ticket_id - 101].fields.priority
    state.update(ticket_id, {"priority": "low" if priority != "low" else "urgent"}, AGENT)


async def test_an_update_is_one_request_with_version_and_marker(
    desk: ZendeskDesk, zendesk: SandboxServer, zendesk_state: ZendeskState, tape: Tape
) -> None:
    made = await send(desk, precondition=await based_on(desk))
    assert made == Ref(id="103", url=f"{zendesk.url}/agent/tickets/103")
    assert [(one.method, one.path, one.body) for one in tape.requests] == [
        ("GET", "/api/v2/tickets/103.json", None),
        (
            "PUT",
            "/api/v2/tickets/103.json",
            {
                "ticket": {
                    "id": 103,
                    "status": "pending",
                    "comment": {"body": "The carrier collects until 17:00.", "public": True},
                    "metadata": {"mcp_router_key": MARKER},
                    "safe_update": True,
                    "updated_stamp": SEEDED_STAMP,
                }
            },
        ),
    ]
    assert zendesk.effects.kinds() == {"comment": 1, "update": 1}
    assert zendesk_state.audits(103)[-1].custom == {"mcp_router_key": MARKER}


async def test_without_a_version_nothing_is_said_about_safety(
    desk: ZendeskDesk, tape: Tape
) -> None:
    await send(desk, UpdateTicket(ticket_id="103", assignee_id="1003", group_id="4002"))
    assert [one.body for one in tape.requests] == [
        {
            "ticket": {
                "id": 103,
                "assignee_id": 1003,
                "group_id": 4002,
                "metadata": {"mcp_router_key": MARKER},
            }
        }
    ]


async def test_an_internal_note_is_not_public(
    desk: ZendeskDesk, zendesk_state: ZendeskState
) -> None:
    note = NewComment(body="Check the truck.", visibility=Visibility.INTERNAL)
    await send(desk, UpdateTicket(ticket_id="103", comment=note))
    assert zendesk_state.comments(103)[-1].public is False


async def test_a_creation_has_no_version(desk: ZendeskDesk, zendesk: SandboxServer) -> None:
    create = CreateTicket(subject="s", body="b")
    assert await desk.precondition(create, timeout_s=TIMEOUT_S) is None
    assert zendesk.received.count() == 0


async def test_a_version_is_settled_once_the_server_has_left_its_second(
    desk: ZendeskDesk, zendesk_state: ZendeskState, server_clock: ServerClock
) -> None:
    assert await based_on(desk) == Precondition(stamp=SEEDED_STAMP, settled=True)
    touch(zendesk_state)
    server_clock.ms = NOON_MS + 999
    assert await based_on(desk) == Precondition(stamp="2026-11-21T12:00:00Z", settled=False)
    server_clock.ms = NOON_MS + 1000
    assert await based_on(desk) == Precondition(stamp="2026-11-21T12:00:00Z", settled=True)


@pytest.mark.parametrize("stamp", ['"yesterday"', '"2026-11-10T07:55:00"', "7", "null"])
async def test_a_version_that_is_no_time_is_garbled(
    desk: ZendeskDesk, zendesk: SandboxServer, stamp: str
) -> None:
    body = f'{{"ticket": {{"id": 103, "updated_at": {stamp}}}}}'
    zendesk.faults.add(Fault(kind=FaultKind.STATUS, status=200, body=body))
    assert (await failure(based_on(desk))).reason is Reason.GARBLED


async def test_an_update_based_on_an_old_version_is_refused(
    desk: ZendeskDesk, zendesk: SandboxServer, zendesk_state: ZendeskState
) -> None:
    old = await based_on(desk)
    touch(zendesk_state)
    failed = await failure(send(desk, precondition=old))
    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        Reason.CHANGED,
        409,
    )
    assert failed.message == "The desk answered with status 409 (UpdateConflict)."
    assert zendesk.effects.count() == 0


async def test_a_resend_with_the_same_version_cannot_act_twice(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    version = await based_on(desk)
    zendesk.faults.add(Fault(kind=FaultKind.DROP_AFTER, method="PUT"))
    assert (await failure(send(desk, precondition=version))).evidence is Evidence.UNKNOWN
    assert (await failure(send(desk, precondition=version))).reason is Reason.CHANGED
    found = await desk.probe(REPLY, marker=MARKER, timeout_s=TIMEOUT_S)
    assert found == Ref(id="103", url=f"{zendesk.url}/agent/tickets/103")
    assert zendesk.effects.kinds() == {"comment": 1, "update": 1}


async def test_a_ticket_that_is_gone_or_closed_is_not_changed(
    desk: ZendeskDesk, zendesk: SandboxServer, zendesk_state: ZendeskState
) -> None:
    closed = next(one for one in zendesk_state.tickets() if one.fields.status == "closed")
    refused = await failure(send(desk, UpdateTicket(ticket_id=str(closed.id), add_tags=("x",))))
    assert (refused.evidence, refused.reason) == (Evidence.NOT_APPLIED, Reason.REJECTED)
    gone = await failure(send(desk, UpdateTicket(ticket_id="999", status=Status.OPEN)))
    assert (gone.evidence, gone.reason) == (Evidence.NOT_APPLIED, Reason.NOT_FOUND)
    assert zendesk.effects.count() == 0


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (UpdateTicket(ticket_id="103/../104", status=Status.OPEN), Reason.NOT_FOUND),
        (UpdateTicket(ticket_id="103", assignee_id="priya"), Reason.REJECTED),
        (UpdateTicket(ticket_id="103", group_id=""), Reason.REJECTED),
    ],
)
async def test_what_cannot_be_an_id_is_not_sent(
    desk: ZendeskDesk, zendesk: SandboxServer, write: UpdateTicket, reason: Reason
) -> None:
    failed = await failure(send(desk, write))
    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, reason)
    assert zendesk.received.count() == 0


@pytest.mark.parametrize("additive_tags", [True, False])
async def test_tags_are_added_and_removed_and_the_others_stay(
    desk: ZendeskDesk, zendesk_state: ZendeskState, tape: Tape, additive_tags: bool
) -> None:
    zendesk_state.additive_tags = additive_tags
    await send(
        desk, UpdateTicket(ticket_id="103", add_tags=("late", "premium"), remove_tags=("shipping",))
    )
    ticket = zendesk_state.ticket(103)
    assert ticket is not None
    assert sorted(ticket.fields.tags) == ["late", "premium"]
    assert [(one.method, one.body) for one in tape.requests] == [
        ("GET", None),
        (
            "PUT",
            {
                "ticket": {
                    "id": 103,
                    "tags": ["premium", "late"],
                    "metadata": {"mcp_router_key": MARKER},
                    "safe_update": True,
                    "updated_stamp": SEEDED_STAMP,
                }
            },
        ),
    ]


async def test_the_last_tag_can_be_removed(desk: ZendeskDesk, zendesk_state: ZendeskState) -> None:
    await send(desk, UpdateTicket(ticket_id="103", remove_tags=("premium", "shipping")))
    ticket = zendesk_state.ticket(103)
    assert ticket is not None
    assert ticket.fields.tags == ()


async def test_a_tag_that_somebody_else_adds_meanwhile_is_not_lost(
    desk: ZendeskDesk, zendesk_state: ZendeskState, tape: Tape
) -> None:
    inner = tape.app
    others = [lambda: zendesk_state.retag(103, {}, AGENT, add=("vip",))]

    async def interleave(*arguments: object) -> None:
        await inner(*arguments)  # type: ignore[arg-type]  # passed on as they came

        if others:  # right after our read of the tags
            others.pop()()

    tape.app = interleave
    failed = await failure(send(desk, UpdateTicket(ticket_id="103", add_tags=("late",))))
    assert failed.reason is Reason.CHANGED
    ticket = zendesk_state.ticket(103)
    assert ticket is not None
    assert sorted(ticket.fields.tags) == ["premium", "shipping", "vip"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.DROP_AFTER, method="GET"),
        Fault(kind=FaultKind.GARBLED, method="GET"),
        Fault(kind=FaultKind.STATUS, status=500, method="GET"),
    ],
    ids=lambda fault: fault.kind.value,
)
async def test_tags_that_cannot_be_read_prove_that_nothing_was_written(
    desk: ZendeskDesk, zendesk: SandboxServer, fault: Fault
) -> None:
    zendesk.faults.add(fault)
    failed = await failure(send(desk, UpdateTicket(ticket_id="103", add_tags=("late",))))
    assert failed.evidence is Evidence.NOT_APPLIED
    assert zendesk.received.count("PUT") == 0


async def test_a_marker_is_found_among_many_later_changes(
    desk: ZendeskDesk, zendesk_state: ZendeskState, tape: Tape
) -> None:
    await send(desk)

    for _ in range(150):
        touch(zendesk_state)

    assert await desk.probe(REPLY, marker=MARKER, timeout_s=TIMEOUT_S) is not None
    assert await desk.probe(REPLY, marker="another", timeout_s=TIMEOUT_S) is None
    assert [one.path for one in tape.of("GET")] == ["/api/v2/tickets/103/audits.json"] * 4
    assert {"include=None" in one.query for one in tape.of("GET")} == {False}


async def test_absence_is_not_claimed_where_not_everything_was_read(
    desk: ZendeskDesk, zendesk_state: ZendeskState
) -> None:
    await send(desk)

    for _ in range(300):
        touch(zendesk_state)

    failed = await failure(desk.probe(REPLY, marker=MARKER, timeout_s=TIMEOUT_S))
    assert failed.evidence is Evidence.UNKNOWN


async def test_a_ticket_without_the_marker_proves_absence(desk: ZendeskDesk) -> None:
    assert await desk.probe(REPLY, marker=MARKER, timeout_s=TIMEOUT_S) is None


async def test_a_deadline_covers_the_wait_for_a_free_thread(
    desk: ZendeskDesk, zendesk: SandboxServer
) -> None:
    zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=2, times=4))
    busy = [asyncio.create_task(desk.check(timeout_s=TIMEOUT_S)) for _ in range(4)]
    await asyncio.sleep(0)
    failed = await failure(desk.write(REPLY, marker=MARKER, precondition=None, timeout_s=0.5))
    await asyncio.gather(*busy)
    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.TIMEOUT)
    assert zendesk.received.count("PUT") == 0
