"""How the Salesforce desk writes a case: one effect, found again, never undone by a late one."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mcp_router.domain.action import Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.salesforce.schema import CASE, CONTACT
from tests.desks.conftest import Serve
from tests.desks.salesforce_crm import (
    INSERT,
    SYNC,
    TIMEOUT_S,
    UPDATE,
    Crm,
    failure,
    open_crm,
    other,
    verdict,
)


@pytest.fixture
async def crm(serve: Serve, certificate: Certificate) -> AsyncIterator[Crm]:
    async with open_crm(serve, certificate) as opened:
        yield opened


async def test_a_ticket_without_case_gets_one(crm: Crm) -> None:
    ref = await crm.write()

    (contact,) = (row for row in crm.state.records(CONTACT) if row["FirstName"] == "Dana")
    (case,) = crm.cases()
    assert ref == crm.ref()
    assert case == {
        "Id": ref.id,
        "CaseNumber": "00001002",
        "Subject": "Lost parcel",
        "Description": "Where is it?",
        "Status": "Working",
        "Priority": "High",
        "Origin": None,
        "ContactId": contact["Id"],
        "AccountId": contact["AccountId"],
        "McpTicketId__c": "zendesk:101",
        "McpRouterKey__c": "act_1",
        "CreatedDate": "2026-11-21T12:00:00.000+0000",
        "LastModifiedDate": "2026-11-21T12:00:00.000+0000",
        "SystemModstamp": "2026-11-21T12:00:00.000+0000",
    }
    assert crm.server.effects.kinds() == {"case": 1}
    assert crm.server.received.requests() == {
        "GET /services/data/v59.0/query/": 2,
        "GET /services/data/v59.0/sobjects/Case/describe": 1,
        "POST /services/data/v59.0/sobjects/Case/": 1,
        "POST /services/oauth2/token": 1,
    }


async def test_a_case_is_declared_unique_and_needs_no_version(crm: Crm) -> None:
    assert crm.desk.strategy(SYNC) is Strategy.UNIQUE_INDEX
    assert await crm.desk.precondition(SYNC, timeout_s=TIMEOUT_S) is None
    assert (crm.desk.name, crm.desk.kind) == ("crm", "salesforce")
    assert crm.server.received.count() == 0


async def test_a_ticket_with_a_case_gets_it_updated_on_the_version_that_was_read(
    crm: Crm,
) -> None:
    first = await crm.write()
    crm.clock.ms += 5_000

    second = await crm.write(other(subject="Found it"), marker="act_2")

    assert second == first
    (case,) = crm.cases()
    assert (case["Subject"], case["McpRouterKey__c"]) == ("Found it", "act_2")
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 1}
    (update,) = crm.witness.served("PATCH", UPDATE, 1)
    assert update.headers["if-unmodified-since"] == "Sat, 21 Nov 2026 12:00:00 GMT"
    assert json.loads(update.body) == {
        "Subject": "Found it",
        "Description": "Where is it?",
        "Status": "Working",
        "Priority": "High",
        "ContactId": case["ContactId"],
        "McpRouterKey__c": "act_2",
    }


async def test_what_is_not_known_is_left_as_it_is(crm: Crm) -> None:
    await crm.write()
    (before,) = crm.cases()

    for number, email in enumerate(("nobody@example.com", None)):
        unknown = replace(SYNC, priority=None, contact_email=email)
        await crm.write(unknown, marker=f"act_{number + 2}")

    (after,) = crm.cases()
    assert (after["Priority"], after["ContactId"]) == (before["Priority"], before["ContactId"])
    updates = crm.witness.served("PATCH", UPDATE, 2)
    assert [sorted(json.loads(update.body)) for update in updates] == [
        ["Description", "McpRouterKey__c", "Status", "Subject"]
    ] * 2


async def test_a_case_of_an_unknown_customer_has_no_contact(crm: Crm) -> None:
    await crm.write(replace(SYNC, contact_email="x' OR Name != '"))

    (case,) = crm.cases()
    assert case["ContactId"] is None


async def test_the_oldest_contact_with_the_address_is_taken(crm: Crm) -> None:
    (dana,) = (row for row in crm.state.records(CONTACT) if row["FirstName"] == "Dana")
    crm.clock.ms += 1_000
    crm.state.insert(CONTACT, {"LastName": "Twin", "Email": "dana.levi@example.com"})

    await crm.write()

    (case,) = crm.cases()
    assert case["ContactId"] == dana["Id"]


async def test_the_same_write_again_sends_nothing(crm: Crm) -> None:
    first = await crm.write()

    assert await crm.write() == first
    assert crm.server.effects.kinds() == {"case": 1}
    assert (crm.sent("POST", INSERT), crm.sent("PATCH", UPDATE)) == (1, 0)


async def test_a_write_is_found_by_its_marker_until_a_newer_one(crm: Crm) -> None:
    assert await crm.probe() is None
    await crm.write()

    assert await crm.probe() == crm.ref()
    assert await crm.probe(marker="act_2") is None
    await crm.write(marker="act_2")
    assert await crm.probe() is None
    assert await crm.probe(marker="act_2") == crm.ref()


async def test_a_case_that_appears_in_between_is_not_doubled(crm: Crm) -> None:
    crm.witness.before(INSERT, lambda: insert_as_somebody_else(crm))

    failed = await failure(crm.write())

    (case,) = crm.cases()
    assert (failed.evidence, failed.reason, failed.status, failed.existing_ref) == (
        Evidence.NOT_APPLIED,
        Reason.EXISTS,
        400,
        case["Id"],
    )
    assert failed.message == "Salesforce refused the request: DUPLICATE_VALUE."
    assert crm.server.effects.count() == 0
    assert await crm.write() == crm.ref()  # finishes on the case that is there
    assert crm.server.effects.kinds() == {"case_update": 1}
    assert await crm.probe() == crm.ref()


def insert_as_somebody_else(crm: Crm) -> str:
    return crm.state.insert(CASE, {"McpTicketId__c": SYNC.external_id, "Subject": "theirs"})


async def test_a_change_in_between_is_not_overwritten(crm: Crm) -> None:
    ref = await crm.write()

    def change() -> None:
        crm.clock.ms += 1_000
        crm.state.update(CASE, ref.id, {"Subject": "a person's words"})

    crm.witness.before(UPDATE, change)

    failed = await failure(crm.write(other(subject="ours"), marker="act_2"))

    (case,) = crm.cases()
    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        Reason.CHANGED,
        412,
    )
    assert case["Subject"] == "a person's words"
    assert crm.server.effects.kinds() == {"case": 1}


async def test_a_case_deleted_in_between_is_not_found(crm: Crm) -> None:
    ref = await crm.write()
    crm.witness.before(UPDATE, lambda: crm.state.delete(CASE, ref.id))

    assert await verdict(crm.write(marker="act_2")) == (Evidence.NOT_APPLIED, Reason.NOT_FOUND)


async def test_a_value_that_salesforce_does_not_know_is_refused(crm: Crm) -> None:
    failed = await failure(crm.write(replace(SYNC, status="open")))

    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        Reason.REJECTED,
        400,
    )
    assert failed.message == (
        "Salesforce refused the request: INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST."
    )
    assert crm.server.effects.count() == 0


async def test_a_ticket_whose_id_differs_only_in_case_is_not_merged(crm: Crm) -> None:
    await crm.write()

    shouted = replace(SYNC, external_id="ZENDESK:101")

    assert await verdict(crm.write(shouted, marker="act_2")) == (
        Evidence.NOT_APPLIED,
        Reason.EXISTS,
    )
    assert crm.server.effects.kinds() == {"case": 1}


async def test_many_writers_of_one_ticket_make_one_case(
    serve: Serve, certificate: Certificate
) -> None:
    async with open_crm(serve, certificate, threads=4) as crm:
        results = await asyncio.gather(
            *(crm.write(marker=f"act_{number}") for number in range(12)), return_exceptions=True
        )

        done = [result for result in results if isinstance(result, Ref)]
        refused = [result for result in results if isinstance(result, SendFailed)]
        assert len(done) + len(refused) == 12
        assert {ref.id for ref in done} == {crm.ref().id}
        assert {one.reason for one in refused} <= {Reason.EXISTS}
        assert crm.server.effects.count("case") == 1
        assert crm.server.effects.count() == len(done)
