"""The embedded Zendesk against Zendesk's own OpenAPI description.

The file lies outside the repository; the tests skip where it is absent. Where file and server
part, the difference stands in one of the named lists below with its reason, and an entry that
nothing needs any more fails.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.app import ENDPOINTS
from mcp_router.sandbox.zendesk.exchange import JsonObject
from tests.contract.zendesk_openapi import FILE, Spec, bare, load
from tests.sandbox.zendesk_parts import open_desk

CORRECTED: Mapping[str, str] = {
    "TicketObject.priority": "nullable, but null is not in its enum, which OpenAPI 3.0.3 demands; "
    "a ticket without a priority is the rule.",
    "TicketObject.type": "As the priority.",
    "AuditObject.events[].value": "Text or integer for the audit in the answer to an update. The "
    "very same audit may hold anything in the list of audits (TicketAuditObject), and in fact the "
    "value of `tags` is a list and that of an emptied field null (singer-io/tap-zendesk, which "
    "reads real audits: null, array or string).",
}
"""Schemas that the file has wrong."""

UNLISTED: Mapping[str, str] = {
    "audit": "The documentation: a creation is answered with ticket and audit.",
    "audit.events[].*": "AuditObject lists five members of events, TicketAuditObject leaves them "
    "open; its example and zenpy have these.",
    "count": "Pages by number are in the prose (introduction, Pagination), listed for few lists.",
    "next_page": "As count.",
    "previous_page": "As count.",
    "meta": "Pages by cursor are in the prose only.",
    "links": "As meta.",
    "users": "Sideloads are in the prose (Side-loading), asked for with `include`.",
    "groups": "As users.",
    "organizations": "As users.",
    "results[].*": "SearchResultObject lists ten members; a result is a whole record, which "
    "test_results_are_whole_records checks.",
}
"""Members that the server answers and the file does not list."""

UNLISTED_IN_REQUESTS: Mapping[str, str] = {
    "ticket.additional_tags": "Documented for update_many only; see ZendeskState.additive_tags.",
    "ticket.remove_tags": "As additional_tags.",
}
"""Members that the server reads and the file does not list."""

UNLISTED_PARAMETERS: Mapping[str, str] = {
    "/api/v2/tickets/{}/comments sort": "In the operation's own prose, not among its parameters.",
    "/api/v2/tickets/{}/audits per_page": "Offset pagination, says the operation's own prose.",
    "/api/v2/search page": "Pages by number, says the prose; not among the parameters.",
    "/api/v2/search per_page": "As page.",
    "/api/v2/search filter": "zenpy sends filter[type], listed for /search/export only.",
    "/api/v2/search/count filter": "As for /search.",
    "/api/v2/incremental/tickets/cursor per_page": "zenpy sends it; documented in prose.",
    "/api/v2/incremental/tickets/cursor include": "In the operation's own prose.",
}
"""Query parameters that the server reads and the file does not list."""

LEFT_OUT: Mapping[str, str] = {
    "TicketObject.recipient": "Null unless the ticket came by mail, and the file allows no null.",
    "UserForAdmin.last_login_at": "Nobody signs in here, and the file allows no null.",
}
"""Members of the file's examples that the server has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request, and the operation that it is one of."""

    method: str
    path: str
    call: str
    body: JsonValue = None


def get(path: str, *calls: str) -> list[Case]:
    return [Case(method="GET", path=f"/api/v2{path}", call=call) for call in calls]


def put(path: str, call: str, *bodies: JsonValue, method: str = "PUT") -> list[Case]:
    return [Case(method=method, path=f"/api/v2{path}", call=call, body=one) for one in bodies]


