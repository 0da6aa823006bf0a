"""The embedded Zendesk: updating tickets."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.seed import IMANI, MAYA, PRIYA, SUPPORT, TOMAS
from tests.sandbox.zendesk_parts import open_desk

STAMP = "2026-11-09T08:12:00Z"
"""The seeded `updated_at` of ticket 101."""


def test_update_changes_fields_and_adds_a_comment_in_one_audit() -> None:
    desk = open_desk()

    answer = desk.put_ticket(
        101,
        {
            "status": "pending",
            "priority": None,
            "assignee_id": PRIYA,
            "comment": {"body": "Which address?", "public": False},
            "metadata": {"mcp_router_key": "act_2"},
        },
    )

    assert answer.status_code == 200
    ticket, audit = answer.json()["ticket"], answer.json()["audit"]
    assert (ticket["status"], ticket["priority"], ticket["assignee_id"]) == ("pending", None, PRIYA)
    assert ticket["updated_at"] == "2026-11-20T12:00:00Z"
    assert audit["metadata"]["custom"] == {"mcp_router_key": "act_2"}
    assert [(one["type"], one.get("body")) for one in audit["events"][:1]] == [
        ("Comment", "Which address?")
    ]
    assert [
        (one["type"], one["field_name"], one["previous_value"], one["value"])
        for one in audit["events"][1:]
    ] == [
        ("Change", "status", "new", "pending"),
        ("Change", "priority", "normal", None),
        ("Change", "assignee_id", None, str(PRIYA)),
    ]
    assert [(one.public, one.author_id) for one in desk.state.comments(101)] == [
        (True, MAYA),
        (False, 1001),
    ]
    assert desk.effects.kinds() == {"comment": 1, "update": 1}
    assert (desk.effects.refs("comment"), desk.effects.refs("update")) == (("101",), ("101",))


def test_comment_alone_is_no_update() -> None:
    desk = open_desk()

    desk.put_ticket(101, {"comment": {"body": "Hello"}})

    assert desk.effects.kinds() == {"comment": 1}


@pytest.mark.parametrize("first", [True, False])
def test_visibility_of_the_first_comment_persists(first: bool) -> None:
    desk = open_desk()
    desk.post_ticket({"comment": {"body": "One", "public": first}})

    for public in ({}, {"public": None}, {"public": not first}):
        desk.put_ticket(113, {"comment": {"body": "Next", **public}})

    assert [one.public for one in desk.state.comments(113)] == [first, first, first, not first]


def test_html_comment_has_a_plain_form() -> None:
    desk = open_desk()
    markup = (
        "<p>Hello <b>Maya</b>,<br>done &amp; dusted.</p><script>x()</script><ul><li>One</li></ul>"
    )

    desk.put_ticket(101, {"comment": {"html_body": markup}})

    comment = desk.get("/tickets/101/comments").json()["comments"][-1]
    assert comment["html_body"] == markup
    assert comment["body"] == "Hello Maya,\ndone & dusted.\nOne"


def test_text_of_a_comment_is_escaped_in_its_html() -> None:
    desk = open_desk()

    desk.put_ticket(101, {"comment": {"body": "a < b\nc\n\nd"}})

    paragraphs = '<p dir="auto">a &lt; b<br>c</p><p dir="auto">d</p>'
    expected = f'<div class="zd-comment" dir="auto">{paragraphs}</div>'
    assert desk.state.comments(101)[-1].html_body == expected


def test_update_without_an_event_moves_nothing() -> None:
    desk = open_desk()
    before, audits = desk.state.ticket(101), desk.state.audits(101)

    answer = desk.put_ticket(101, {"status": "new", "tags": ["password", "account"]})

    assert answer.status_code == 200
    assert answer.json()["ticket"]["updated_at"] == STAMP
    assert answer.json()["audit"]["events"] == []
    assert (desk.state.ticket(101), desk.state.audits(101)) == (before, audits)
    assert desk.effects.count() == 0


def test_requester_can_change() -> None:
    desk = open_desk()

    answer = desk.put_ticket(101, {"requester": {"name": "Ida", "email": "ida@example.com"}})

    requester = desk.get(f"/users/{answer.json()['ticket']['requester_id']}").json()["user"]
    assert requester["email"] == "ida@example.com"


@pytest.mark.parametrize("safe_update", [True, False, "true", None])
def test_safe_update_refuses_another_stamp_whatever_its_value(safe_update: JsonValue) -> None:
    desk = open_desk()
    before = desk.state.ticket(101)
    guard: dict[str, JsonValue] = {"safe_update": safe_update, "comment": {"body": "Late"}}

    for stamp in ("2026-11-09T08:12:01Z", "2026-11-09T08:12:00", "yesterday", 5, None):
        answer = desk.put_ticket(101, {**guard, "updated_stamp": stamp})
        assert (answer.status_code, answer.json()) == (
            409,
            {
                "error": "UpdateConflict",
                "description": "Safe Update prevented the update due to outdated ticket data.",
            },
        )

    assert desk.put_ticket(101, guard).status_code == 409
    assert desk.state.ticket(101) == before
    assert desk.effects.count() == 0


@pytest.mark.parametrize("stamp", [STAMP, "2026-11-09T09:12:00+01:00"])
def test_safe_update_with_the_current_stamp_is_applied_once(stamp: str) -> None:
    desk = open_desk()
    guarded: dict[str, JsonValue] = {
        "safe_update": False,
        "updated_stamp": stamp,
        "comment": {"body": "In time"},
    }

    assert desk.put_ticket(101, guarded).status_code == 200
    assert desk.put_ticket(101, guarded).status_code == 409
    assert desk.effects.kinds() == {"comment": 1}


def test_stamp_without_safe_update_guards_nothing() -> None:
    desk = open_desk()

    answer = desk.put_ticket(101, {"updated_stamp": "2001-01-01T00:00:00Z", "status": "open"})

    assert answer.status_code == 200
    assert desk.effects.kinds() == {"update": 1}


def test_two_updates_in_one_second_share_a_stamp() -> None:
    """The hole of the real one: a stamp read within the second of a write proves nothing."""
    desk = open_desk()
    desk.clock.now_s += 0.1
    desk.put_ticket(101, {"status": "open"})
    stamp = desk.get("/tickets/101").json()["ticket"]["updated_at"]
    desk.clock.now_s += 0.8
    desk.put_ticket(101, {"status": "pending"})

    guarded: dict[str, JsonValue] = {"safe_update": True, "updated_stamp": stamp, "status": "open"}

    assert desk.put_ticket(101, guarded).status_code == 200
    desk.clock.now_s += 0.1
    desk.put_ticket(101, {"status": "hold"})
    assert desk.put_ticket(101, guarded).status_code == 409


def test_closed_ticket_cannot_be_changed() -> None:
    desk = open_desk()

    for method, path, body in (
        ("PUT", "/tickets/112", {"ticket": {"comment": {"body": "One more thing"}}}),
        ("PUT", "/tickets/112/tags", {"tags": ["late"]}),
    ):
        answer = desk.send(method, path, body)
        assert answer.status_code == 422
        assert answer.json() == {
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {"status": [{"description": "Status: closed prevents ticket update"}]},
        }

    assert desk.effects.count() == 0


def test_colleague_changes_a_ticket_without_an_effect_of_ours() -> None:
    desk = open_desk()

    desk.state.update(101, {"status": "open", "group_id": SUPPORT}, Origin(author_id=TOMAS))
    desk.state.update(101, {"comment": {"body": "On it"}}, Origin(author_id=IMANI))

    assert [one.author_id for one in desk.state.comments(101)] == [MAYA, IMANI]
    assert desk.effects.count() == 0
