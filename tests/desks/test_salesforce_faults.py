"""What the Salesforce desk knows after each kind of trouble, held against the server's counts."""

import json
from collections.abc import AsyncIterator

import pytest

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.faults import Fault, FaultKind
from tests.desks.conftest import Serve
from tests.desks.salesforce_crm import INSERT, TOKEN, UPDATE, Crm, failure, open_crm, verdict

EXPIRED = json.dumps([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])


@pytest.fixture
async def crm(serve: Serve, certificate: Certificate) -> AsyncIterator[Crm]:
    async with open_crm(serve, certificate) as opened:
        yield opened


def error_body(code: str, message: str = "") -> str:
    return json.dumps([{"message": message, "errorCode": code, "fields": []}])


@pytest.mark.parametrize(
    ("fault", "reason", "applied"),
    [
        (Fault(kind=FaultKind.DROP_BEFORE, path=INSERT), Reason.RESET, False),
        (Fault(kind=FaultKind.DROP_AFTER, path=INSERT), Reason.RESET, True),
        (Fault(kind=FaultKind.GARBLED, path=INSERT), Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=503, path=INSERT), Reason.SERVER_ERROR, False),
        (Fault(kind=FaultKind.STATUS, status=503, path=INSERT, retry_after_s=1, applied=True),
         Reason.SERVER_ERROR, True),
        (Fault(kind=FaultKind.STATUS, status=500, path=INSERT, applied=True),
         Reason.SERVER_ERROR, True),
        (Fault(kind=FaultKind.STATUS, status=201, path=INSERT, applied=True, body="[]"),
         Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=201, path=INSERT, applied=True,
               body='{"id": "500Sb0000000001AAA", "success": false, "errors": []}'),
         Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=408, path=INSERT), Reason.SERVER_ERROR, False),
    ],
)  # fmt: skip
async def test_an_insert_in_doubt_is_unknown_until_it_is_looked_up(
    crm: Crm, fault: Fault, reason: Reason, applied: bool
) -> None:
    crm.server.faults.add(fault)

    assert await verdict(crm.write()) == (Evidence.UNKNOWN, reason)
    assert crm.sent("POST", INSERT) == 1
    assert crm.server.effects.count("case") == int(applied)
    assert await crm.probe() == (crm.ref() if applied else None)
    assert await crm.write() == crm.ref()
    assert crm.server.effects.kinds() == {"case": 1}


@pytest.mark.parametrize(
    ("fault", "reason", "applied"),
    [
        (Fault(kind=FaultKind.DROP_BEFORE, path=UPDATE), Reason.RESET, False),
        (Fault(kind=FaultKind.DROP_AFTER, path=UPDATE), Reason.RESET, True),
        (Fault(kind=FaultKind.GARBLED, path=UPDATE), Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=502, path=UPDATE), Reason.SERVER_ERROR, False),
    ],
)
async def test_an_update_in_doubt_is_unknown_until_it_is_looked_up(
    crm: Crm, fault: Fault, reason: Reason, applied: bool
) -> None:
    await crm.write()
    crm.server.faults.add(fault)

    assert await verdict(crm.write(marker="act_2")) == (Evidence.UNKNOWN, reason)
    assert crm.sent("PATCH", UPDATE) == 1
    assert crm.server.effects.count("case_update") == int(applied)
    assert await crm.probe(marker="act_2") == (crm.ref() if applied else None)
    assert await crm.write(marker="act_2") == crm.ref()
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 1}


async def test_an_answer_after_the_deadline_is_unknown(crm: Crm) -> None:
    await crm.desk.read_case("warm", timeout_s=10)
    crm.server.faults.add(Fault(kind=FaultKind.SLOW, path=INSERT, delay_s=30))

    assert await verdict(crm.write(timeout_s=1.5)) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert crm.sent("POST", INSERT) == 1
    assert await crm.probe() == crm.ref()


async def test_a_read_that_uses_up_the_deadline_leaves_nothing_sent(crm: Crm) -> None:
    await crm.desk.read_case("warm", timeout_s=10)
    crm.server.faults.add(Fault(kind=FaultKind.SLOW, path="/query", delay_s=30))

    assert await verdict(crm.write(timeout_s=0.5)) == (Evidence.NOT_APPLIED, Reason.TIMEOUT)
    assert (crm.sent("POST", INSERT), crm.server.effects.count()) == (0, 0)


async def test_an_insert_that_arrives_late_meets_the_unique_index(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.LATE, path=INSERT, delay_s=1))

    assert await verdict(crm.write()) == (Evidence.UNKNOWN, Reason.RESET)
    assert await crm.probe() is None
    assert await crm.write() == crm.ref()

    crm.witness.served("POST", INSERT, 2)
    assert crm.sent("POST", INSERT) == 2
    assert crm.server.effects.kinds() == {"case": 1}


