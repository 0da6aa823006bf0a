"""The embedded Salesforce over TLS: tokens, records, errors."""

import base64
from dataclasses import dataclass

import httpx2
import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.credentials import SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.salesforce.app import create_app
from mcp_router.sandbox.salesforce.schema import ACCOUNT, CASE, CONTACT
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.server import SandboxServer
from tests.sandbox.conftest import Serve

API = "/services/data/v59.0"
SECRETS = {"client_id": SALESFORCE_CLIENT_ID, "client_secret": SALESFORCE_CLIENT_SECRET}


@dataclass(frozen=True, slots=True, kw_only=True)
class Org:
    state: SalesforceState
    effects: Effects
    server: SandboxServer
    client: httpx2.Client

    def call(
        self,
        method: str,
        path: str,
        body: JsonValue = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        return self.client.request(
            method, f"{self.server.url}{path}", json=body, headers=headers or {}
        )


@pytest.fixture
def org(serve: Serve, client: httpx2.Client) -> Org:
    state, effects = SalesforceState(), Effects()
    server = serve(create_app(state, effects), effects)
    client.headers["Authorization"] = f"Bearer {state.issue_token()}"
    return Org(state=state, effects=effects, server=server, client=client)


def post_token(org: Org, form: dict[str, str], authorization: str = "") -> httpx2.Response:
    headers = {"Authorization": authorization}
    return org.client.post(f"{org.server.url}/services/oauth2/token", data=form, headers=headers)


def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


@pytest.mark.parametrize("as_form", [True, False])
def test_client_credentials_become_a_token_that_works(org: Org, as_form: bool) -> None:
    form = {"grant_type": "client_credentials", **(SECRETS if as_form else {})}
    authorization = "" if as_form else basic(SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET)

    answer = post_token(org, form, authorization)

    body = answer.json()
    assert answer.status_code == 200
    assert (body["instance_url"], body["token_type"]) == (org.server.url, "Bearer")
    org.client.headers["Authorization"] = f"Bearer {body['access_token']}"
    assert org.call("GET", f"{API}/limits").status_code == 200


@pytest.mark.parametrize(
    ("form", "authorization", "error"),
    [
        ({"grant_type": "client_credentials", **SECRETS, "client_secret": "no"}, "",
         "invalid_client"),
        ({"grant_type": "client_credentials"}, basic(SALESFORCE_CLIENT_ID, "no"),
         "invalid_client"),
        ({"grant_type": "client_credentials"}, "Basic !!", "invalid_client"),
        ({"grant_type": "client_credentials"}, "", "invalid_client"),
        ({"grant_type": "password", **SECRETS}, "", "unsupported_grant_type"),
    ],
)  # fmt: skip
def test_wrong_credentials_become_no_token(
    org: Org, form: dict[str, str], authorization: str, error: str
) -> None:
    answer = post_token(org, form, authorization)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_without_a_valid_token_nothing_is_served(org: Org) -> None:
    org.state.expire_tokens()

    answer = org.call("POST", f"{API}/sobjects/Case", {"Subject": "x"})

    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    assert org.effects.count() == 0


def test_versions_need_no_token_and_unknown_ones_are_not_found(org: Org) -> None:
    versions = org.client.get(f"{org.server.url}/services/data", headers={"Authorization": ""})

    assert versions.json()[-1] == {
        "label": "Summer '26",
        "url": "/services/data/v67.0",
        "version": "67.0",
    }
    assert org.call("GET", "/services/data/v67.0/limits").status_code == 200

    for version in ("v68.0", "v30.0", "v59", "59.0", "vx.0"):
        assert org.call("GET", f"/services/data/{version}/limits").status_code == 404


def test_a_case_lives_from_insert_to_delete(org: Org) -> None:
    contact = org.state.records(CONTACT)[3]
    fields = {"Subject": "No sound", "ContactId": contact["Id"], "McpTicketId__c": "zendesk:7"}

    created = org.call("POST", f"{API}/sobjects/Case/", fields)
    case_id = created.json()["id"]
    read = org.call("GET", f"{API}/sobjects/Case/{case_id[:15]}")
    updated = org.call("PATCH", f"{API}/sobjects/Case/{case_id}", {"Status": "Working"})
    by_ticket = org.call("GET", f"{API}/sobjects/Case/McpTicketId__c/zendesk%3A7?fields=Id,Status")
    deleted = org.call("DELETE", f"{API}/sobjects/Case/{case_id}")

    assert created.status_code == 201
    assert created.json() == {"id": case_id, "success": True, "errors": []}
    assert (len(case_id), case_id[:3]) == (18, "500")
    stamp = read.json()["CreatedDate"]
    assert read.json() == {
        "attributes": {"type": "Case", "url": f"{API}/sobjects/Case/{case_id}"},
        "Id": case_id,
        "CaseNumber": "00001002",
        "Subject": "No sound",
        "Description": None,
        "Status": "New",
        "Priority": "Medium",
        "Origin": None,
        "ContactId": contact["Id"],
        "AccountId": contact["AccountId"],
        "McpTicketId__c": "zendesk:7",
        "CreatedDate": stamp,
        "LastModifiedDate": stamp,
        "SystemModstamp": stamp,
    }
    assert (updated.status_code, updated.content) == (204, b"")
    assert by_ticket.json() == {
        "attributes": {"type": "Case", "url": f"{API}/sobjects/Case/{case_id}"},
        "Id": case_id,
        "Status": "Working",
    }
    assert deleted.status_code == 204
    assert org.call("GET", f"{API}/sobjects/Case/{case_id}").status_code == 404
    assert org.effects.kinds() == {"case": 1, "case_delete": 1, "case_update": 1}
    assert org.effects.refs("case") == (case_id,)


def test_a_unique_field_takes_a_value_once_whatever_its_case(org: Org) -> None:
    first = org.call("POST", f"{API}/sobjects/Case", {"McpTicketId__c": "zd-1"}).json()["id"]
    other = org.call("POST", f"{API}/sobjects/Case", {"McpTicketId__c": "zd-2"}).json()["id"]

    inserted = org.call("POST", f"{API}/sobjects/Case", {"McpTicketId__c": "ZD-1"})
    updated = org.call("PATCH", f"{API}/sobjects/Case/{other}", {"McpTicketId__c": "zd-1"})
    itself = org.call("PATCH", f"{API}/sobjects/Case/{first}", {"McpTicketId__c": "zd-1"})

    for refused in (inserted, updated):
        assert refused.status_code == 400
        assert refused.json() == [
            {
                "message": "duplicate value found: McpTicketId__c duplicates value on record "
                f"with id: {first[:15]}",
                "errorCode": "DUPLICATE_VALUE",
                "fields": [],
            }
        ]

    assert itself.status_code == 204
    org.call("DELETE", f"{API}/sobjects/Case/{first}")
    again = org.call("POST", f"{API}/sobjects/Case", {"McpTicketId__c": "zd-1"})
    assert again.status_code == 201


@pytest.mark.parametrize(
    ("name", "body", "code", "fields"),
    [
        ("Contact", {"Email": "a@b.c"}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ("Account", {}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ("Case", {"Colour__c": "red"}, "INVALID_FIELD", None),
        ("Case", {"CaseNumber": "1"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CaseNumber"]),
        ("Case", {"Status": "open"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Status"]),
        ("Case", {"Subject": "x" * 256}, "STRING_TOO_LONG", ["Subject"]),
        ("Case", {"Subject": 7}, "JSON_PARSER_ERROR", None),
        ("Case", ["Subject"], "JSON_PARSER_ERROR", None),
        ("Case", {"ContactId": "nobody"}, "MALFORMED_ID", ["ContactId"]),
        ("Case", {"ContactId": "001Sb0000000001AAA"}, "MALFORMED_ID", ["ContactId"]),
        ("Case", {"ContactId": "003Sb0000zzzzzzAAA"}, "INVALID_CROSS_REFERENCE_KEY",
         ["ContactId"]),
        ("Contact", {"LastName": "x", "Email": "x"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
    ],
)  # fmt: skip
def test_what_a_record_cannot_hold_is_refused(
    org: Org, name: str, body: JsonValue, code: str, fields: list[str] | None
) -> None:
    answer = org.call("POST", f"{API}/sobjects/{name}", body)

    error = answer.json()[0]
    assert (answer.status_code, error["errorCode"], error.get("fields")) == (400, code, fields)
    assert org.effects.count() == 0


def test_a_body_that_is_no_json_is_refused(org: Org) -> None:
    answer = org.client.post(f"{org.server.url}{API}/sobjects/Case", content=b"{")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/sobjects/Lead/describe", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Case/500Sb0000zzzzzzAAA", 404, "NOT_FOUND"),
        ("PATCH", "/sobjects/Case/nothing", 404, "NOT_FOUND"),
        ("DELETE", "/sobjects/Case/nothing", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Case/McpTicketId__c/none", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Case/Subject/x", 404, "NOT_FOUND"),
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("DELETE", "/sobjects/Case", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/query", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/query", 400, "MALFORMED_QUERY"),
        ("GET", "/query?q=SELECT", 400, "MALFORMED_QUERY"),
    ],
)
def test_addresses_that_lead_nowhere(
    org: Org, method: str, path: str, status: int, code: str
) -> None:
    answer = org.call(method, f"{API}{path}")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


def test_addresses_outside_the_api_are_not_found(org: Org) -> None:
    answer = org.call("GET", "/elsewhere")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_upsert_creates_then_updates(org: Org) -> None:
    address = f"{API}/sobjects/Case/McpTicketId__c/a%2Fb"

    created = org.call("PATCH", address, {"Subject": "one"})
    updated = org.call("PATCH", address, {"Subject": "two"})
    old_version = org.call("PATCH", address.replace("v59.0", "v45.0"), {"Subject": "three"})

    case_id = created.json()["id"]
    assert created.status_code == 201
    assert created.json() == {"id": case_id, "success": True, "errors": [], "created": True}
    assert updated.status_code == 200
    assert updated.json() == {"id": case_id, "success": True, "errors": [], "created": False}
    assert (old_version.status_code, old_version.content) == (204, b"")
    assert org.state.record(CASE, case_id)["Subject"] == "three"
    assert org.state.record(CASE, case_id)["McpTicketId__c"] == "a/b"
    assert org.effects.kinds() == {"case": 1, "case_update": 2}


def test_upsert_of_an_ambiguous_value_names_the_records_and_changes_none(org: Org) -> None:
    body: JsonValue = {"LastName": "Twin", "Email": "twin@example.com"}
    twins = [org.state.insert(CONTACT, body), org.state.insert(CONTACT, body)]

    answer = org.call(
        "PATCH", f"{API}/sobjects/Contact/Email/twin@example.com", {"LastName": "One"}
    )

    assert answer.status_code == 300
    assert answer.json() == [f"{API}/sobjects/Contact/{twin}" for twin in twins]
    assert org.effects.count() == 0


def test_a_stale_conditional_update_is_not_applied(org: Org) -> None:
    case_id = org.state.records(CASE)[0]["Id"]
    address = f"{API}/sobjects/Case/{case_id}"
    stale = {"If-Unmodified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}
    current = {"If-Unmodified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"}

    assert org.call("PATCH", address, {"Subject": "x"}, headers=stale).status_code == 412
    assert org.effects.count() == 0
    assert org.call("PATCH", address, {"Subject": "x"}, headers=current).status_code == 204
    broken = org.call("PATCH", address, {}, headers={"If-Unmodified-Since": "yesterday"})
    assert broken.status_code == 400


def test_describe_tells_what_a_sync_must_know(org: Org) -> None:
    fields = {
        field["name"]: field
        for field in org.call("GET", f"{API}/sobjects/Case/describe").json()["fields"]
    }

    ticket = fields["McpTicketId__c"]
    assert (ticket["unique"], ticket["externalId"], ticket["type"], ticket["length"]) == (
        True,
        True,
        "string",
        255,
    )
    assert (fields["CaseNumber"]["updateable"], fields["Subject"]["updateable"]) == (False, True)
    assert [choice["value"] for choice in fields["Status"]["picklistValues"]] == [
        "New",
        "Working",
        "Escalated",
        "Closed",
    ]
    objects = org.call("GET", f"{API}/sobjects").json()["sobjects"]
    assert [one["name"] for one in objects] == [
        "Account",
        "Contact",
        "Case",
        "Task",
        "McpAction__c",
    ]
    assert [one["name"] for one in objects if one["custom"]] == ["McpAction__c"]


def test_a_note_of_an_action_is_kept_once_and_is_no_effect(org: Org) -> None:
    address = f"{API}/sobjects/McpAction__c"

    made = org.call("POST", address, {"Key__c": "act_1"})
    again = org.call("POST", address, {"Key__c": "ACT_1"})
    bare = org.call("POST", address, {"Ref__c": "500Sb0000000001IAA"})
    filled = org.call("PATCH", f"{address}/Key__c/act_1", {"Ref__c": "500Sb0000000001IAA"})
    read = org.call("GET", f"{address}/Key__c/act_1?fields=Id,Name,Key__c,Ref__c")

    action_id = made.json()["id"]
    assert (made.status_code, action_id[:3]) == (201, "a01")
    assert again.json() == [
        {
            "message": f"duplicate value found: Key__c duplicates value on record with id: "
            f"{action_id[:15]}",
            "errorCode": "DUPLICATE_VALUE",
            "fields": [],
        }
    ]
    assert bare.json()[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert filled.status_code == 200
    assert read.json() == {
        "attributes": {"type": "McpAction__c", "url": f"{address}/{action_id}"},
        "Id": action_id,
        "Name": "MCP-00000001",
        "Key__c": "act_1",
        "Ref__c": "500Sb0000000001IAA",
    }
    assert org.effects.count() == 0


def test_the_daily_allowance_runs_out_and_is_reported(org: Org) -> None:
    org.state.api_requests_left = 2

    first = org.call("GET", f"{API}/limits")
    second = org.call("GET", f"{API}/sobjects")
    third = org.call("POST", f"{API}/sobjects/Case", {"Subject": "x"})

    assert first.json() == {"DailyApiRequests": {"Max": 15_000, "Remaining": 1}}
    assert second.headers["Sforce-Limit-Info"] == "api-usage=15000/15000"
    assert third.status_code == 403
    assert third.json() == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]
    assert org.effects.count() == 0


def test_a_task_points_at_a_case(org: Org) -> None:
    case_id = org.state.records(CASE)[0]["Id"]

    task = org.call("POST", f"{API}/sobjects/Task", {"Subject": "Call", "WhatId": case_id})

    assert task.status_code == 201
    assert org.effects.refs("task") == (task.json()["id"],)


def test_the_seed_knows_the_requesters_of_the_embedded_zendesk() -> None:
    state = SalesforceState()

    assert [row["Email"] for row in state.records(CONTACT)] == [
        "amara.okafor@example.com",
        "bruno.costa@example.com",
        "chen.wei@example.com",
        "dana.levi@example.com",
        "elif.kaya@example.com",
        "farid.haddad@example.com",
        "grace.kim@example.com",
        "hugo.martin@example.com",
    ]
    assert [row["Tier__c"] for row in state.records(ACCOUNT)] == ["Gold", "Silver", "Free"]
    assert [row["McpTicketId__c"] for row in state.records(CASE)] == [None]
