"""The embedded Zendesk: tags, by themselves and with an update."""

import pytest

from mcp_router.canonical import JsonValue
from tests.sandbox.zendesk_parts import open_desk


@pytest.mark.parametrize(
    ("method", "status", "tags"),
    [
        ("PUT", 200, ["account", "password", "vip"]),
        ("POST", 201, ["account", "vip"]),
        ("DELETE", 200, ["password"]),
    ],
)
def test_put_adds_post_sets_delete_removes(method: str, status: int, tags: list[str]) -> None:
    desk = open_desk()

    answer = desk.send(method, "/tickets/101/tags", {"tags": ["account", "VIP"]})

    assert (answer.status_code, answer.json()) == (status, {"tags": tags})
    assert desk.get("/tickets/101/tags").json() == {"tags": tags}
    assert desk.effects.kinds() == {"update": 1}
    last = desk.get("/tickets/101/audits?sort=-created_at").json()["audits"][0]["events"]
    assert [(one["field_name"], one["previous_value"], one["value"]) for one in last] == [
        ("tags", ["account", "password"], tags)
    ]


def test_tags_to_remove_may_stand_in_the_query() -> None:
    desk = open_desk()

    answer = desk.client.delete("/api/v2/tickets/101/tags?tags=password,nothing")

    assert answer.json() == {"tags": ["account"]}


def test_tags_that_change_nothing_are_no_effect() -> None:
    desk = open_desk()

    assert desk.send("PUT", "/tickets/101/tags", {"tags": ["account"]}).status_code == 200
    assert desk.effects.count() == 0


def test_tags_can_be_guarded_by_a_stamp() -> None:
    desk = open_desk()
    guard: dict[str, JsonValue] = {"safe_update": "true", "tags": ["vip"]}

    late = desk.send("PUT", "/tickets/101/tags", {**guard, "updated_stamp": "2026-11-09T08:11:59Z"})
    fit = desk.send("PUT", "/tickets/101/tags", {**guard, "updated_stamp": "2026-11-09T08:12:00Z"})

    assert (late.status_code, fit.status_code) == (409, 200)
    assert desk.effects.kinds() == {"update": 1}


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_tags_of_an_unknown_ticket_are_not_found(method: str) -> None:
    desk = open_desk()

    body = None if method == "GET" else {"tags": ["vip"]}
    answer = desk.send(method, "/tickets/999/tags", body)

    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "RecordNotFound", "description": "Not found"},
    )


def test_update_replaces_the_tags() -> None:
    desk = open_desk()

    answer = desk.put_ticket(101, {"tags": "urgent vip"})

    assert answer.json()["ticket"]["tags"] == ["urgent", "vip"]


def test_update_adds_and_removes_tags() -> None:
    desk = open_desk()

    answer = desk.put_ticket(101, {"additional_tags": ["vip"], "remove_tags": ["password"]})

    assert answer.json()["ticket"]["tags"] == ["account", "vip"]


def test_update_ignores_additive_tags_as_documented_when_so_configured() -> None:
    desk = open_desk(additive_tags=False)

    answer = desk.put_ticket(101, {"additional_tags": ["vip"], "remove_tags": ["password"]})

    assert answer.status_code == 200
    assert answer.json()["ticket"]["tags"] == ["account", "password"]
    assert desk.effects.count() == 0