NEW: dict[str, JsonValue] = {"subject": "Lamp", "comment": {"body": "It flickers."}}
CASES = [
    *get("/tickets", "/tickets", "/tickets?per_page=2&page=2", "/tickets?page[size]=2",
         "/tickets?external_id=order-20881&include=users,groups,organizations",
         "/tickets?sort_by=updated_at&sort_order=desc&start_time=1"),
    *put("/tickets", "/tickets", {"ticket": NEW}, {"ticket": {
        **NEW, "priority": "urgent", "type": "task", "tags": ["a", "b"], "external_id": "act_1",
        "requester": {"name": "Ida", "email": "ida@example.com"}, "status": "open",
        "assignee_id": 1002, "group_id": 4001, "metadata": {"mcp_router_key": "act_1"},
    }}, {"ticket": {"comment": {"html_body": "<p>Hi</p>", "public": False}, "requester": 2001}},
        method="POST"),
    *get("/tickets/count", "/tickets/count"),
    *get("/tickets/show_many", "/tickets/show_many?ids=101,105&include=users"),
    *get("/tickets/{ticket_id}", "/tickets/104?include=users,groups,organizations", "/tickets/112"),
    *put("/tickets/{ticket_id}", "/tickets/104", {"ticket": {}}, {"ticket": {
        "comment": {"body": "Done.", "public": True}, "status": "solved", "priority": "low",
        "type": "incident", "assignee_id": None, "group_id": 4003, "tags": ["a"],
        "metadata": {"mcp_router_key": "act_2"}, "safe_update": True,
        "updated_stamp": "2026-11-10T15:02:00Z",
    }}, {"ticket": {"additional_tags": ["vip"], "remove_tags": ["plan_limit"]}}),
    *get("/tickets/{ticket_id}/comments", "/tickets/104/comments",
         "/tickets/104/comments?sort=-created_at&page[size]=1&include=users",
         "/tickets/104/comments?include_inline_images=false&sort_order=desc&per_page=1"),
    *get("/tickets/{ticket_id}/audits", "/tickets/104/audits", "/tickets/112/audits?per_page=1",
         "/tickets/104/audits?sort=-created_at&page[size]=1&include=users"),
    *get("/tickets/{ticket_id}/tags", "/tickets/104/tags"),
    *put("/tickets/{ticket_id}/tags", "/tickets/104/tags", {"tags": ["vip"]}),
    *put("/tickets/{ticket_id}/tags", "/tickets/104/tags", {"tags": ["vip"]}, method="POST"),
    *put("/tickets/{ticket_id}/tags", "/tickets/104/tags?tags=vip", {"tags": ["team_plan"]},
         method="DELETE"),
    *get("/users", "/users", "/users?page[size]=3", "/users?role=agent&include=organizations"),
    *get("/users/me", "/users/me"),
    *get("/users/search", "/users/search?query=maya",
         "/users/search?query=hannah&per_page=1&include=organizations",
         "/users/search?external_id=none"),
    *get("/users/show_many", "/users/show_many?ids=1002,2004", "/users/show_many?external_ids=x"),
    *get("/users/{user_id}", "/users/2004?include=organizations", "/users/1003"),
    *get("/organizations", "/organizations", "/organizations?page[size]=1"),
    *get("/organizations/show_many", "/organizations/show_many?ids=3001,3002"),
    *get("/organizations/{organization_id}", "/organizations/3003"),
    *get("/groups", "/groups", "/groups?page[size]=1"),
    *get("/groups/{group_id}", "/groups/4002"),
    *get("/search", "/search?query=type:ticket&sort_by=priority&sort_order=asc",
         "/search?query=maya&page=1&per_page=1", "/search?query=refund&filter[type]=ticket",
         "/search?query=type:ticket%20refund&include=users,groups,organizations"),
    *get("/search/count", "/search/count?query=refund", "/search/count?query=a&filter[type]=user"),
    *get("/incremental/tickets/cursor", "/incremental/tickets/cursor?start_time=1&per_page=2",
         "/incremental/tickets/cursor?cursor=MC4wfHww&include=users"),
]  # fmt: skip


