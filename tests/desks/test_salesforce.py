"""What the Salesforce desk reads: cases, customers, itself; and how it logs in."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.types import Receive, Scope, Send

from mcp_router.clock import SystemClock
from mcp_router.desks.salesforce import SalesforceDesk
from mcp_router.desks.salesforce_records import http_date
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.secret import Secret
from mcp_router.domain.ticket import CrmCase, Customer, CustomerQuery
from mcp_router.domain.write import CreateTicket
from mcp_router.errors import DeskRejected, InvalidSettings, NotConfigured
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.salesforce.app import create_app
from mcp_router.sandbox.salesforce.schema import CASE, CONTACT
from mcp_router.sandbox.salesforce.state import SalesforceState
from tests.desks.conftest import Serve
from tests.desks.salesforce_crm import (
    DESCRIBE,
    TIMEOUT_S,
    TOKEN,
    Crm,
    failure,
    open_crm,
    open_desk,
    verdict,
)


@pytest.fixture
async def crm(serve: Serve, certificate: Certificate) -> AsyncIterator[Crm]:
    async with open_crm(serve, certificate) as opened:
        yield opened


async def find(crm: Crm, query: CustomerQuery, *, limit: int = 10) -> list[str | None]:
    found = await crm.desk.find_customers(query, limit=limit, timeout_s=TIMEOUT_S)
    return [customer.name for customer in found]


async def test_a_case_is_read_by_the_ticket_that_it_mirrors(crm: Crm) -> None:
    fields = {"Subject": "Broken", "McpTicketId__c": "zendesk:7", "Description": 'It\'s "off"'}
    case_id = crm.state.insert(CASE, fields)

    case = await crm.desk.read_case("zendesk:7", timeout_s=TIMEOUT_S)

    assert case == CrmCase(
        id=case_id,
        url=f"{crm.server.url}/lightning/r/Case/{case_id}/view",
        number="00001002",
        subject="Broken",
        description='It\'s "off"',
        status="New",
        priority="Medium",
        external_id="zendesk:7",
        updated_at="2026-11-21T12:00:00.000+0000",
    )


@pytest.mark.parametrize("ticket", ["zendesk:8", "ZENDESK:7", "x' OR Status = 'New", "\\'"])
async def test_another_ticket_has_no_case(crm: Crm, ticket: str) -> None:
    crm.state.insert(CASE, {"McpTicketId__c": "zendesk:7"})

    assert await crm.desk.read_case(ticket, timeout_s=TIMEOUT_S) is None


async def test_a_customer_comes_with_account_and_tier(crm: Crm) -> None:
    query = CustomerQuery(email="Chen.Wei@example.com")

    found = await crm.desk.find_customers(query, limit=5, timeout_s=TIMEOUT_S)

    (contact,) = (
        row for row in crm.state.records(CONTACT) if row["Email"] == "chen.wei@example.com"
    )
    assert found == (
        Customer(
            id=str(contact["Id"]),
            target="crm",
            name="Chen Wei",
            email="chen.wei@example.com",
            phone="(206) 555-0103",
            account="Northwind Bikes",
            tier="Gold",
        ),
    )


async def test_a_customer_without_account_has_neither(crm: Crm) -> None:
    person = {"LastName": "Alone", "MobilePhone": "+44 7700 900123"}
    contact = crm.state.insert(CONTACT, person)

    found = await crm.desk.find_customers(CustomerQuery(name="alone"), limit=5, timeout_s=TIMEOUT_S)

    assert found == (
        Customer(id=contact, target="crm", name="Alone", email=None, phone="+44 7700 900123"),
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (CustomerQuery(name="a"), [
            "Amara Okafor", "Bruno Costa", "Dana Levi", "Elif Kaya", "Farid Haddad", "Grace Kim",
            "Hugo Martin",
        ]),
        (CustomerQuery(name="a", email="dana.levi@example.com"), ["Dana Levi"]),
        (CustomerQuery(name="Chen", email="dana.levi@example.com"), []),
        (CustomerQuery(phone="206-555-0103"), ["Chen Wei"]),
        (CustomerQuery(phone="+1 (206) 555 0102"), ["Bruno Costa"]),
        (CustomerQuery(phone="00 1 617 5550 121"), ["Grace Kim"]),
        (CustomerQuery(phone="555-0199"), []),
        (CustomerQuery(phone="206", name="Chen"), []),
        (CustomerQuery(phone="%"), []),
        (CustomerQuery(name="%"), []),
        (CustomerQuery(name="_____ ___"), []),
        (CustomerQuery(name="x' OR Name LIKE '%"), []),
        (CustomerQuery(email="x\\' OR Name != '"), []),
        (CustomerQuery(), []),
    ],
)  # fmt: skip
async def test_customers_fit_everything_that_is_asked(
    crm: Crm, query: CustomerQuery, expected: list[str]
) -> None:
    assert await find(crm, query) == expected


async def test_a_phone_does_not_fit_with_other_digits_in_between(crm: Crm) -> None:
    crm.state.insert(CONTACT, {"LastName": "Near", "Phone": "+1 206 555 01903"})

    assert await find(crm, CustomerQuery(phone="206 555 0103")) == ["Chen Wei"]


@pytest.mark.parametrize(("limit", "expected"), [(2, 2), (0, 1), (10_000, 8)])
async def test_customers_are_limited(crm: Crm, limit: int, expected: int) -> None:
    names = await find(crm, CustomerQuery(email=None, name=" "), limit=limit)

    assert len(names) == expected


async def test_without_the_tier_field_customers_have_no_tier(crm: Crm) -> None:
    message = "\nSELECT Account.Tier__c\nNo such column 'Tier__c' on entity 'Account'."
    body = json.dumps([{"message": message, "errorCode": "INVALID_FIELD"}])
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=400, path="/query", body=body))

    found = await crm.desk.find_customers(
        CustomerQuery(email="chen.wei@example.com"), limit=1, timeout_s=TIMEOUT_S
    )

    assert [(one.account, one.tier) for one in found] == [("Northwind Bikes", None)]
    assert crm.sent("GET", "/query") == 2


async def test_another_missing_field_is_told(crm: Crm) -> None:
    body = json.dumps([{"message": "No such column 'Email'", "errorCode": "INVALID_FIELD"}])
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=400, path="/query", body=body))

    failed = await failure(find(crm, CustomerQuery(email="secret@example.com")))

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REJECTED)
    assert failed.message == "Salesforce refused the request: INVALID_FIELD."


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "7",
        '{"records": 7}',
        '{"records": [{}]}',
        '{"records": [{"Id": "short", "Name": null, "Email": null, "Phone": null, '
        '"MobilePhone": null, "Account": null}]}',
        "no json",
        "\ufeff",
    ],
)
async def test_an_answer_of_another_shape_is_garbled(crm: Crm, body: str) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=200, path="/query", body=body))

    assert await verdict(find(crm, CustomerQuery(name="a"))) == (Evidence.UNKNOWN, Reason.GARBLED)


async def test_the_check_tells_version_allowance_and_unique_fields(crm: Crm) -> None:
    assert await crm.desk.check(timeout_s=TIMEOUT_S) == (
        "REST API 59.0, 14,999 of 15,000 requests left today, "
        "Case.McpTicketId__c and McpAction__c.Key__c are unique"
    )


HIDDEN = "is missing or hidden from the router's user"
TICKET = {"name": "McpTicketId__c", "unique": True, "length": 255}
KEY = {"name": "Key__c", "unique": True, "length": 255}
REF = {"name": "Ref__c", "unique": False, "length": 18}


def description(*fields: dict[str, object], **rights: bool) -> Fault:
    """The answer to a describe call, in which everything is allowed that is not ruled out."""
    allowed = {"createable": True, "updateable": True}
    body = {**allowed, "queryable": True, **rights, "fields": [{**allowed, **f} for f in fields]}
    return Fault(kind=FaultKind.STATUS, status=200, body=json.dumps(body))


NO_OBJECT = Fault(
    kind=FaultKind.STATUS,
    status=404,
    body=json.dumps([{"message": "gone", "errorCode": "NOT_FOUND"}]),
)


@pytest.mark.parametrize(
    ("case", "action", "message"),
    [
        (description(), None, f"Case.McpTicketId__c {HIDDEN}."),
        (description({**TICKET, "unique": False}), None, "Case.McpTicketId__c is not unique."),
        (description({**TICKET, "length": 20}), None,
         "Case.McpTicketId__c is shorter than 255 characters."),
        (description({**TICKET, "updateable": False}), None,
         "Case.McpTicketId__c may not be edited by the router's user."),
        (description(TICKET, createable=False), None,
         "Case may not be read, created and edited by the router's user."),
        (NO_OBJECT, None, f"Case {HIDDEN}."),
        (None, NO_OBJECT, f"McpAction__c {HIDDEN}."),
        (None, description(KEY, REF, updateable=False),
         "McpAction__c may not be read, created and edited by the router's user."),
        (None, description(REF), f"McpAction__c.Key__c {HIDDEN}."),
        (None, description({**KEY, "unique": False}, REF), "McpAction__c.Key__c is not unique."),
        (None, description(KEY), f"McpAction__c.Ref__c {HIDDEN}."),
        (None, description(KEY, {**REF, "createable": False}),
         "McpAction__c.Ref__c may not be edited by the router's user."),
        (description(), NO_OBJECT, f"McpAction__c {HIDDEN}; Case.McpTicketId__c {HIDDEN}."),
    ],
)  # fmt: skip
async def test_the_check_names_what_is_not_deployed(
    crm: Crm, case: Fault | None, action: Fault | None, message: str
) -> None:
    for fault, path in ((case, "/Case/describe"), (action, "/McpAction__c/describe")):
        if fault is not None:
            crm.server.faults.add(replace(fault, path=path))

    with pytest.raises(DeskRejected) as rejected:
        await crm.desk.check(timeout_s=TIMEOUT_S)

    assert rejected.value.message == message
    assert rejected.value.advice == (
        "Deploy the metadata of examples/salesforce, as its README says, and assign the "
        "permission set McpRouter to the user that the connected app runs as."
    )
    assert crm.server.faults.pending() == 0


async def test_a_description_of_another_shape_is_garbled(crm: Crm) -> None:
    crm.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=200, path=DESCRIBE, body='{"fields": 7}')
    )

    assert await verdict(crm.desk.check(timeout_s=TIMEOUT_S)) == (Evidence.UNKNOWN, Reason.GARBLED)


async def test_a_worker_logs_in_once(crm: Crm) -> None:
    for _ in range(3):
        await crm.desk.read_case("x", timeout_s=TIMEOUT_S)

    assert crm.server.received.requests() == {
        "GET /services/data/v59.0/query/": 3,
        "POST /services/oauth2/token": 1,
    }
    (login,) = crm.witness.served("POST", TOKEN, 1)
    assert login.headers["user-agent"] == "mcp-support-router"


async def test_an_expired_token_is_replaced_within_the_same_read(crm: Crm) -> None:
    await crm.desk.read_case("x", timeout_s=TIMEOUT_S)
    crm.state.expire_tokens()

    assert await crm.desk.read_case("x", timeout_s=TIMEOUT_S) is None
    assert (crm.sent("GET", "/query"), crm.sent("POST", TOKEN)) == (3, 2)


async def test_wrong_credentials_are_told_without_naming_them(crm: Crm) -> None:
    wrong = replace(crm.settings, client_secret=Secret("hunter2"))

    async with open_desk(wrong) as desk:
        failed = await failure(desk.check(timeout_s=TIMEOUT_S))

    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        Reason.UNAUTHORIZED,
        400,
    )
    assert failed.message == "Salesforce does not accept the client credentials."
    assert crm.server.received.count() == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(kind=FaultKind.STATUS, status=503, path=TOKEN), Reason.SERVER_ERROR),
        (Fault(kind=FaultKind.STATUS, status=404, path=TOKEN), Reason.NOT_FOUND),
        (Fault(kind=FaultKind.STATUS, status=200, body="{}", path=TOKEN), Reason.GARBLED),
        (Fault(kind=FaultKind.GARBLED, path=TOKEN), Reason.GARBLED),
        (Fault(kind=FaultKind.REDIRECT, path=TOKEN), Reason.REDIRECTED),
        (Fault(kind=FaultKind.DROP_AFTER, path=TOKEN), Reason.RESET),
    ],
)
async def test_without_a_token_nothing_was_sent(crm: Crm, fault: Fault, expected: Reason) -> None:
    crm.server.faults.add(fault)

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, expected)
    assert crm.server.received.requests() == {"POST /services/oauth2/token": 1}


async def test_only_the_given_certificates_are_trusted(
    crm: Crm, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca_file))

    async with open_desk(replace(crm.settings, ca_bundle=None)) as desk:
        failed = await failure(desk.check(timeout_s=TIMEOUT_S))

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert crm.server.received.count() == 0
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert await crm.desk.read_case("x", timeout_s=TIMEOUT_S) is None


async def test_a_slash_at_the_end_of_the_url_changes_nothing(crm: Crm) -> None:
    case_id = crm.state.insert(CASE, {"McpTicketId__c": "zendesk:7"})

    async with open_desk(replace(crm.settings, instance_url=f"{crm.server.url}/")) as desk:
        case = await desk.read_case("zendesk:7", timeout_s=TIMEOUT_S)

    assert case is not None
    assert case.url == f"{crm.server.url}/lightning/r/Case/{case_id}/view"


async def test_a_proxy_that_adds_a_path_is_reached(
    serve: Serve, certificate: Certificate, crm: Crm
) -> None:
    app, effects = create_app(SalesforceState(), Effects()), Effects()

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith("/crm/services/")
        short = {name: scope[name][4:] for name in ("path", "raw_path")}
        await app({**scope, **short}, receive, send)

    behind = replace(crm.settings, instance_url=f"{serve(proxy, effects).url}/crm")

    async with open_desk(behind) as desk:
        assert (await desk.check(timeout_s=TIMEOUT_S)).startswith("REST API 59.0")


async def test_a_missing_ca_bundle_is_told_at_once(crm: Crm, certificate: Certificate) -> None:
    broken = replace(crm.settings, ca_bundle=certificate.ca_file.with_name("none.pem"))

    with pytest.raises(InvalidSettings):
        SalesforceDesk(broken, clock=SystemClock())


async def test_tickets_belong_elsewhere(crm: Crm) -> None:
    ticket = CreateTicket(subject="s", body="b")

    with pytest.raises(NotConfigured):
        crm.desk.strategy(ticket)

    with pytest.raises(NotConfigured):
        await crm.desk.precondition(ticket, timeout_s=TIMEOUT_S)

    with pytest.raises(NotConfigured):
        await crm.desk.write(ticket, marker="m", precondition=None, timeout_s=TIMEOUT_S)

    with pytest.raises(NotConfigured):
        await crm.desk.probe(ticket, marker="m", timeout_s=TIMEOUT_S)

    assert crm.server.received.count() == 0


def test_a_stamp_within_a_second_is_not_older_than_its_record() -> None:
    assert http_date("2026-11-20T12:00:00.001+0000") == "Fri, 20 Nov 2026 12:00:01 GMT"
    assert http_date("2026-11-20T13:00:00.000+0100") == "Fri, 20 Nov 2026 12:00:00 GMT"
