"""The embedded Zendesk: lists, their pages, what they bring along, and the export."""

from collections.abc import Mapping

import httpx2
import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.seed import BILLING, FIELDNOTE, KENJI, PRIYA, TOMAS
from tests.sandbox.zendesk_parts import NOON_S, Desk, open_desk

HOME = "https://desk.example/api/v2"


def ids(answer: httpx2.Response, name: str = "tickets") -> list[int]:
    return [one["id"] for one in answer.json()[name]]


def follow(desk: Desk, link: str) -> httpx2.Response:
    assert link.startswith(HOME)
    return desk.client.get(link)


def test_numbered_pages_name_their_neighbours() -> None:
    desk = open_desk()

    first = desk.get("/tickets.json?per_page=5")
    second = follow(desk, first.json()["next_page"])
    third = follow(desk, second.json()["next_page"])

    assert [ids(one) for one in (first, second, third)] == [
        [101, 102, 103, 104, 105],
        [106, 107, 108, 109, 110],
        [111, 112],
    ]
    assert [one.json()["count"] for one in (first, second, third)] == [12, 12, 12]
    assert first.json()["previous_page"] is None
    assert first.json()["next_page"] == f"{HOME}/tickets.json?per_page=5&page=2"
    assert second.json()["previous_page"] == f"{HOME}/tickets.json?per_page=5&page=1"
    assert third.json()["next_page"] is None
    assert ids(desk.get("/tickets?page=9")) == []


def test_cursors_lead_forward_and_back() -> None:
    desk = open_desk()

    first = desk.get("/tickets?page[size]=5")
    second = follow(desk, first.json()["links"]["next"])
    desk.post_ticket({"comment": {"body": "A new row does not shift the pages"}})
    third = follow(desk, second.json()["links"]["next"])
    back = follow(desk, third.json()["links"]["prev"])

    assert [ids(one) for one in (first, second, third, back)] == [
        [101, 102, 103, 104, 105],
        [106, 107, 108, 109, 110],
        [111, 112, 113],
        [106, 107, 108, 109, 110],
    ]
    assert [one.json()["meta"]["has_more"] for one in (first, second, third, back)] == [
        True,
        True,
        False,
        True,
    ]
    assert first.json()["links"]["prev"] is None
    assert third.json()["links"]["next"] is None
    assert "count" not in first.json()


def test_empty_list_has_no_cursors() -> None:
    answer = open_desk(seeded=False).get("/tickets?page[size]=5")

    assert answer.json() == {
        "tickets": [],
        "meta": {"has_more": False, "after_cursor": None, "before_cursor": None},
        "links": {"next": None, "prev": None},
    }


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "per_page=-1", "page[size]=x", "page[after]=%C3%A4", "page[after]=OTk5"],
)
def test_paging_parameters_must_make_sense(query: str) -> None:
    assert open_desk().get(f"/tickets?{query}").status_code == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=-updated_at", [112, 111, 110]),
        ("sort_by=updated_at&sort_order=desc", [112, 111, 110]),
        ("sort_by=created_at", [101, 102, 103]),
        ("sort=-id", [112, 111, 110]),
        ("sort_by=subject", [112, 104, 105]),
        ("sort=status", [101, 111, 103]),
        ("external_id=order-20881", [103]),
        ("external_id=none", []),
        ("start_time=1794873600", [111, 112]),
    ],
)
def test_tickets_are_sorted_and_picked_as_asked(query: str, expected: list[int]) -> None:
    assert ids(open_desk().get(f"/tickets?{query}"))[:3] == expected


def test_external_ids_need_not_be_unique() -> None:
    desk = open_desk()
    ticket: Mapping[str, JsonValue] = {"comment": {"body": "x"}, "external_id": "act_1"}

    desk.post_ticket(ticket)
    desk.post_ticket(ticket)

    assert ids(desk.get("/tickets?external_id=act_1")) == [113, 114]


def test_show_many_answers_those_that_exist_in_the_order_asked() -> None:
    desk = open_desk()

    answer = desk.get("/tickets/show_many?ids=105,999,%20101")

    assert ids(answer) == [105, 101]
    assert answer.json()["count"] == 2
    assert desk.get("/tickets/show_many").status_code == 400
    assert desk.get("/tickets/show_many?ids=1,x").status_code == 400


def test_count_of_tickets() -> None:
    assert open_desk().get("/tickets/count").json() == {
        "count": {"value": 12, "refreshed_at": "2026-11-20T12:00:00Z"}
    }


@pytest.mark.parametrize("place", ["comments", "audits"])
@pytest.mark.parametrize(
    ("query", "latest_first"),
    [
        ("", False),
        ("sort=created_at", False),
        ("sort=-created_at", True),
        ("sort_order=desc", True),
        ("sort_order=asc", False),
    ],
)
def test_conversation_is_sorted_by_time(place: str, query: str, latest_first: bool) -> None:
    times = [
        one["created_at"] for one in open_desk().get(f"/tickets/104/{place}?{query}").json()[place]
    ]

    assert times == sorted(["2026-11-10T13:21:00Z", "2026-11-10T15:02:00Z"], reverse=latest_first)


@pytest.mark.parametrize("place", ["comments", "audits"])
def test_conversation_has_pages_of_both_kinds(place: str) -> None:
    desk = open_desk()
    whole = ids(desk.get(f"/tickets/104/{place}"), place)

    latest = desk.get(f"/tickets/104/{place}?sort=-created_at&page[size]=1")
    earlier = follow(desk, latest.json()["links"]["next"])
    numbered = desk.get(f"/tickets/104/{place}?per_page=1&page=2")

    assert (ids(latest, place), ids(earlier, place)) == ([whole[1]], [whole[0]])
    assert (ids(numbered, place), numbered.json()["count"]) == ([whole[1]], 2)


