"""How the Salesforce desk writes a case: one effect for each marker, found again for good."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mcp_router.domain.action import Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.salesforce.schema import CASE, CONTACT, MCP_ACTION
from tests.desks.conftest import Serve
from tests.desks.salesforce_crm import (
    SYNC,
    TIMEOUT_S,
    WRITE,
    Crm,
    composite_part,
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
        "CreatedDate": "2026-11-21T12:00:00.000+0000",
        "LastModifiedDate": "2026-11-21T12:00:00.000+0000",
        "SystemModstamp": "2026-11-21T12:00:00.000+0000",
    }
    assert crm.actions() == {"act_1": ref.id}
    assert crm.server.effects.kinds() == {"case": 1}
    assert crm.server.received.requests() == {
        "GET /services/data/v59.0/query/": 2,
        "GET /services/data/v59.0/sobjects/Case/describe": 1,
        "GET /services/data/v59.0/sobjects/McpAction__c/describe": 1,
        "POST /services/data/v59.0/composite": 1,
        "POST /services/oauth2/token": 1,
    }


async def test_a_write_is_one_request_that_is_done_as_a_whole_or_not_at_all(crm: Crm) -> None:
    await crm.write(replace(SYNC, priority=None, contact_email=None))

    (sent,) = crm.witness.served("POST", WRITE, 1)
    sobjects = "/services/data/v59.0/sobjects"
    assert json.loads(sent.body) == {
        "allOrNone": True,
        "collateSubrequests": False,
        "compositeRequest": [
            {
                "referenceId": "action",
                "method": "POST",
                "url": f"{sobjects}/McpAction__c",
                "body": {"Key__c": "act_1"},
            },
            {
                "referenceId": "case",
                "method": "POST",
                "url": f"{sobjects}/Case",
                "body": {
                    "Subject": "Lost parcel",
                    "Description": "Where is it?",
                    "Status": "Working",
                    "McpTicketId__c": "zendesk:101",
                },
            },
            {
                "referenceId": "ref",
                "method": "PATCH",
                "url": f"{sobjects}/McpAction__c/@{{action.id}}",
                "body": {"Ref__c": "@{case.id}"},
            },
        ],
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
    assert case["Subject"] == "Found it"
    assert crm.actions() == {"act_1": first.id, "act_2": first.id}
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 1}
    sent = crm.witness.served("POST", WRITE, 2)[1]
    sobjects = "/services/data/v59.0/sobjects"
    assert json.loads(sent.body) == {
        "allOrNone": True,
        "collateSubrequests": False,
        "compositeRequest": [
            {
                "referenceId": "action",
                "method": "POST",
                "url": f"{sobjects}/McpAction__c",
                "body": {"Key__c": "act_2", "Ref__c": first.id},
            },
            {
                "referenceId": "case",
                "method": "PATCH",
                "url": f"{sobjects}/Case/{first.id}",
                "httpHeaders": {"If-Unmodified-Since": "Sat, 21 Nov 2026 12:00:00 GMT"},
                "body": {
                    "Subject": "Found it",
                    "Description": "Where is it?",
                    "Status": "Working",
                    "Priority": "High",
                    "ContactId": case["ContactId"],
                },
            },
        ],
    }


async def test_what_is_not_known_is_left_as_it_is(crm: Crm) -> None:
    await crm.write()
    (before,) = crm.cases()

    for number, email in enumerate(("nobody@example.com", None)):
        unknown = replace(SYNC, priority=None, contact_email=email)
        await crm.write(unknown, marker=f"act_{number + 2}")

    (after,) = crm.cases()
    assert (after["Priority"], after["ContactId"]) == (before["Priority"], before["ContactId"])
    updates = crm.witness.served("POST", WRITE, 3)[1:]
    assert [composite_part(update, "case")["body"] for update in updates] == [
        {"Subject": "Lost parcel", "Description": "Where is it?", "Status": "Working"}
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


@pytest.mark.parametrize("words", ["@{action.id}", "@{case.Subject}", "@{}", "mail me @{home} now"])
async def test_words_that_look_like_a_reference_are_only_words(crm: Crm, words: str) -> None:
    await crm.write(replace(SYNC, subject=words, description=f"{words}\n{words}"))
    await crm.write(replace(SYNC, subject=f"Re: {words}", description="done"), marker="act_2")

    (case,) = crm.cases()
    assert case["Subject"] == f"Re: {words}".replace("{", "(")
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 1}


async def test_the_same_write_again_is_refused_and_found(crm: Crm) -> None:
    first = await crm.write()

    failed = await failure(crm.write(other(subject="the same key, other words")))

    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        Reason.EXISTS,
        400,
    )
    assert failed.message == "Salesforce refused the request: DUPLICATE_VALUE."
    assert await crm.probe() == first
    (case,) = crm.cases()
    assert case["Subject"] == "Lost parcel"
    assert crm.server.effects.kinds() == {"case": 1}
    assert crm.writes() == 2


async def test_a_write_is_found_by_its_marker_after_newer_ones(crm: Crm) -> None:
    assert await crm.probe() is None
    first = await crm.write()

    assert await crm.probe() == first == crm.ref()
    assert await crm.probe(marker="act_2") is None
    await crm.write(marker="act_2")
    assert await crm.probe() == first
    assert await crm.probe(marker="act_2") == first
    assert await crm.probe(marker="ACT_2") is None


async def test_a_write_is_found_after_its_case_was_deleted(crm: Crm) -> None:
    first = await crm.write()
    crm.state.delete(CASE, first.id)

    assert await crm.probe() == first
    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.EXISTS)
    assert crm.cases() == []


async def test_a_note_that_does_not_say_what_was_written_proves_nothing(crm: Crm) -> None:
    crm.state.insert(MCP_ACTION, {"Key__c": "act_1"})

    assert await verdict(crm.probe()) == (Evidence.UNKNOWN, Reason.GARBLED)


async def test_a_case_that_appears_in_between_is_not_doubled(crm: Crm) -> None:
    crm.witness.before(WRITE, lambda: insert_as_somebody_else(crm))

    failed = await failure(crm.write())

    assert (failed.evidence, failed.reason, failed.status, failed.existing_ref) == (
        Evidence.NOT_APPLIED,
        Reason.CHANGED,
        400,
        None,
    )
    assert failed.message == "Another case of this ticket was created."
    assert (crm.server.effects.count(), crm.actions()) == (0, {})
    assert await crm.probe() is None
    assert await crm.write() == crm.ref()  # on the case that is there now
    assert crm.server.effects.kinds() == {"case_update": 1}
    assert await crm.probe() == crm.ref()


def insert_as_somebody_else(crm: Crm) -> str:
    return crm.state.insert(CASE, {"McpTicketId__c": SYNC.external_id, "Subject": "theirs"})


async def test_a_change_in_between_is_not_overwritten(crm: Crm) -> None:
    ref = await crm.write()

    def change() -> None:
        crm.clock.ms += 1_000
        crm.state.update(CASE, ref.id, {"Subject": "a person's words"})

    crm.witness.before(WRITE, change)

    failed = await failure(crm.write(other(subject="ours"), marker="act_2"))

    (case,) = crm.cases()
    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        Reason.CHANGED,
        412,
    )
    assert case["Subject"] == "a person's words"
    assert crm.server.effects.kinds() == {"case": 1}
    assert await crm.probe(marker="act_2") is None
    assert await crm.write(other(subject="ours"), marker="act_2") == ref  # read anew, so applied
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 1}


async def test_a_case_deleted_in_between_is_not_found(crm: Crm) -> None:
    ref = await crm.write()
    crm.witness.before(WRITE, lambda: crm.state.delete(CASE, ref.id))

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
        Reason.CHANGED,
    )
    assert crm.server.effects.kinds() == {"case": 1}


async def test_many_writers_of_one_ticket_make_one_case(
    serve: Serve, certificate: Certificate
) -> None:
    async with open_crm(serve, certificate, threads=4) as crm:
        markers = [f"act_{number}" for number in range(12)]
        results = await at_once(crm, markers)

        done = {marker for marker, ref in results.items() if isinstance(ref, Ref)}
        refused = [failed.reason for failed in results.values() if isinstance(failed, SendFailed)]
        assert len(done) + len(refused) == 12
        assert set(refused) <= {Reason.CHANGED}
        assert crm.actions() == dict.fromkeys(done, crm.ref().id)
        assert crm.server.effects.count("case") == 1
        assert crm.server.effects.count() == len(done)


async def at_once(crm: Crm, markers: list[str]) -> dict[str, Ref | BaseException]:
    """Write under each marker at the same time and return what came of each."""
    results = await asyncio.gather(
        *(crm.write(marker=marker) for marker in markers), return_exceptions=True
    )
    return dict(zip(markers, results, strict=True))


@pytest.mark.parametrize("before", ["no case", "a case"])
async def test_one_write_sent_many_times_at_once_is_applied_once(
    serve: Serve, certificate: Certificate, before: str
) -> None:
    async with open_crm(serve, certificate, threads=4) as crm:
        if before == "a case":
            insert_as_somebody_else(crm)

        results = await asyncio.gather(*(crm.write() for _ in range(12)), return_exceptions=True)

        done = [result for result in results if isinstance(result, Ref)]
        refused = [result.reason for result in results if isinstance(result, SendFailed)]
        assert (done, refused) == ([crm.ref()], [Reason.EXISTS] * 11)
        assert crm.writes() == 12
        assert crm.server.effects.kinds() == {"case" if before == "no case" else "case_update": 1}
        assert crm.actions() == {"act_1": crm.ref().id}


async def test_two_updates_in_one_second_are_each_applied_once(
    serve: Serve, certificate: Certificate
) -> None:
    async with open_crm(serve, certificate, threads=2) as crm:
        insert_as_somebody_else(crm)

        results = await at_once(crm, ["act_1", "act_2"])  # the server's clock stands still

        assert results == {"act_1": crm.ref(), "act_2": crm.ref()}
        assert crm.server.effects.kinds() == {"case_update": 2}
        assert await crm.probe(marker="act_1") == await crm.probe(marker="act_2") == crm.ref()
