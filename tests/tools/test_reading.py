"""What the reading tools show, compared with what the desks hold."""

from pathlib import Path

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.salesforce.schema import OBJECTS
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.seed import MAYA
from tests.end_to_end.harness import call, connected, new_ticket, settle, unique


def say(sandbox: Sandbox, ticket_id: str, body: str, *, public: bool) -> None:
    """Add a comment as an agent in the desk's own window does."""
    change: dict[str, JsonValue] = {"comment": {"body": body, "public": public}}
    sandbox.zendesk_state.update(int(ticket_id), change, Origin(author_id=1002))


async def test_a_ticket_shows_its_latest_comments_oldest_of_them_first(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = new_ticket(sandbox)

    for number in range(3):
        say(sandbox, ticket_id, f"Word {number}", public=number != 1)

    async with connected(settle(tmp_path, sandbox)) as client:
        whole = await call(client, "lookup_ticket", {"ticket_id": ticket_id})
        two = await call(client, "lookup_ticket", {"ticket_id": ticket_id, "max_comments": 2})
        none = await call(client, "lookup_ticket", {"ticket_id": ticket_id, "max_comments": 0})

    def shown(ticket: dict[str, object]) -> list[tuple[str, str]]:
        found = ticket["comments"]
        assert isinstance(found, list)
        return [(one["body"], one["visibility"]) for one in found]

    assert shown(whole)[1:] == [
        ("Word 0", "public"),
        ("Word 1", "internal"),
        ("Word 2", "public"),
    ]
    assert shown(two) == [("Word 1", "internal"), ("Word 2", "public")]
    assert shown(none) == []
    assert [one["more_comments"] for one in (whole, two, none)] == [False, True, True]
    assert whole["requester"] == {
        "id": str(MAYA),
        "target": "zendesk",
        "name": "Maya Lindqvist",
        "email": "maya.lindqvist@example.com",
        "phone": "+1 202 555 0143",
        "account": None,
        "tier": None,
    }
    assert whole["url"] == f"{sandbox.zendesk.url}/agent/tickets/{ticket_id}"
    assert whole["untrusted"] == ["subject", "description", "comments.body"]


async def test_a_long_text_is_cut_with_a_note(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = new_ticket(sandbox)
    say(sandbox, ticket_id, "a" * 9_000, public=True)

    async with connected(settle(tmp_path, sandbox)) as client:
        ticket = await call(client, "lookup_ticket", {"ticket_id": ticket_id, "max_comments": 1})

    comments = ticket["comments"]
    assert isinstance(comments, list)
    assert comments[0]["body"] == "a" * 8_000 + " [… 1000 more characters]"


async def test_a_search_is_paged_to_its_end(sandbox: Sandbox, tmp_path: Path) -> None:
    word = unique("zebra").replace("[", "").replace("]", "").replace(" ", "")
    made = []

    for _ in range(5):
        body: dict[str, JsonValue] = {
            "subject": f"About a {word}",
            "comment": {"body": "x"},
            "requester_id": MAYA,
        }
        made.append(sandbox.zendesk_state.create(body, Origin(author_id=MAYA)).ticket.id)

    found: list[str] = []
    cursor: str | None = None
    pages = 0

    async with connected(settle(tmp_path, sandbox)) as client:
        while pages == 0 or cursor is not None:
            page = await call(
                client, "search_tickets", {"query": word, "limit": 2, "cursor": cursor}
            )
            tickets = page["tickets"]
            assert isinstance(tickets, list)
            found += [one["id"] for one in tickets]
            assert page["total"] == 5
            cursor = None if page["cursor"] is None else str(page["cursor"])
            assert page["has_more"] is (cursor is not None)
            pages += 1

    assert pages == 3
    assert sorted(found) == sorted(str(one) for one in made)


async def test_a_search_narrows_by_every_field_that_is_named(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    tag = unique("tag").replace(" [", "").replace("]", "")
    wanted: dict[str, JsonValue] = {
        "subject": "One",
        "comment": {"body": "x"},
        "requester_id": MAYA,
    }
    ids = [
        sandbox.zendesk_state.create(
            {**wanted, "priority": priority, "tags": [tag]}, Origin(author_id=MAYA)
        ).ticket.id
        for priority in ("high", "low")
    ]

    async with connected(settle(tmp_path, sandbox)) as client:
        high = await call(client, "search_tickets", {"tag": tag, "priority": "high"})
        both = await call(
            client,
            "search_tickets",
            {"tag": tag, "requester_email": "maya.lindqvist@example.com", "status": "new"},
        )
        none = await call(client, "search_tickets", {"tag": tag, "status": "solved"})

    def found(page: dict[str, object]) -> list[str]:
        tickets = page["tickets"]
        assert isinstance(tickets, list)
        return sorted(one["id"] for one in tickets)

    assert found(high) == [str(ids[0])]
    assert found(both) == sorted(str(one) for one in ids)
    assert found(none) == []


async def test_a_customer_is_found_in_the_crm_and_never_guessed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    surname = unique("Twin").replace(" [", "").replace("]", "")

    for first in ("Ada", "Bea"):
        person = {"FirstName": first, "LastName": surname, "Email": f"{first}@{surname}.test"}
        sandbox.salesforce_state.insert(OBJECTS["Contact"], person)

    async with connected(settle(tmp_path, sandbox)) as client:
        one = await call(client, "find_customer", {"email": f"Ada@{surname}.test"})
        two = await call(client, "find_customer", {"name": surname})
        none = await call(client, "find_customer", {"email": "nobody@example.com"})

    def names(answer: dict[str, object]) -> list[str]:
        found = answer["customers"]
        assert isinstance(found, list)
        return sorted(person["name"] for person in found)

    assert [names(answer) for answer in (one, two, none)] == [
        [f"Ada {surname}"],
        [f"Ada {surname}", f"Bea {surname}"],
        [],
    ]
    assert [answer["ambiguous"] for answer in (one, two, none)] == [False, True, False]
    assert {answer["target"] for answer in (one, two, none)} == {"salesforce"}


async def test_the_help_desk_knows_its_requesters_while_the_crm_is_down(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.salesforce.go_down()
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        answer = await call(client, "find_customer", {"email": "maya.lindqvist@example.com"})

    found = answer["customers"]
    assert isinstance(found, list)
    assert [(one["target"], one["id"]) for one in found] == [("zendesk", str(MAYA))]
    (record,) = place.records()
    assert [(one.target, one.reason.value) for one in record.attempts] == [
        ("salesforce", "refused"),
        ("zendesk", "ok"),
    ]