@pytest.mark.parametrize("place", ["comments", "audits"])
def test_conversation_is_sorted_by_nothing_but_time(place: str) -> None:
    assert open_desk().get(f"/tickets/104/{place}?sort=-id").status_code == 400


def test_comments_belong_to_their_audits() -> None:
    desk = open_desk()

    comments = desk.get("/tickets/104/comments").json()["comments"]
    audits = desk.get("/tickets/104/audits").json()["audits"]

    assert [one["audit_id"] for one in comments] == [one["id"] for one in audits]
    assert [one["id"] for one in comments] == [one["events"][0]["id"] for one in audits]
    assert [one["public"] for one in comments] == [True, False]


def test_sideloads_come_only_when_asked_for() -> None:
    desk = open_desk()

    plain = desk.get("/tickets/104").json()
    loaded = desk.get("/tickets/104?include=users,groups,organizations").json()
    listed = desk.get("/tickets?external_id=order-20881&include=users").json()
    spoken = desk.get("/tickets/104/comments?include=users").json()

    assert set(plain) == {"ticket"}
    assert [one["id"] for one in loaded["users"]] == [TOMAS, KENJI]
    assert [one["id"] for one in loaded["groups"]] == [BILLING]
    assert [one["id"] for one in loaded["organizations"]] == [FIELDNOTE]
    assert [one["name"] for one in listed["users"]] == ["Priya Raman", "Hannah Brooks"]
    assert [one["id"] for one in spoken["users"]] == [PRIYA, KENJI]


def test_people_can_be_looked_at() -> None:
    desk = open_desk()

    assert desk.get("/users/me").json()["user"]["email"] == "copilot@sandbox.test"
    assert desk.get("/users/2004").json()["user"]["name"] == "Kenji Watanabe"
    assert ids(desk.get("/users?role[]=agent&role[]=admin"), "users") == [1001, 1002, 1003, 1004]
    assert ids(desk.get("/users/show_many?ids=2004,5,2001"), "users") == [2004, 2001]
    assert ids(desk.get("/users/show_many?external_ids=customer-2004,b"), "users") == [2004]
    assert ids(desk.get("/organizations"), "organizations") == [3001, 3002, 3003]
    assert ids(desk.get("/organizations/show_many?ids=3002"), "organizations") == [3002]
    assert desk.get("/organizations/3001").json()["organization"]["name"] == "Harbor Lane Goods"
    assert [one["name"] for one in desk.get("/groups").json()["groups"]] == [
        "Support",
        "Billing",
        "Trust & Safety",
    ]
    assert desk.get("/groups/4002").json()["group"]["name"] == "Billing"


def test_export_goes_on_where_it_stopped_and_misses_no_write() -> None:
    desk = open_desk()

    first = desk.get("/incremental/tickets/cursor?start_time=1794873600&per_page=1").json()
    second = desk.client.get(f"{first['after_url']}&per_page=1").json()
    desk.put_ticket(101, {"status": "open"})
    desk.put_ticket(111, {"status": "open"})
    desk.put_ticket(101, {"status": "pending"})
    third = desk.client.get(second["after_url"]).json()
    last = desk.client.get(third["after_url"]).json()

    assert [[t["id"] for t in one["tickets"]] for one in (first, second, third, last)] == [
        [111],
        [112],
        [111, 101],
        [],
    ]
    assert [one["end_of_stream"] for one in (first, second, third, last)] == [
        False,
        True,
        True,
        True,
    ]
    assert last["after_cursor"] == third["after_cursor"]
    assert first["after_url"] == (
        f"{HOME}/incremental/tickets/cursor?cursor={first['after_cursor']}"
    )


def test_export_of_an_empty_account_can_go_on() -> None:
    desk = open_desk(seeded=False)

    empty = desk.get(f"/incremental/tickets/cursor.json?start_time={NOON_S}").json()
    desk.post_ticket({"comment": {"body": "x"}})
    later = desk.get(f"/incremental/tickets/cursor.json?cursor={empty['after_cursor']}").json()

    assert (empty["tickets"], empty["end_of_stream"]) == ([], True)
    assert [one["id"] for one in later["tickets"]] == [101]


def test_export_can_leave_out_the_latest_minute() -> None:
    desk = open_desk()
    desk.state.export_lag_s = 60
    desk.put_ticket(101, {"status": "open"})
    path = f"/incremental/tickets/cursor?start_time={NOON_S}"

    desk.clock.now_s += 59
    early = desk.get(path).json()
    desk.clock.now_s += 1
    late = desk.client.get(early["after_url"]).json()

    assert [one["id"] for one in early["tickets"]] == []
    assert [one["id"] for one in late["tickets"]] == [101]


def test_export_shows_no_write_before_an_earlier_one_when_the_clock_is_set_back() -> None:
    desk = open_desk()
    desk.state.export_lag_s = 60
    path = f"/incremental/tickets/cursor?start_time={NOON_S - 600}"

    desk.put_ticket(101, {"status": "open"})
    desk.clock.now_s -= 300
    desk.put_ticket(102, {"status": "open"})
    desk.clock.now_s += 60

    assert ids(desk.get(path)) == []
    desk.clock.now_s += 300
    assert ids(desk.get(path)) == [101, 102]


@pytest.mark.parametrize("query", ["", "?start_time=x", "?cursor=!", "?cursor=YWJj"])
def test_export_needs_a_time_or_a_cursor(query: str) -> None:
    assert open_desk().get(f"/incremental/tickets/cursor{query}").status_code == 400