@pytest.fixture(scope="session")
def original() -> JsonObject:
    if not FILE.exists():
        pytest.skip("Zendesk's OpenAPI file is not at ../shared/data/zendesk/support-oas.yaml")

    return load()


@pytest.fixture(scope="session")
def spec(original: JsonObject) -> Spec:
    return Spec(corrected(original, CORRECTED))


def corrected(original: JsonObject, which: Iterable[str]) -> JsonObject:
    """Return a copy of the description with these of the named corrections."""
    document = copy.deepcopy(original)
    schemas = Spec(document).node("components", "schemas")

    for name in which:
        schema, _, member = name.partition(".")

        if schema == "TicketObject":
            field = Spec(schemas).node(schema, "properties", member)
            assert isinstance(field["enum"], list)
            field["enum"].append(None)
        else:
            events = Spec(schemas).node(schema, "properties", "events", "items", "properties")
            value = Spec(events).node("value")
            assert isinstance(value["oneOf"], list)
            value["oneOf"].append({"type": "array", "items": {"type": "string"}, "nullable": True})

    return document


def exchange(case: Case) -> tuple[int, JsonValue]:
    """Return what a fresh account answers."""
    desk = open_desk()
    answer = desk.send(case.method, case.call, case.body)
    body: JsonValue = answer.json()
    return answer.status_code, body


def entry(member: str) -> str | None:
    """Return the entry of UNLISTED that stands for a member; `.*` is for all below."""
    return next(
        (
            one
            for one in UNLISTED
            if member == one or (one.endswith(".*") and member.startswith(one[:-1]))
        ),
        None,
    )


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{n} {one.method} {one.call}" for n, one in enumerate(CASES)]
)
def test_answers_and_requests_are_as_described(case: Case, spec: Spec) -> None:
    status, body = exchange(case)

    assert spec.complaints(spec.answer(case.method, case.path, status), body) == []

    place = spec.request(case.method, case.path)
    if place is not None and case.body is not None:
        assert spec.complaints(place, case.body, request=True) == []


def test_every_endpoint_is_described_and_tried(spec: Spec) -> None:
    served = {(method, bare(f"/api/v2{path}")) for method, path, _ in ENDPOINTS}
    tried = {(case.method, bare(case.path)) for case in CASES}

    assert served == tried
    assert all(spec.operation(case.method, case.path) for case in CASES)


def test_members_are_those_that_the_file_lists(spec: Spec) -> None:
    found: set[str] = set()

    for case in CASES:
        status, body = exchange(case)
        found |= set(spec.unlisted(spec.node(*spec.answer(case.method, case.path, status)), body))

    assert {one for one in found if entry(one) is None} == set()
    assert {entry(one) for one in found} == set(UNLISTED)


def test_requests_hold_members_that_the_file_lists(spec: Spec) -> None:
    found: set[str] = set()

    for case in CASES:
        place = spec.request(case.method, case.path)
        if place is not None and case.body is not None:
            found |= set(spec.unlisted(spec.node(*place), case.body))

    assert found == set(UNLISTED_IN_REQUESTS)


def test_parameters_are_those_that_the_file_lists(spec: Spec) -> None:
    found: set[str] = set()

    for case in CASES:
        sent = {name.partition("[")[0] for name, _ in parse_qsl(case.call.partition("?")[2])}
        unlisted = sent - spec.parameters(case.method, case.path)
        found |= {f"{bare(case.path)} {name}" for name in unlisted}

    assert found == set(UNLISTED_PARAMETERS)


def test_results_are_whole_records(spec: Spec) -> None:
    results = open_desk().get("/search?query=order*").json()["results"]
    results += open_desk().get("/search?query=maya").json()["results"]
    names = {"ticket": "TicketObject", "user": "UserObject"}

    assert {one["result_type"] for one in results} == set(names)

    for result in results:
        place = ("components", "schemas", names[result.pop("result_type")])
        assert spec.complaints(place, result) == []
        assert list(spec.unlisted(spec.node(*place), result)) == []


