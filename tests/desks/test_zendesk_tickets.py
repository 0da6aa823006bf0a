"""The words of Zendesk's JSON, without a server."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.desks.zendesk_answer import Part
from mcp_router.desks.zendesk_tickets import (
    carries,
    change,
    creation,
    new_tags,
    read_comments,
    read_customers,
    read_precondition,
    read_ticket,
    user_query,
)
from mcp_router.domain.action import Precondition
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.ticket import Comment, Customer, CustomerQuery, Ticket, Visibility
from mcp_router.domain.ticket import Status as TicketStatus
from mcp_router.domain.write import CreateTicket, UpdateTicket
from mcp_router.errors import SendFailed

TICKET: dict[str, JsonValue] = {
    "id": 7,
    "status": "open",
    "tags": [],
    "created_at": "2026-11-10T07:55:00Z",
    "updated_at": "2026-11-10T07:55:01Z",
}


def part(**members: object) -> Part:
    return Part(members=members)


def test_the_smallest_ticket_is_read() -> None:
    assert read_ticket(part(**TICKET), base_url="https://acme.zendesk.com/") == Ticket(
        id="7",
        url="https://acme.zendesk.com/agent/tickets/7",
        subject="",
        description="",
        status=TicketStatus.OPEN,
        priority=None,
        type=None,
        requester_id=None,
        assignee_id=None,
        group_id=None,
        organization_id=None,
        external_id=None,
        tags=(),
        created_at="2026-11-10T07:55:00Z",
        updated_at="2026-11-10T07:55:01Z",
    )


def test_a_priority_that_we_have_no_word_for_is_none() -> None:
    ticket = read_ticket(part(**TICKET, priority="blocker"), base_url="https://acme.zendesk.com")
    assert ticket.priority is None


@pytest.mark.parametrize(
    "members",
    [
        {"id": "7"},
        {"id": True},
        {"id": None},
        {"status": "deleted"},
        {"status": None},
        {"tags": None},
        {"tags": [1]},
        {"tags": "a"},
        {"subject": 7},
        {"requester_id": "7"},
        {"updated_at": None},
    ],
)
def test_a_ticket_of_another_shape_is_garbled(members: dict[str, object]) -> None:
    with pytest.raises(SendFailed) as caught:
        read_ticket(part(**(TICKET | members)), base_url="https://acme.zendesk.com")

    assert (caught.value.evidence, caught.value.reason) == (Evidence.UNKNOWN, Reason.GARBLED)


def test_a_comment_prefers_plain_text_and_may_have_no_known_author() -> None:
    answer = part(
        users=[{"id": 1, "name": "Jane"}],
        comments=[
            {"id": 5, "author_id": 1, "body": "a **b**", "plain_body": "a b", "public": True}
            | {"created_at": "2026-11-10T07:55:00Z"},
            {"id": 6, "author_id": 2, "body": "c", "public": False}
            | {"created_at": "2026-11-10T07:56:00Z"},
        ],
    )
    assert read_comments(answer) == (
        Comment(
            id="5",
            author="Jane",
            body="a b",
            visibility=Visibility.PUBLIC,
            created_at="2026-11-10T07:55:00Z",
        ),
        Comment(
            id="6",
            author=None,
            body="c",
            visibility=Visibility.INTERNAL,
            created_at="2026-11-10T07:56:00Z",
        ),
    )


def test_a_comment_without_visibility_is_garbled_rather_than_guessed() -> None:
    comment = {"id": 5, "author_id": 1, "body": "a", "created_at": "2026-11-10T07:55:00Z"}

    with pytest.raises(SendFailed):
        read_comments(part(users=[], comments=[comment]))


def test_a_person_may_have_no_organization() -> None:
    answer = part(users=[{"id": 1, "name": "Jane", "organization_id": 9}])
    assert read_customers(answer, target="desk") == (
        Customer(id="1", target="desk", name="Jane", email=None),
    )


@pytest.mark.parametrize(
    ("date", "settled"),
    [
        ("Tue, 10 Nov 2026 07:55:01 GMT", False),
        ("Tue, 10 Nov 2026 07:55:02 GMT", True),
        ("Tue, 10 Nov 2026 07:55:02 -0000", True),
        ("Tue, 10 Nov 2026 08:55:01 +0100", False),
        ("soon", False),
        ("", False),
    ],
)
def test_a_version_is_settled_by_the_servers_clock_alone(date: str, settled: bool) -> None:
    assert read_precondition(part(**TICKET), date=date) == Precondition(
        stamp="2026-11-10T07:55:01Z", settled=settled
    )


@pytest.mark.parametrize(
    ("audit", "found"),
    [
        ({"metadata": {"custom": {"mcp_router_key": "m"}}}, True),
        ({"metadata": {"custom": {"mcp_router_key": "n"}}}, False),
        ({"metadata": {"custom": {}}}, False),
        ({"metadata": {"system": {}}}, False),
        ({"metadata": None}, False),
        ({}, False),
    ],
)
def test_the_marker_is_looked_for_where_zendesk_keeps_it(
    audit: dict[str, object], found: bool
) -> None:
    assert carries([part(), Part(members=audit)], "m") is found


def test_the_smallest_creation_says_nothing_it_was_not_told() -> None:
    assert creation(CreateTicket(subject="s", body="b", requester_name="Jane"), "m") == {
        "subject": "s",
        "comment": {"body": "b", "public": True},
        "external_id": "m",
        "metadata": {"mcp_router_key": "m"},
    }


def test_a_requester_without_a_name_is_named_after_their_address() -> None:
    body = creation(CreateTicket(subject="s", body="b", requester_email="j@acme.test"), "m")
    assert body["requester"] == {"email": "j@acme.test", "name": "j@acme.test"}


def test_an_empty_set_of_tags_is_sent_and_no_tags_are_not() -> None:
    write = UpdateTicket(ticket_id="7")
    marked = {"id": 7, "metadata": {"mcp_router_key": "m"}}
    assert change(write, "m", tags=None, stamp=None) == marked
    assert change(write, "m", tags=(), stamp=None) == marked | {"tags": []}


@pytest.mark.parametrize(
    ("add", "remove", "after"),
    [
        ((), (), ("a", "b")),
        (("c", "a"), (), ("a", "b", "c")),
        ((), ("a", "z"), ("b",)),
        (("c",), ("c", "b"), ("a",)),
    ],
)
def test_new_tags_keep_the_order_and_removal_wins(
    add: tuple[str, ...], remove: tuple[str, ...], after: tuple[str, ...]
) -> None:
    write = UpdateTicket(ticket_id="7", add_tags=add, remove_tags=remove)
    assert new_tags(write, ("a", "b")) == after


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (CustomerQuery(), ""),
        (CustomerQuery(email="j@acme.test"), 'email:"j@acme.test"'),
        (CustomerQuery(phone="+1 202", name="Jane"), 'phone:"+1 202" name:"Jane"'),
        (CustomerQuery(name='a" role:admin "*\\\n'), 'name:"a role:admin"'),
        (CustomerQuery(name=" * "), ""),
    ],
)
def test_a_value_cannot_leave_its_quotes(query: CustomerQuery, text: str) -> None:
    assert user_query(query) == text
