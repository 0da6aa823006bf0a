"""Several calls in one request to the embedded Salesforce: all or none, or each by itself."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.salesforce.answers import Answer, ApiCall, Refusal
from mcp_router.sandbox.salesforce.composite import serve_composite
from mcp_router.sandbox.salesforce.schema import CASE, CONTACT, MCP_ACTION, TASK
from mcp_router.sandbox.salesforce.state import SalesforceState

API = "/services/data/v59.0"


def part(reference: str, method: str, path: str, body: JsonValue = None) -> dict[str, JsonValue]:
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


def codes(answer: Answer) -> list[str]:
    assert isinstance(answer.body, dict)
    return [result["body"][0]["errorCode"] for result in answer.body["compositeResponse"]]


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
    assert codes(answer) == ["PROCESSING_HALTED", "DUPLICATE_VALUE", "PROCESSING_HALTED"]
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


def test_a_change_and_the_note_of_it_stand_or_fall_together() -> None:
    state = SalesforceState(seeded=False)
    note = part("note", "POST", "sobjects/McpAction__c", {"Key__c": "act_1"})
    case = part("case", "POST", "sobjects/Case", {"Subject": "first"})
    fill = part("fill", "PATCH", "sobjects/McpAction__c/@{note.id}", {"Ref__c": "@{case.id}"})

    done = send(state, note, case, fill, all_or_none=True)
    again = send(state, note, case, fill, all_or_none=True)

    assert results(done) == [("note", 201), ("case", 201), ("fill", 204)]
    assert results(again) == [("note", 400), ("case", 400), ("fill", 400)]
    assert codes(again) == ["DUPLICATE_VALUE", "PROCESSING_HALTED", "PROCESSING_HALTED"]
    (kept,), (action,) = state.records(CASE), state.records(MCP_ACTION)
    assert (action["Key__c"], action["Ref__c"]) == ("act_1", kept["Id"])
    assert [(change.kind, change.ref) for change in done.changes] == [("case", kept["Id"])]
    assert again.changes == ()


def test_a_description_tells_that_there_is_one_note_of_an_action() -> None:
    described = part("told", "GET", "sobjects/McpAction__c/describe")

    answer = send(SalesforceState(), described, all_or_none=True)

    assert isinstance(answer.body, dict)
    fields = {one["name"]: one for one in answer.body["compositeResponse"][0]["body"]["fields"]}
    wanted = ("unique", "externalId", "nillable", "length")
    assert [fields["Key__c"][name] for name in wanted] == [True, True, False, 255]
    assert [fields["Ref__c"][name] for name in wanted] == [False, False, True, 18]


def test_a_stale_header_of_a_part_undoes_the_parts_before_it() -> None:
    state = SalesforceState(seeded=False)
    case_id = state.insert(CASE, {"Subject": "theirs"})
    stale = {"If-Unmodified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}

    answer = send(
        state,
        part("note", "POST", "sobjects/McpAction__c", {"Key__c": "act_1"}),
        {**part("case", "PATCH", f"sobjects/Case/{case_id}", {"Subject": "ours"}),
         "httpHeaders": stale},
        all_or_none=True,
    )  # fmt: skip

    assert results(answer) == [("note", 400), ("case", 412)]
    assert (state.record(CASE, case_id)["Subject"], state.records(MCP_ACTION)) == ("theirs", ())


@pytest.mark.parametrize("text", ["@{note.id}", "@{}", "@{nobody.id}", "a @{b} c"])
def test_a_reference_to_nothing_is_refused(text: str) -> None:
    state = SalesforceState(seeded=False)

    answer = send(state, part("case", "POST", "sobjects/Case", {"Subject": text}), all_or_none=True)

    assert codes(answer) == ["PROCESSING_HALTED"]
    assert state.records(CASE) == ()


def test_the_case_of_a_methods_letters_counts() -> None:
    state = SalesforceState(seeded=False)

    answer = send(state, part("case", "post", "sobjects/Case", {}), all_or_none=True)

    assert codes(answer) == ["METHOD_NOT_ALLOWED"]


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
        {"compositeRequest": [part("a-b", "GET", "limits")]},
        {"compositeRequest": [part("_a", "GET", "limits")]},
        {"compositeRequest": [part("é", "GET", "limits")]},
        *(
            {"compositeRequest": [{**part("a", "GET", "limits"), "httpHeaders": {name: "x"}}]}
            for name in ("Accept", "authorization", "Content-Type")
        ),
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