async def test_an_update_that_arrives_late_does_not_undo_a_newer_one(crm: Crm) -> None:
    await crm.write()
    crm.server.faults.add(Fault(kind=FaultKind.LATE, path=UPDATE, delay_s=1))
    assert await verdict(crm.write(marker="act_2")) == (Evidence.UNKNOWN, Reason.RESET)
    crm.clock.ms += 1_000

    assert await crm.write(marker="act_3") == crm.ref()

    crm.witness.served("PATCH", UPDATE, 2)
    (case,) = crm.cases()
    assert case["McpRouterKey__c"] == "act_3"
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 1}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, error_body("STRING_TOO_LONG"), Reason.REJECTED),
        (400, "no json", Reason.REJECTED),
        (400, "{}", Reason.REJECTED),
        (400, error_body("DUPLICATE_VALUE", "duplicate value found: Other__c duplicates value on "
                         "record with id: 500Sb0000000001"), Reason.REJECTED),
        (400, error_body("DUPLICATES_DETECTED"), Reason.REJECTED),
        (400, error_body("UNABLE_TO_LOCK_ROW"), Reason.RATE_LIMITED),
        (403, error_body("REQUEST_LIMIT_EXCEEDED"), Reason.QUOTA),
        (403, error_body("INSUFFICIENT_ACCESS"), Reason.REJECTED),
        (404, error_body("NOT_FOUND"), Reason.NOT_FOUND),
        (405, error_body("METHOD_NOT_ALLOWED"), Reason.REJECTED),
        (412, "", Reason.CHANGED),
        (429, "", Reason.RATE_LIMITED),
    ],
)  # fmt: skip
async def test_a_refused_insert_was_not_applied(
    crm: Crm, status: int, body: str, reason: Reason
) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=status, path=INSERT, body=body, retry_after_s=7)
    crm.server.faults.add(fault)

    failed = await failure(crm.write())

    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        reason,
        status,
    )
    assert failed.retry_after_s == (7.0 if status == 429 else None)
    assert failed.existing_ref is None
    assert (crm.sent("POST", INSERT), crm.server.effects.count()) == (1, 0)


@pytest.mark.parametrize(
    ("message", "existing"),
    [
        ("duplicate value found: McpTicketId__c duplicates value on record with id: "
         "500Sb0000000001", "500Sb0000000001IAA"),
        ("duplicate value found: <unknown> duplicates value on record with id: <unknown>", None),
        ("something else", None),
    ],
)  # fmt: skip
async def test_a_duplicate_exists_even_where_its_record_is_not_named(
    crm: Crm, message: str, existing: str | None
) -> None:
    body = error_body("DUPLICATE_VALUE", message)
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=400, path=INSERT, body=body))

    failed = await failure(crm.write())

    assert (failed.evidence, failed.reason, failed.existing_ref) == (
        Evidence.NOT_APPLIED,
        Reason.EXISTS,
        existing,
    )


async def test_a_redirected_insert_is_not_sent_on(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.REDIRECT, path=INSERT))

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.REDIRECTED)
    assert (crm.sent("POST", INSERT), crm.server.effects.count()) == (1, 0)


async def test_a_desk_that_is_down_is_refused(crm: Crm) -> None:
    await crm.desk.read_case("warm", timeout_s=10)
    crm.server.go_down()

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert (await failure(crm.probe())).reason in {Reason.REFUSED, Reason.RESET}
    crm.server.come_up()
    assert await crm.write() == crm.ref()
    assert crm.server.effects.kinds() == {"case": 1}


async def test_a_connection_refused_for_the_write_alone_was_not_applied(crm: Crm) -> None:
    crm.witness.before("/query", lambda: crm.server.faults.add(Fault(kind=FaultKind.REFUSE)))

    assert (await verdict(crm.write()))[0] is Evidence.NOT_APPLIED
    assert (crm.sent("POST", INSERT), crm.server.effects.count()) == (0, 0)


async def test_a_read_before_the_write_fails_without_doubt(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.DROP_AFTER, path="/query"))

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.RESET)
    assert (crm.sent("POST", INSERT), crm.server.effects.count()) == (0, 0)


async def test_a_lookup_that_fails_proves_nothing(crm: Crm) -> None:
    await crm.write()
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=500, path="/query"))

    assert await verdict(crm.probe()) == (Evidence.UNKNOWN, Reason.SERVER_ERROR)


@pytest.mark.parametrize("left", [0, 1, 2, 3])
async def test_a_used_up_allowance_leaves_nothing_applied(crm: Crm, left: int) -> None:
    crm.state.api_requests_left = left  # contact, case, description, then the insert

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.QUOTA)
    assert crm.sent("POST", INSERT) == int(left == 3)
    assert crm.server.effects.count() == 0


async def test_a_token_that_expires_before_the_insert_costs_one_more_send(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=401, path=INSERT, body=EXPIRED))

    assert await crm.write() == crm.ref()
    assert (crm.sent("POST", INSERT), crm.sent("POST", TOKEN)) == (2, 2)
    assert crm.server.effects.kinds() == {"case": 1}


async def test_a_second_expiry_is_not_tried_again(crm: Crm) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=401, times=9, path=INSERT, body=EXPIRED)
    crm.server.faults.add(fault)

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.UNAUTHORIZED)
    assert crm.sent("POST", INSERT) == 2
    assert crm.server.effects.count() == 0


async def test_a_login_that_fails_after_an_expiry_leaves_nothing_applied(crm: Crm) -> None:
    await crm.desk.read_case("warm", timeout_s=10)
    crm.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=401, path=INSERT, body=EXPIRED),
        Fault(kind=FaultKind.DROP_AFTER, path=TOKEN),
    )

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.RESET)
    assert (crm.sent("POST", INSERT), crm.server.effects.count()) == (1, 0)


async def test_no_insert_without_a_unique_index(crm: Crm) -> None:
    fields = [{"name": "McpTicketId__c", "unique": False}, {"name": "McpRouterKey__c",
                                                            "unique": False}]  # fmt: skip
    body = json.dumps({"fields": fields})
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=200, path="/describe", body=body))

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.UNAUTHORIZED)
    assert crm.sent("POST", INSERT) == 0
    assert await crm.write() == crm.ref()  # the index was put right
