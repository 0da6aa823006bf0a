"""The embedded Zendesk: creating tickets."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.seed import HARBOR_LANE, MAYA, PRIYA
from tests.sandbox.zendesk_parts import open_desk

LAMP: dict[str, JsonValue] = {"subject": "Lamp", "comment": {"body": "It flickers."}}


def test_created_ticket_is_answered_whole() -> None:
    desk = open_desk()

    answer = desk.post_ticket(
        {
            "subject": "Lamp",
            "comment": {"body": "It flickers."},
            "requester": {"name": "Maya", "email": "MAYA.lindqvist@example.com"},
            "priority": "high",
            "type": "incident",
            "tags": ["VIP", "lamp"],
            "external_id": "case-7",
        }
    )

    assert answer.status_code == 201
    assert answer.headers["location"] == "https://desk.example/api/v2/tickets/113.json"
    ticket = answer.json()["ticket"]
    expected = {
        "url": "https://desk.example/api/v2/tickets/113.json",
        "id": 113,
        "subject": "Lamp",
        "description": "It flickers.",
        "status": "new",
        "priority": "high",
        "type": "incident",
        "requester_id": MAYA,
        "submitter_id": 1001,
        "assignee_id": None,
        "group_id": None,
        "external_id": "case-7",
        "tags": ["lamp", "vip"],
        "is_public": True,
        "created_at": "2026-11-20T12:00:00Z",
        "updated_at": "2026-11-20T12:00:00Z",
    }
    assert {name: ticket[name] for name in expected} == expected
    assert desk.get("/tickets/113").json()["ticket"] == ticket
    assert desk.effects.kinds() == {"ticket": 1}
    assert desk.effects.refs("ticket") == ("113",)


def test_audit_of_a_creation_holds_metadata_client_and_events() -> None:
    desk = open_desk(seeded=False)

    answer = desk.post_ticket({**LAMP, "metadata": {"mcp_router_key": "act_1"}})

    assert answer.json()["audit"] == {
        "id": 700001,
        "ticket_id": 101,
        "created_at": "2026-11-20T12:00:00Z",
        "author_id": 1001,
        "metadata": {
            "system": {"client": "test/1", "ip_address": "testclient"},
            "custom": {"mcp_router_key": "act_1"},
        },
        "events": [
            {
                "id": 700002,
                "type": "Comment",
                "author_id": 1001,
                "body": "It flickers.",
                "html_body": '<div class="zd-comment" dir="auto">'
                '<p dir="auto">It flickers.</p></div>',
                "plain_body": "It flickers.",
                "public": True,
                "attachments": [],
                "audit_id": 700001,
            },
            {"id": 700003, "type": "Create", "field_name": "subject", "value": "Lamp"},
            {"id": 700004, "type": "Create", "field_name": "status", "value": "new"},
            {"id": 700005, "type": "Create", "field_name": "requester_id", "value": "1001"},
        ],
        "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
    }
    assert desk.get("/tickets/101/audits").json()["audits"] == [answer.json()["audit"]]


def test_first_comment_belongs_to_the_submitter() -> None:
    desk = open_desk()

    desk.post_ticket({**LAMP, "submitter_id": PRIYA})

    comments = desk.state.comments(113)
    assert [(one.author_id, one.body, one.public) for one in comments] == [
        (PRIYA, "It flickers.", True)
    ]


def test_description_stands_in_for_a_comment() -> None:
    desk = open_desk()

    desk.post_ticket({"description": "It flickers."})

    assert [one.body for one in desk.state.comments(113)] == ["It flickers."]


@pytest.mark.parametrize(
    ("requester", "name", "email", "organization"),
    [
        (
            {"name": "Ivo Sand", "email": "ivo@harborlane.example.com"},
            "Ivo Sand",
            "ivo@harborlane.example.com",
            HARBOR_LANE,
        ),
        ("Ida.Holm@Example.com", "Ida.Holm", "ida.holm@example.com", None),
    ],
)
def test_unknown_requester_becomes_a_user(
    requester: JsonValue, name: str, email: str, organization: int | None
) -> None:
    desk = open_desk()

    ticket = desk.post_ticket({**LAMP, "requester": requester}).json()["ticket"]
    again = desk.post_ticket({**LAMP, "requester": requester}).json()["ticket"]

    user = desk.get(f"/users/{ticket['requester_id']}").json()["user"]
    assert (user["name"], user["email"], user["role"]) == (name, email, "end-user")
    assert ticket["organization_id"] == user["organization_id"] == organization
    assert again["requester_id"] == ticket["requester_id"]


@pytest.mark.parametrize(
    "requester",
    [str(MAYA), MAYA, "maya.lindqvist@example.com", {"email": "maya.lindqvist@example.com"}],
    ids=["text", "number", "address", "object"],
)
def test_known_requester_is_found(requester: JsonValue) -> None:
    desk = open_desk()
    before = len(desk.state.users())

    ticket = desk.post_ticket({**LAMP, "requester": requester}).json()["ticket"]

    assert ticket["requester_id"] == MAYA
    assert len(desk.state.users()) == before


def test_external_id_is_text_even_when_sent_as_a_number() -> None:
    desk = open_desk()

    assert desk.post_ticket({**LAMP, "external_id": 7}).json()["ticket"]["external_id"] == "7"
    assert [one["id"] for one in desk.get("/tickets?external_id=7").json()["tickets"]] == [113]


def test_requester_id_takes_precedence_over_requester() -> None:
    desk = open_desk()

    ticket = {**LAMP, "requester_id": MAYA, "requester": {"name": "X", "email": "x@example.com"}}

    assert desk.post_ticket(ticket).json()["ticket"]["requester_id"] == MAYA
    assert desk.get("/users/search?query=x@example.com").json()["users"] == []


@pytest.mark.parametrize(
    ("ticket", "details"),
    [
        (
            {"subject": "Lamp"},
            {"base": [{"description": "Description: cannot be blank", "error": "BlankValue"}]},
        ),
        (
            {"comment": {"body": "  "}},
            {"base": [{"description": "Description: cannot be blank", "error": "BlankValue"}]},
        ),
        (
            {**LAMP, "priority": "meltdown", "status": "gone", "type": 5},
            {
                "status": [{"description": "Status: is not valid", "error": "InvalidValue"}],
                "priority": [{"description": "Priority: is not valid", "error": "InvalidValue"}],
                "type": [{"description": "Type: is not valid", "error": "InvalidValue"}],
            },
        ),
        (
            {**LAMP, "requester": {"email": "new@example.com"}},
            {
                "requester": [
                    {
                        "description": "Requester: Name: is too short (minimum one character)",
                        "error": "ValueTooShort",
                    }
                ]
            },
        ),
        (
            {**LAMP, "requester": {"name": "New", "email": "nowhere"}},
            {
                "requester": [
                    {
                        "description": "Requester: Email: is not properly formatted",
                        "error": "InvalidFormat",
                    }
                ]
            },
        ),
        (
            {**LAMP, "requester": {"name": "New"}},
            {
                "requester": [
                    {"description": "Requester: Email: cannot be blank", "error": "BlankValue"}
                ]
            },
        ),
        (
            {**LAMP, "assignee_id": MAYA, "group_id": 1, "requester_id": 9},
            {
                "requester": [{"description": "Requester: is invalid", "error": "InvalidValue"}],
                "assignee": [{"description": "Assignee: is invalid", "error": "InvalidValue"}],
                "group": [{"description": "Group: is invalid", "error": "InvalidValue"}],
            },
        ),
    ],
)
def test_unacceptable_values_are_all_named_and_nothing_is_stored(
    ticket: dict[str, JsonValue], details: JsonValue
) -> None:
    desk = open_desk()
    users, tickets = desk.state.users(), desk.state.tickets()

    answer = desk.post_ticket(ticket)

    assert answer.status_code == 422
    assert answer.json() == {
        "error": "RecordInvalid",
        "description": "Record validation errors",
        "details": details,
    }
    assert (desk.state.users(), desk.state.tickets()) == (users, tickets)
    assert desk.effects.count() == 0


@pytest.mark.parametrize(
    ("body", "name", "expected"),
    [
        ({}, "ticket", "an object"),
        ([], "ticket", "an object"),
        ({"ticket": "Lamp"}, "ticket", "an object"),
        ({"ticket": {"comment": "hello"}}, "ticket.comment", "an object"),
        ({"ticket": {**LAMP, "metadata": 1}}, "ticket.metadata", "an object"),
        ({"ticket": {**LAMP, "subject": ["a"]}}, "ticket.subject", "a string"),
        ({"ticket": {**LAMP, "assignee_id": "me"}}, "ticket.assignee_id", "an integer"),
        ({"ticket": {**LAMP, "tags": 7}}, "tags", "an array of strings"),
        ({"ticket": {**LAMP, "tags": [7]}}, "tags", "an array of strings"),
    ],
)
def test_members_of_the_wrong_type_are_refused(body: JsonValue, name: str, expected: str) -> None:
    desk = open_desk()

    answer = desk.send("POST", "/tickets", body)

    message = (
        f"You passed an invalid value for the {name} attribute. "
        f"Invalid parameter: {name} must be {expected}"
    )
    assert answer.status_code == 400
    assert answer.json() == {"error": {"title": "Invalid attribute", "message": message}}
    assert desk.effects.count() == 0


@pytest.mark.parametrize(
    "raw", [b"{", b'{"ticket": NaN}', b'"\xff"', b'{"a": "\\ud800"}', b"[" * 100_000]
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    desk = open_desk()

    answer = desk.client.post("/api/v2/tickets", content=raw)

    assert answer.status_code == 422
    assert answer.json() == {
        "error": "Unprocessable Entity",
        "message": "Server could not parse JSON",
    }
