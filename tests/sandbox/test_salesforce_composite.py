"""Several calls in one request to the embedded Salesforce: all or none, or each by itself."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.salesforce.answers import Answer, ApiCall, Refusal
from mcp_router.sandbox.salesforce.composite import serve_composite
from mcp_router.sandbox.salesforce.schema import CASE, CONTACT, TASK
from mcp_router.sandbox.salesforce.state import SalesforceState

API = "/services/data/v59.0"


def part(reference: str, method: str, path: str, body: JsonValue = None) -> JsonValue:
    return {"referenceId": reference, "method": method, "url": f"{API}/{path}", "body": body}


def send(state: SalesforceState, *parts: JsonValue, all_or_none: bool) -> Answer:
    body: JsonValue = {"allOrNone": all_or_none, "compositeRequest": list(parts)}
    return serve_composite(
        state, ApiCall(version=59, method="POST", path=("composite",), body=body)
    )


def results(answer: Answer) -> list[tuple[str, int]]:
    assert isinstance(answer.body, dict)
    return [
        (result["referenceId"], result["httpStatusCode"])
        for result in answer.body["compositeResponse"]
    ]


def test_later_parts_use_the_answers_of_earlier_ones() -> None:
    state = SalesforceState(seeded=False)

    answer = send(
        state,
        part("person", "POST", "sobjects/Contact", {"LastName": "Diaz"}),
        part("problem", "POST", "sobjects/Case", {"ContactId": "@{person.id}"}),
        part("again", "PATCH", "sobjects/Case/@{problem.id}", {"Status": "Working"}),
        part("read", "GET", "query?q=SELECT+Status+FROM+Case"),
        all_or_none=True,
    )

    contact, case = state.records(CONTACT)[0], state.records(CASE)[0]
    assert answer.status == 200
    assert results(answer) == [("person", 201), ("problem", 201), ("again", 204), ("read", 200)]
    assert (case["ContactId"], case["Status"]) == (contact["Id"], "Working")
    assert [(change.kind, change.ref) for change in answer.changes] == [
        ("contact", contact["Id"]),
        ("case", case["Id"]),
        ("case_update", case["Id"]),
    ]


def test_all_or_none_undoes_everything_after_one_failure() -> None:
    state = SalesforceState(seeded=False)
    taken = state.insert(CASE, {"McpTicketId__c": "zd-1"})

    answer = send(
        state,
        part("first", "PATCH", f"sobjects/Case/{taken}", {"Subject": "changed"}),
        part("second", "POST", "sobjects/Case", {"McpTicketId__c": "zd-1"}),
        part("third", "POST", "sobjects/Task", {"Subject": "call"}),
        all_or_none=True,
    )

    assert answer.changes == ()
    assert state.record(CASE, taken)["Subject"] is None
    assert (len(state.records(CASE)), state.records(TASK)) == (1, ())
    assert isinstance(answer.body, dict)
    codes = [result["body"][0]["errorCode"] for result in answer.body["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "DUPLICATE_VALUE", "PROCESSING_HALTED"]
    assert results(answer) == [("first", 400), ("second", 400), ("third", 400)]
    state.insert(CASE, {"McpTicketId__c": "zd-2"})  # the index went back too


def test_without_all_or_none_each_part_stands_alone() -> None:
    state = SalesforceState(seeded=False)

    answer = send(
        state,
        part("bad", "POST", "sobjects/Contact", {}),
        part("after", "POST", "sobjects/Case", {"ContactId": "@{bad.id}"}),
        part("lost", "GET", "sobjects/Lead"),
        {"referenceId": "outside", "method": "GET", "url": "/elsewhere"},
        part("good", "POST", "sobjects/Case", {"Subject": "kept"}),
        all_or_none=False,
    )

    assert results(answer) == [
        ("bad", 400),
        ("after", 400),
        ("lost", 404),
        ("outside", 404),
        ("good", 201),
    ]
    assert [row["Subject"] for row in state.records(CASE)] == ["kept"]
    assert [change.kind for change in answer.changes] == ["case"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"compositeRequest": "x"},
        {"compositeRequest": []},
        {"compositeRequest": ["x"]},
        {"compositeRequest": [{"method": "GET", "url": f"{API}/limits"}]},
        {"compositeRequest": [part("a", "GET", "limits"), part("a", "GET", "limits")]},
        {"compositeRequest": [part(f"r{n}", "GET", "limits") for n in range(26)]},
    ],
)
def test_a_malformed_request_is_refused_as_a_whole(body: JsonValue) -> None:
    state = SalesforceState(seeded=False)

    with pytest.raises(Refusal) as refused:
        serve_composite(state, ApiCall(version=59, method="POST", path=("composite",), body=body))

    assert (refused.value.status_code, refused.value.code) == (400, "JSON_PARSER_ERROR")


def test_composite_is_only_posted_to() -> None:
    with pytest.raises(Refusal) as refused:
        serve_composite(SalesforceState(), ApiCall(version=59, method="GET", path=("composite",)))

    assert refused.value.status_code == 405
