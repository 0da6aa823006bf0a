"""SOQL as the embedded Salesforce reads it."""

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.clock import SystemClock
from mcp_router.sandbox.salesforce.answers import Refusal
from mcp_router.sandbox.salesforce.query import answer_query
from mcp_router.sandbox.salesforce.schema import ACCOUNT, CASE, CONTACT, MCP_ACTION
from mcp_router.sandbox.salesforce.soql import (
    Combined,
    Comparison,
    Literal,
    Negated,
    Order,
    Query,
    parse,
)
from mcp_router.sandbox.salesforce.state import SalesforceState


class StoppedClock(SystemClock):
    """A clock whose wall time stands still."""

    def __init__(self, at_ms: int) -> None:
        self._at_ms = at_ms

    def now_ms(self) -> int:
        return self._at_ms


NOON_MS = 1_795_176_000_000  # 2026-11-20T12:00:00Z


@pytest.fixture
def state() -> SalesforceState:
    return SalesforceState(clock=StoppedClock(NOON_MS))


def ask(state: SalesforceState, text: str) -> JsonValue:
    return answer_query(state, text, version=59)


def names(state: SalesforceState, text: str, field: str = "Name") -> list[JsonValue]:
    answer = ask(state, text)
    assert isinstance(answer, dict)
    return [record[field] for record in answer["records"]]


def test_a_query_becomes_frozen_values() -> None:
    text = (
        "select Id, Account.Name from Contact "
        "where (Email = 'a@b.c' or Name like '%O\\'H_ra\\%') and not Phone = null "
        "order by Name desc nulls last, Id limit 5 offset 2"
    )

    assert parse(text) == Query(
        fields=("Id", "Account.Name"),
        object="Contact",
        where=Combined(
            word="AND",
            parts=(
                Combined(
                    word="OR",
                    parts=(
                        Comparison(
                            field="Email",
                            operator="=",
                            literals=(Literal(value="a@b.c", pattern="a@b.c"),),
                        ),
                        Comparison(
                            field="Name",
                            operator="LIKE",
                            literals=(Literal(value="%O'H_ra%", pattern="%O\\'H_ra\\%"),),
                        ),
                    ),
                ),
                Negated(
                    part=Comparison(field="Phone", operator="=", literals=(Literal(value=None),))
                ),
            ),
        ),
        order=(Order(field="Name", descending=True, nulls_last=True), Order(field="Id")),
        limit=5,
        offset=2,
    )


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("", "<EOF>"),
        ("SELECT", "<EOF>"),
        ("SELECT * FROM Case", "*"),
        ("SELECT Id Case", "Case"),
        ("SELECT Id FROM Case WHERE", "<EOF>"),
        ("SELECT Id FROM Case WHERE Subject = 'open", "'"),
        ("SELECT Id FROM Case WHERE Subject = 'O'Brien'", "'"),
        ("SELECT Id FROM Case WHERE Subject == 'x'", "="),
        ("SELECT Id FROM Case WHERE (Subject = 'x'", "<EOF>"),
        ("SELECT Id FROM Case WHERE Subject = x", "x"),
        ("SELECT Id FROM Case WHERE Subject NOT LIKE 'x'", "LIKE"),
        ("SELECT Id FROM Case WHERE Subject = 'a' AND Status = 'b' OR Status = 'c'", "OR"),
        ("SELECT Id FROM Case LIMIT -1", "-1"),
        ("SELECT Id FROM Case LIMIT 1 LIMIT 2", "LIMIT"),
        ("SELECT Id FROM Case ORDER BY Id NULLS", "<EOF>"),
        ("DELETE FROM Case", "DELETE"),
    ],
)
def test_what_is_no_soql_is_refused_at_its_token(text: str, token: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(text)

    assert (refused.value.status_code, refused.value.code) == (400, "MALFORMED_QUERY")
    assert refused.value.detail == f"unexpected token: '{token}'"


def test_records_carry_attributes_and_related_records(state: SalesforceState) -> None:
    contact = next(row for row in state.records(CONTACT) if row["Email"] == "chen.wei@example.com")
    account = state.records(ACCOUNT)[0]

    answer = ask(
        state,
        "SELECT Id, name, Account.Name, Account.Tier__c FROM Contact "
        "WHERE Email = 'CHEN.WEI@example.com'",
    )

    assert answer == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {
                    "type": "Contact",
                    "url": f"/services/data/v59.0/sobjects/Contact/{contact['Id']}",
                },
                "Id": contact["Id"],
                "Name": "Chen Wei",
                "Account": {
                    "attributes": {
                        "type": "Account",
                        "url": f"/services/data/v59.0/sobjects/Account/{account['Id']}",
                    },
                    "Name": "Northwind Bikes",
                    "Tier__c": "Gold",
                },
            }
        ],
    }


def test_a_null_reference_gives_null_instead_of_a_record(state: SalesforceState) -> None:
    state.insert(CASE, {"Subject": "nobody's"})

    answer = ask(state, "SELECT Contact.Email FROM Case WHERE Subject = 'nobody\\'s'")

    assert isinstance(answer, dict)
    assert [record["Contact"] for record in answer["records"]] == [None]


