"""What the Salesforce desk knows after each kind of trouble, held against the server's counts."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mcp_router.desks.salesforce_composite import CaseInsert, CaseUpdate, composite_body
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.salesforce.answers import ApiCall
from mcp_router.sandbox.salesforce.composite import serve_composite
from tests.desks.conftest import Serve
from tests.desks.salesforce_crm import (
    DESCRIBE,
    SYNC,
    TOKEN,
    WRITE,
    Crm,
    failure,
    open_crm,
    other,
    verdict,
)

EXPIRED = json.dumps([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])


@pytest.fixture
async def crm(serve: Serve, certificate: Certificate) -> AsyncIterator[Crm]:
    async with open_crm(serve, certificate) as opened:
        yield opened


def error_body(code: str, message: str = "") -> str:
    return json.dumps([{"message": message, "errorCode": code, "fields": []}])


@pytest.mark.parametrize("before", ["no case", "a case"])
@pytest.mark.parametrize(
    ("fault", "reason", "applied"),
    [
        (Fault(kind=FaultKind.DROP_BEFORE), Reason.RESET, False),
        (Fault(kind=FaultKind.DROP_AFTER), Reason.RESET, True),
        (Fault(kind=FaultKind.GARBLED), Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=503), Reason.SERVER_ERROR, False),
        (Fault(kind=FaultKind.STATUS, status=503, retry_after_s=1, applied=True),
         Reason.SERVER_ERROR, True),
        (Fault(kind=FaultKind.STATUS, status=500, applied=True), Reason.SERVER_ERROR, True),
        (Fault(kind=FaultKind.STATUS, status=502), Reason.SERVER_ERROR, False),
        (Fault(kind=FaultKind.STATUS, status=200, applied=True, body="[]"), Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=200, applied=True, body="7"), Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=204, applied=True, body=""), Reason.GARBLED, True),
        (Fault(kind=FaultKind.STATUS, status=408), Reason.SERVER_ERROR, False),
    ],
)  # fmt: skip
async def test_a_write_in_doubt_is_unknown_until_it_is_looked_up(
    crm: Crm, before: str, fault: Fault, reason: Reason, applied: bool
) -> None:
    effect, others = "case", 0

    if before == "a case":
        await crm.write(marker="act_0")
        effect, others = "case_update", 1

    crm.server.faults.add(replace(fault, path=WRITE))

    assert await verdict(crm.write()) == (Evidence.UNKNOWN, reason)
    assert crm.writes() == others + 1
    assert crm.server.effects.count(effect) == int(applied)
    assert await crm.probe() == (crm.ref() if applied else None)
    assert await sent_again(crm) == (Reason.EXISTS if applied else None)
    assert await crm.probe() == crm.ref()
    assert crm.server.effects.count(effect) == 1
    assert crm.server.effects.count() == others + 1


async def sent_again(crm: Crm, marker: str = "act_1") -> Reason | None:
    """Send the same write once more, and return why it was refused if it was."""
    refused: SendFailed | None = None

    try:
        await crm.write(marker=marker)
    except SendFailed as failed:
        refused = failed

    assert refused is None or refused.evidence is Evidence.NOT_APPLIED
    return refused.reason if refused else None


async def test_an_answer_after_the_deadline_is_unknown(crm: Crm) -> None:
    await crm.desk.read_case("warm", timeout_s=10)
    crm.server.faults.add(Fault(kind=FaultKind.SLOW, path=WRITE, delay_s=30))

    assert await verdict(crm.write(timeout_s=1.5)) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert crm.writes() == 1
    assert await crm.probe() == crm.ref()


async def test_a_read_that_uses_up_the_deadline_leaves_nothing_sent(crm: Crm) -> None:
    await crm.desk.read_case("warm", timeout_s=10)
    crm.server.faults.add(Fault(kind=FaultKind.SLOW, path="/query", delay_s=30))

    assert await verdict(crm.write(timeout_s=1)) == (Evidence.NOT_APPLIED, Reason.TIMEOUT)
    assert (crm.writes(), crm.server.effects.count()) == (0, 0)


async def test_an_insert_that_arrives_after_its_resend_changes_nothing(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.LATE, path=WRITE, delay_s=1))

    assert await verdict(crm.write()) == (Evidence.UNKNOWN, Reason.RESET)
    assert await crm.probe() is None
    assert await crm.write() == crm.ref()

    crm.witness.served("POST", WRITE, 2)
    assert crm.writes() == 2
    assert crm.server.effects.kinds() == {"case": 1}
    assert crm.actions() == {"act_1": crm.ref().id}


@pytest.mark.parametrize("before", ["no case", "a case"])
async def test_a_write_that_arrives_before_its_resend_is_not_repeated(
    crm: Crm, before: str
) -> None:
    if before == "a case":
        await crm.write(marker="act_0")

    arrived = crm.writes() + 1
    crm.server.faults.add(Fault(kind=FaultKind.LATE, path=WRITE, delay_s=0.05))
    assert await verdict(crm.write()) == (Evidence.UNKNOWN, Reason.RESET)
    crm.witness.served("POST", WRITE, arrived)

    assert await sent_again(crm) is Reason.EXISTS

    assert await crm.probe() == crm.ref()
    assert crm.server.effects.kinds() == (
        {"case": 1} if before == "no case" else {"case": 1, "case_update": 1}
    )


@pytest.mark.parametrize("before", ["no case", "a case"])
async def test_a_write_that_arrives_while_its_resend_is_under_way_is_told_as_ours(
    crm: Crm, before: str
) -> None:
    """What the resend had read no longer holds then, and yet the marker decides."""
    first = CaseInsert(marker="act_1", fields={"McpTicketId__c": SYNC.external_id})
    write: CaseInsert | CaseUpdate = first

    if before == "a case":
        ref = await crm.write(marker="act_0")
        write = CaseUpdate(
            marker="act_1",
            fields={"Subject": SYNC.subject},
            case_id=ref.id,
            unmodified_since="Sat, 21 Nov 2026 12:00:00 GMT",
        )

    def arrive() -> None:
        crm.clock.ms += 1_000
        body = composite_body(write, version="59.0")
        call = ApiCall(version=59, method="POST", path=("composite",), body=body)
        assert len(serve_composite(crm.state, call).changes) == 1

    crm.witness.before(WRITE, arrive)

    assert await sent_again(crm) is Reason.EXISTS

    assert await crm.probe() == crm.ref()
    assert crm.server.effects.count() == int(before == "a case")  # none of the resend


@pytest.mark.parametrize("before", ["no case", "a case"])
async def test_a_request_that_is_delivered_twice_is_applied_once(crm: Crm, before: str) -> None:
    if before == "a case":
        await crm.write(marker="act_0")

    arrived = crm.writes() + 2
    crm.server.faults.add(Fault(kind=FaultKind.TWICE, path=WRITE, delay_s=0.05))

    assert await crm.write() == crm.ref()

    crm.witness.served("POST", WRITE, arrived)
    assert crm.server.effects.kinds() == (
        {"case": 1} if before == "no case" else {"case": 1, "case_update": 1}
    )


async def test_an_update_that_arrives_late_does_not_undo_a_newer_one(crm: Crm) -> None:
    await crm.write()
    crm.server.faults.add(Fault(kind=FaultKind.LATE, path=WRITE, delay_s=1))
    assert await verdict(crm.write(marker="act_2")) == (Evidence.UNKNOWN, Reason.RESET)
    crm.clock.ms += 1_000

    assert await crm.write(other(subject="newer"), marker="act_3") == crm.ref()

    crm.witness.served("POST", WRITE, 3)
    (case,) = crm.cases()
    assert case["Subject"] == "newer"
    assert await crm.probe(marker="act_2") is None
    assert await crm.probe(marker="act_3") == crm.ref()
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 1}


async def test_an_update_whose_answer_was_lost_is_found_after_a_newer_one(crm: Crm) -> None:
    await crm.write()
    crm.server.faults.add(Fault(kind=FaultKind.DROP_AFTER, path=WRITE))
    assert await verdict(crm.write(marker="act_2")) == (Evidence.UNKNOWN, Reason.RESET)

    await crm.write(other(subject="newer"), marker="act_3")

    assert await crm.probe(marker="act_2") == crm.ref()
    assert await sent_again(crm, "act_2") is Reason.EXISTS
    (case,) = crm.cases()
    assert case["Subject"] == "newer"
    assert crm.server.effects.kinds() == {"case": 1, "case_update": 2}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, error_body("JSON_PARSER_ERROR"), Reason.REJECTED),
        (400, "no json", Reason.REJECTED),
        (400, "{}", Reason.REJECTED),
        (400, error_body("DUPLICATES_DETECTED"), Reason.REJECTED),
        (400, error_body("UNABLE_TO_LOCK_ROW"), Reason.RATE_LIMITED),
        (403, error_body("REQUEST_LIMIT_EXCEEDED"), Reason.QUOTA),
        (403, error_body("INSUFFICIENT_ACCESS"), Reason.REJECTED),
        (404, error_body("NOT_FOUND"), Reason.NOT_FOUND),
        (405, error_body("METHOD_NOT_ALLOWED"), Reason.REJECTED),
        (429, "", Reason.RATE_LIMITED),
    ],
)  # fmt: skip
async def test_a_refused_write_was_not_applied(
    crm: Crm, status: int, body: str, reason: Reason
) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=status, path=WRITE, body=body, retry_after_s=7)
    crm.server.faults.add(fault)

    failed = await failure(crm.write())

    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.NOT_APPLIED,
        reason,
        status,
    )
    assert failed.retry_after_s == (7.0 if status == 429 else None)
    assert failed.existing_ref is None
    assert (crm.writes(), crm.server.effects.count()) == (1, 0)


async def test_a_redirected_write_is_not_sent_on(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.REDIRECT, path=WRITE))

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.REDIRECTED)
    assert (crm.writes(), crm.server.effects.count()) == (1, 0)


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
    assert (crm.writes(), crm.server.effects.count()) == (0, 0)


async def test_a_read_before_the_write_fails_without_doubt(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.DROP_AFTER, path="/query"))

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.RESET)
    assert (crm.writes(), crm.server.effects.count()) == (0, 0)


async def test_a_lookup_that_fails_proves_nothing(crm: Crm) -> None:
    await crm.write()
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=500, path="/query"))

    assert await verdict(crm.probe()) == (Evidence.UNKNOWN, Reason.SERVER_ERROR)


@pytest.mark.parametrize("left", [0, 1, 2, 3, 4])
async def test_a_used_up_allowance_leaves_nothing_applied(crm: Crm, left: int) -> None:
    crm.state.api_requests_left = left  # two descriptions, contact, case, then the write

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.QUOTA)
    assert crm.writes() == int(left == 4)
    assert crm.server.effects.count() == 0


async def test_a_token_that_expires_before_the_insert_costs_one_more_send(crm: Crm) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=401, path=WRITE, body=EXPIRED))

    assert await crm.write() == crm.ref()
    assert (crm.writes(), crm.sent("POST", TOKEN)) == (2, 2)
    assert crm.server.effects.kinds() == {"case": 1}


async def test_a_second_expiry_is_not_tried_again(crm: Crm) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=401, times=9, path=WRITE, body=EXPIRED)
    crm.server.faults.add(fault)

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.UNAUTHORIZED)
    assert crm.writes() == 2
    assert crm.server.effects.count() == 0


async def test_a_login_that_fails_after_an_expiry_leaves_nothing_applied(crm: Crm) -> None:
    await crm.desk.read_case("warm", timeout_s=10)
    crm.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=401, path=WRITE, body=EXPIRED),
        Fault(kind=FaultKind.DROP_AFTER, path=TOKEN),
    )

    assert await verdict(crm.write()) == (Evidence.NOT_APPLIED, Reason.RESET)
    assert (crm.writes(), crm.server.effects.count()) == (1, 0)


@pytest.mark.parametrize("name", ["Case", "McpAction__c"])
@pytest.mark.parametrize(
    "answer",
    [
        Fault(kind=FaultKind.STATUS, status=404, body=error_body("NOT_FOUND")),
        Fault(kind=FaultKind.STATUS, status=200, body=json.dumps(
            {"createable": True, "updateable": True, "queryable": True, "fields": []})),
    ],
)  # fmt: skip
async def test_no_write_without_the_unique_indexes(crm: Crm, name: str, answer: Fault) -> None:
    crm.server.faults.add(replace(answer, path=f"/{name}/describe"))

    failed = await failure(crm.write())

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.UNAUTHORIZED)
    assert failed.message == (
        "Salesforce lacks what keeps a write from happening twice; see `doctor`."
    )
    assert crm.writes() == 0
    assert await crm.write() == crm.ref()  # it was put right


async def test_the_unique_indexes_are_proved_once(crm: Crm) -> None:
    for number in range(3):
        await crm.write(marker=f"act_{number}")

    assert crm.sent("GET", DESCRIBE) == 2
