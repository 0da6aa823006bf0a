"""The embedded Zendesk over real TLS, called by zenpy, the client it is made for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import requests
from zenpy import Zenpy
from zenpy.lib.api_objects import Comment, Ticket, User
from zenpy.lib.exception import APIException, RecordNotFoundException

from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.app import create_app
from mcp_router.sandbox.zendesk.state import ZendeskState
from tests.sandbox.conftest import Serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A running account and zenpy on it; `session` sends what zenpy cannot."""

    zenpy: Zenpy
    state: ZendeskState
    server: SandboxServer
    session: requests.Session


@pytest.fixture
def account(
    serve: Serve, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    state, effects = ZendeskState(), Effects()
    server = serve(create_app(state, effects), effects)
    # zenpy's own way to reach another host; it still insists on a subdomain.
    monkeypatch.setenv("ZENPY_FORCE_NETLOC", server.url.removeprefix("https://"))

    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(certificate.ca_file)
        zenpy = Zenpy(
            subdomain="sandbox",
            email=ZENDESK_EMAIL,
            token=ZENDESK_TOKEN,
            session=session,
            timeout=10,
            disable_cache=True,
        )
        yield Account(zenpy=zenpy, state=state, server=server, session=session)


def test_ticket_is_created_read_and_updated(account: Account) -> None:
    made = account.zenpy.tickets.create(
        Ticket(
            subject="Lamp",
            comment=Comment(body="It flickers."),
            requester=User(name="Ida Holm", email="ida.holm@example.com"),
            priority="high",
            tags=["lamp"],
            external_id="act_1",
            metadata={"mcp_router_key": "act_1"},
        )
    )
    assert (made.ticket.id, made.ticket.status, made.ticket.requester.name) == (
        113,
        "new",
        "Ida Holm",
    )
    assert made.audit.metadata.custom == {"mcp_router_key": "act_1"}

    ticket = account.zenpy.tickets(id=113)
    ticket.status = "pending"
    ticket.comment = Comment(body="Which lamp?", public=False)
    changed = account.zenpy.tickets.update(ticket)

    assert (changed.ticket.status, changed.audit.events[0]["body"]) == ("pending", "Which lamp?")
    assert [(one.body, one.public) for one in account.zenpy.tickets.comments(113)] == [
        ("It flickers.", True),
        ("Which lamp?", False),
    ]
    assert [one.metadata.custom for one in account.zenpy.tickets.audits(113)] == [
        {"mcp_router_key": "act_1"},
        {},
    ]
    assert [one.id for one in account.zenpy.tickets(external_id="act_1")] == [113]
    assert account.server.effects.kinds() == {"comment": 1, "ticket": 1, "update": 1}


def test_stale_stamp_is_refused(account: Account) -> None:
    stale = Ticket(id=101, status="open", safe_update=True, updated_stamp="2026-11-09T08:11:00Z")

    with pytest.raises(APIException) as refused:
        account.zenpy.tickets.update(stale)

    assert refused.value.response.status_code == 409
    assert refused.value.response.json()["error"] == "UpdateConflict"
    assert account.server.effects.count() == 0


def test_unknown_ticket_is_zenpys_own_error(account: Account) -> None:
    with pytest.raises(RecordNotFoundException):
        account.zenpy.tickets(id=999)


def test_lists_are_read_to_their_end(account: Account) -> None:
    for number in range(110):
        account.state.update(
            101, {"comment": {"body": str(number)}}, origin=account.state.audits(101)[0].origin
        )

    assert [one.id for one in account.zenpy.tickets()] == list(range(101, 113))
    assert [one.id for one in account.zenpy.tickets(cursor_pagination=5)] == list(range(101, 113))
    assert [one.id for one in account.zenpy.tickets(ids=[105, 101])] == [105, 101]
    assert len(list(account.zenpy.tickets.comments(101))) == 111
    assert len(list(account.zenpy.tickets.audits(101))) == 111
    assert [one.name for one in account.zenpy.groups()] == ["Support", "Billing", "Trust & Safety"]
    assert [one.id for one in account.zenpy.organizations()] == [3001, 3002, 3003]
    assert len(list(account.zenpy.users())) == 15
    assert [one.id for one in account.zenpy.users(ids=[2001, 1002])] == [2001, 1002]


def test_related_objects_are_fetched(account: Account) -> None:
    ticket = account.zenpy.tickets(id=104)

    assert ticket.requester.email == "kenji.watanabe@example.com"
    assert ticket.assignee.name == "Tomas Keller"
    assert ticket.organization.name == "Fieldnote Studio"
    assert ticket.group.name == "Billing"


def test_search_pages_and_counts(account: Account) -> None:
    results = account.zenpy.search("refund", type="ticket", sort_by="created_at", sort_order="asc")

    assert results.count == 2
    assert [(type(one).__name__, one.id) for one in results] == [("Ticket", 105), ("Ticket", 106)]
    assert account.zenpy.search.count(type="ticket", status="open") == 5
    assert [one.id for one in account.zenpy.search(type="ticket", status=["pending", "hold"])] == [
        109,
        108,
        102,
    ]
    assert [one.name for one in account.zenpy.search("maya", type="user")] == ["Maya Lindqvist"]


def test_search_goes_through_all_pages(account: Account) -> None:
    origin = account.state.audits(101)[0].origin

    for number in range(150):
        account.state.create({"comment": {"body": f"bulk {number}"}}, origin)

    found = list(account.zenpy.search("bulk", type="ticket"))

    assert len(found) == 150
    assert len({one.id for one in found}) == 150


def test_users_are_found(account: Account) -> None:
    assert account.zenpy.users.me().email == ZENDESK_EMAIL
    assert account.zenpy.users(id=2001).name == "Maya Lindqvist"
    assert [one.id for one in account.zenpy.users.search(query="maya.lindqvist@example.com")] == [
        2001
    ]
    assert list(account.zenpy.users.search(query="nobody")) == []


def test_tags_are_added_set_and_removed(account: Account) -> None:
    tags = account.zenpy.tickets

    assert list(tags.add_tags(101, ["vip"])) == ["account", "password", "vip"]
    assert list(tags.set_tags(101, ["vip", "gold"])) == ["gold", "vip"]
    assert list(tags.delete_tags(101, ["gold", "vip"])) == []
    assert list(tags.tags(101)) == []


def test_export_is_followed_by_its_cursor(account: Account) -> None:
    account.zenpy.tickets.update(Ticket(id=101, status="open"))
    since = datetime(2026, 11, 17, tzinfo=UTC)

    export = account.zenpy.tickets.incremental(start_time=since, per_page=1)
    ids = [one.id for one in export]

    assert ids == [111, 112, 101]
    assert list(account.zenpy.tickets.incremental(cursor=export.after_cursor)) == []


def test_lost_answer_is_found_again_by_its_key(account: Account) -> None:
    account.server.faults.add(Fault(kind=FaultKind.DROP_AFTER))
    url = f"{account.server.url}/api/v2/tickets.json"
    body = {"ticket": {"comment": {"body": "It flickers."}}}
    key = {"Idempotency-Key": "act_1"}

    with pytest.raises(requests.ConnectionError):
        account.session.post(url, json=body, headers=key, timeout=10)

    again = account.session.post(url, json=body, headers=key, timeout=10)

    assert (again.status_code, again.headers["x-idempotency-lookup"]) == (201, "hit")
    assert again.json()["ticket"]["id"] == 113
    assert account.server.effects.kinds() == {"ticket": 1}
    assert account.server.received.count("POST") == 2
