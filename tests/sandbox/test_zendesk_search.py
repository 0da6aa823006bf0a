"""The embedded Zendesk: search."""

from urllib.parse import quote

import pytest

from tests.sandbox.zendesk_parts import Desk, open_desk


def found(desk: Desk, query: str, arguments: str = "") -> list[int]:
    answer = desk.get(f"/search?query={quote(query)}{arguments}")
    assert answer.status_code == 200
    return sorted(one["id"] for one in answer.json()["results"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type:ticket status:open", [103, 104, 105, 106, 107]),
        ("type:ticket status:pending status:hold", [102, 108, 109]),
        ("type:ticket status<solved status>open", [102, 108, 109]),
        ("type:ticket status>=solved", [110, 112]),
        ("type:ticket status<=new", [101, 111]),
        ("type:ticket -status:open -status:closed priority<normal", [102, 110]),
        ("type:ticket priority>normal", [103, 105, 106, 107]),
        ("type:ticket requester:maya.lindqvist@example.com", [101, 112]),
        ('type:ticket requester:"Lucas Meyer"', [106]),
        ("type:ticket requester:2006", [106]),
        ("type:ticket assignee:none", [101, 107, 111]),
        ('type:ticket assignee:"priya raman" status:open', [103]),
        ('type:ticket group:"Trust & Safety"', [106, 107, 108, 112]),
        ("type:ticket organization:fieldnote", []),
        ('type:ticket organization:"fieldnote studio"', [104, 105]),
        ("type:ticket tags:billing", [105, 110]),
        ("type:ticket tags:kyc tags:privacy", [108, 112]),
        ("type:ticket tags:billing -tags:upgrade", [105]),
        ("type:ticket ticket_type:problem", [106]),
        ("type:ticket external_id:order-20881", [103]),
        ("type:ticket refund", [105, 106]),
        ("type:ticket REFUND seller", [106]),
        ("type:ticket refun", []),
        ("type:ticket refun*", [105, 106]),
        ('type:ticket "recovery codes"', [107]),
        ("type:ticket subject:refund", [106]),
        ("type:ticket description:refund", [105, 106]),
        ("type:ticket -refund priority:urgent", []),
        ("type:ticket 106", [106]),
        ("type:ticket id:106", [106]),
        ("type:ticket submitter:elena.marsh@example.com", [111]),
        ("type:ticket created>=2026-11-16", [109, 110, 111, 112]),
        ("type:ticket created>2026-11-16", [111, 112]),
        ("type:ticket created:2026-11-16", [109, 110]),
        ("type:ticket updated<2026-11-09T10:00:00Z", [101]),
        ("type:ticket created<=2026-11-09", [101, 102]),
        ("type:ticket created>soon", []),
        ("type:ticket weather:sunny", []),
        ("type:ticket", list(range(101, 113))),
        ("type:user role:agent", [1002, 1003, 1004]),
        ("type:user maya.lind", [2001]),
        ("lindqvist", [2001]),
        ("type:organization", []),
    ],
)
def test_query_finds(query: str, expected: list[int]) -> None:
    assert found(open_desk(), query) == expected


def test_type_can_be_an_argument_as_zenpy_sends_it() -> None:
    assert found(open_desk(), "refund", "&filter[type]=ticket") == [105, 106]
    assert found(open_desk(), "lindqvist", "&filter[type]=ticket") == []


def test_results_say_what_they_are() -> None:
    answer = open_desk().get("/search?query=maya.lindqvist@example.com%20type:user").json()

    assert [(one["result_type"], one["name"]) for one in answer["results"]] == [
        ("user", "Maya Lindqvist")
    ]
    assert (answer["count"], answer["next_page"], answer["previous_page"]) == (1, None, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", [112, 111, 110]),
        ("&sort_by=created_at&sort_order=asc", [101, 102, 103]),
        ("&sort_by=priority", [106, 103, 105]),
        ("&sort_by=status&sort_order=asc", [101, 111, 103]),
        ("%20order_by:created%20sort:asc", [101, 102, 103]),
        ("&sort_by=relevance", [112, 111, 110]),
        ("&sort_by=ticket_type", [112, 101, 102]),
    ],
)
def test_tickets_come_in_the_order_asked(arguments: str, expected: list[int]) -> None:
    answer = open_desk().get(f"/search?query=type:ticket{arguments}").json()

    assert [one["id"] for one in answer["results"]][:3] == expected