def test_two_steps_of_relationships_are_followed(state: SalesforceState) -> None:
    text = "SELECT Subject FROM Case WHERE Contact.Account.Tier__c = 'gold'"

    assert names(state, text, "Subject") == ["Invoice shows last year's address"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Name LIKE 'E%'", ["Elif Kaya"]),
        ("Name LIKE '%_im'", ["Grace Kim"]),
        ("Name LIKE '%\\\\_im'", []),
        ("Phone LIKE '%5%5%5%0%1%0%3'", ["Chen Wei"]),
        ("Account.Tier__c = 'Free'", ["Grace Kim", "Hugo Martin"]),
        ("Account.Tier__c IN ('Free', 'Silver') AND Name > 'Farid'", [
            "Farid Haddad", "Grace Kim", "Hugo Martin",
        ]),
        ("Account.Tier__c NOT IN ('Free', 'Gold') AND Name <= 'Elif Kaya'", [
            "Dana Levi", "Elif Kaya",
        ]),
        ("Name != 'Dana Levi' AND Account.Name = 'Lumen Learning'", ["Elif Kaya", "Farid Haddad"]),
        ("NOT (Account.Tier__c = 'Free' OR Account.Tier__c = 'Silver')", [
            "Amara Okafor", "Bruno Costa", "Chen Wei",
        ]),
        ("MobilePhone = null AND Name < 'B'", ["Amara Okafor"]),
        ("MobilePhone < 'x'", []),
        ("CreatedDate > 2026-11-20T12:00:00Z", []),
        ("CreatedDate >= 2026-11-20T13:00:00+01:00 AND Name >= 'Hugo'", ["Hugo Martin"]),
    ],
)  # fmt: skip
def test_conditions_choose_records(state: SalesforceState, where: str, expected: list[str]) -> None:
    assert names(state, f"SELECT Name FROM Contact WHERE {where} ORDER BY Name") == expected


def test_order_limit_and_offset(state: SalesforceState) -> None:
    text = "SELECT Name FROM Contact ORDER BY Account.Name DESC, Name LIMIT 3 OFFSET 1"

    assert names(state, text) == ["Hugo Martin", "Amara Okafor", "Bruno Costa"]


def test_nulls_come_first_unless_asked_otherwise(state: SalesforceState) -> None:
    state.insert(CONTACT, {"LastName": "Zed"})

    assert names(state, "SELECT Name FROM Contact ORDER BY Email DESC LIMIT 1") == ["Zed"]
    assert names(state, "SELECT Name FROM Contact ORDER BY Email NULLS LAST LIMIT 1") == [
        "Amara Okafor"
    ]


def test_count_returns_no_records(state: SalesforceState) -> None:
    assert ask(state, "SELECT COUNT() FROM Contact") == {
        "totalSize": 8,
        "done": True,
        "records": [],
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM Lead", "INVALID_TYPE"),
        ("SELECT Colour__c FROM Case", "INVALID_FIELD"),
        ("SELECT Owner.Name FROM Case", "INVALID_FIELD"),
        ("SELECT Account.Colour__c FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Colour__c = 'red'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Description LIKE '%a%'", "INVALID_FIELD"),
        ("SELECT Id FROM Case ORDER BY Colour__c", "INVALID_FIELD"),
    ],
)
def test_names_that_do_not_exist_are_refused(state: SalesforceState, text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        ask(state, text)

    assert (refused.value.status_code, refused.value.code) == (400, code)


def test_a_unique_value_is_found_whatever_its_case(state: SalesforceState) -> None:
    state.insert(CASE, {"Subject": "linked", "McpTicketId__c": "Zd-7"})
    state.insert(CASE, {"Subject": "other", "McpTicketId__c": "Zd-8"})

    found = "SELECT Subject FROM Case WHERE Status = 'New' AND McpTicketId__c = 'zD-7'"
    wrong_status = "SELECT Subject FROM Case WHERE Status = 'Closed' AND McpTicketId__c = 'Zd-7'"
    absent = "SELECT Subject FROM Case WHERE McpTicketId__c = 'Zd-9'"

    assert names(state, found, "Subject") == ["linked"]
    assert names(state, wrong_status, "Subject") == []
    assert names(state, absent, "Subject") == []


def test_the_note_of_an_action_is_found_by_its_key(state: SalesforceState) -> None:
    state.insert(MCP_ACTION, {"Key__c": "act_1", "Ref__c": "500Sb0000000001IAA"})
    state.insert(MCP_ACTION, {"Key__c": "act_2", "Ref__c": "500Sb0000000002IAA"})

    found = "SELECT Key__c, Ref__c FROM McpAction__c WHERE Key__c = 'act_2' LIMIT 1"
    absent = "SELECT Key__c, Ref__c FROM McpAction__c WHERE Key__c = 'act_3' LIMIT 1"

    assert names(state, found, "Ref__c") == ["500Sb0000000002IAA"]
    assert names(state, absent, "Ref__c") == []