@pytest.mark.parametrize(
    ("schema", "call", "path"),
    [
        ("TicketObject", "/tickets/103", ("ticket",)),
        ("TicketAuditObject", "/tickets/103/audits?sort=-created_at", ("audits", 0)),
        ("TicketCommentObject", "/tickets/103/comments", ("comments", 0)),
        ("UserForAdmin", "/users/1002", ("user",)),
        ("OrganizationObject", "/organizations/3001", ("organization",)),
        ("GroupObject", "/groups/4001", ("group",)),
    ],
)
def test_records_have_every_member_of_the_files_example(
    schema: str, call: str, path: tuple[str | int, ...], spec: Spec
) -> None:
    record = open_desk().get(call).json()
    for step in path:
        record = record[step]

    example = spec.node("components", "schemas", schema)["example"]
    assert isinstance(example, Mapping)

    missing = {f"{schema}.{name}" for name in set(example) - set(record)}
    assert missing == {name for name in LEFT_OUT if name.startswith(f"{schema}.")}


@pytest.mark.parametrize("name", CORRECTED)
def test_each_correction_is_needed(name: str, original: JsonObject) -> None:
    spec = Spec(corrected(original, set(CORRECTED) - {name}))

    complaints = [
        complaint
        for case in CASES
        for status, body in [exchange(case)]
        for complaint in spec.complaints(spec.answer(case.method, case.path, status), body)
    ]

    assert complaints != []


BORROWED: Mapping[int, tuple[str, str]] = {
    400: ("post", "/api/v2/ticket_content_pins"),
    404: ("delete", "/api/v2/ticket_content_pins/{content_pin_id}"),
    409: ("post", "/api/v2/ticket_content_pins"),
    422: ("post", "/api/v2/ticket_content_pins"),
    429: ("put", "/api/v2/organizations/{organization_id}"),
}
"""The file describes no error of the operations above: where it describes one of that status."""


@pytest.mark.parametrize(
    ("status", "method", "call", "body"),
    [
        (400, "GET", "/tickets/abc", None),
        (404, "GET", "/tickets/999", None),
        (409, "PUT", "/tickets/101", {"ticket": {"safe_update": True}}),
        (422, "POST", "/tickets", {"ticket": {"subject": "Lamp"}}),
        (422, "PUT", "/tickets/112", {"ticket": {"status": "open"}}),
        (429, "GET", "/tickets/101", None),
    ],
)
def test_errors_have_the_shape_that_the_file_has_for_their_status(
    status: int, method: str, call: str, body: JsonValue, spec: Spec
) -> None:
    desk = open_desk()
    desk.state.requests_per_minute = 0 if status == 429 else None

    answer = desk.send(method, call, body)

    assert answer.status_code == status
    lender, path = BORROWED[status]
    place = spec.answer(lender, path, status)
    assert spec.complaints(place, answer.json()) == []
    unlisted = set(spec.unlisted(spec.node(*place), answer.json()))
    assert unlisted <= {"details"}  # the introduction's example of a 422 has it


@pytest.mark.parametrize(
    "broken",
    [{"id": "101"}, {"status": "gone"}, {"tags": 5}, {"updated_at": "today"}, {"requester": 5}],
)
def test_a_wrong_answer_would_be_noticed(broken: dict[str, JsonValue], spec: Spec) -> None:
    ticket = open_desk().get("/tickets/101").json()["ticket"]
    place = spec.answer("GET", "/api/v2/tickets/{ticket_id}", 200)

    assert spec.complaints(place, {"ticket": ticket}) == []
    assert len(spec.complaints(place, {"ticket": {**ticket, **broken}})) == 1
    assert list(spec.unlisted(spec.node(*place), {"ticket": {"stauts": "new"}})) == [
        "ticket.stauts"
    ]