def test_pages_are_numbered() -> None:
    desk = open_desk()

    first = desk.get("/search.json?query=type:ticket&per_page=5&page=2").json()
    last = desk.client.get(first["next_page"]).json()

    assert [one["id"] for one in first["results"]] == [107, 106, 105, 104, 103]
    assert [one["id"] for one in last["results"]] == [102, 101]
    assert (first["count"], last["count"]) == (12, 12)
    assert last["next_page"] is None
    assert "page=1" in first["previous_page"]


def test_search_has_no_cursors_and_ends_at_a_thousand() -> None:
    desk = open_desk()

    cursor = desk.get("/search?query=type:ticket&page[size]=5")
    far = desk.get("/search?query=type:ticket&page=11&per_page=100")

    assert cursor.status_code == 400
    assert (far.status_code, far.json()["error"]) == (422, "invalid")
    assert desk.get("/search").status_code == 400
    assert desk.get("/search?query=a&sort_by=colour").status_code == 422


def test_count_is_of_all_pages() -> None:
    desk = open_desk()

    assert desk.get("/search/count?query=type:ticket%20status:open").json() == {"count": 5}
    assert desk.get("/search/count.json?query=refund").json() == {"count": 2}


def test_index_lags_behind_where_the_list_does_not() -> None:
    desk = open_desk()
    desk.state.search_lag_s = 120
    desk.post_ticket({"subject": "Espresso", "comment": {"body": "x"}, "external_id": "act_9"})
    desk.put_ticket(101, {"status": "pending"})

    assert found(desk, "espresso") == []
    assert found(desk, "type:ticket external_id:act_9") == []
    assert found(desk, "type:ticket status:new") == [101, 111]
    assert [one["id"] for one in desk.get("/tickets?external_id=act_9").json()["tickets"]] == [113]

    desk.clock.now_s += 120

    assert found(desk, "espresso") == [113]
    assert found(desk, "type:ticket status:new") == [111, 113]


def test_lag_hides_none_of_the_seeded_tickets() -> None:
    desk = open_desk()
    desk.clock.now_s = 0
    desk.state.search_lag_s = 3600

    assert found(desk, "type:ticket") == list(range(101, 113))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('email:"maya.lindqvist@example.com"', [2001]),
        ("maya.lindqvist@example.com", [2001]),
        ('phone:"+1 202 555 0143"', [2001]),
        ('phone:"12025550143"', [2001]),
        ("2025550143", [2001]),
        ('"+1 (202) 555-0168"', [2007]),
        ("555", []),
        ('name:"Maya Lindqvist"', [2001]),
        ("lind maya", [2001]),
        ('name:"maya" email:"diego.fuentes@example.com"', []),
        ('organization:"harbor lane goods"', [2003, 2008]),
        ("role:admin", [1001]),
        ("external_id:customer-2006", [2006]),
        ("id:2006", [2006]),
        ("email:none", []),
        ("role:end-user created<2026-01-01", []),
        ("role:agent created:2026-01-01", [1002, 1003, 1004]),
        ("((((((", []),
        ("weather:sunny", []),
        ("nobody", []),
    ],
)
def test_users_are_found(query: str, expected: list[int]) -> None:
    answer = open_desk().get(f"/users/search?query={quote(query)}").json()

    assert [one["id"] for one in answer["users"]] == expected
    assert answer["count"] == len(expected)


def test_users_bring_their_organizations() -> None:
    desk = open_desk()

    answer = desk.get("/users/search?query=hannah&include=organizations").json()

    assert [one["name"] for one in answer["organizations"]] == ["Harbor Lane Goods"]
    assert desk.get("/users/search").status_code == 400
    assert desk.get("/users/search?external_id=x").json()["users"] == []
    named = desk.get("/users/search?external_id=customer-2003").json()["users"]
    assert [one["name"] for one in named] == ["Hannah Brooks"]
