"""What the answer to a write of the Salesforce desk proves, subrequest by subrequest."""

import json
from collections.abc import AsyncIterator

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.sandbox.certificate import Certificate
from mcp_router.sandbox.faults import Fault, FaultKind
from tests.desks.conftest import Serve
from tests.desks.salesforce_crm import WRITE, Crm, failure, open_crm, verdict

CASE_ID = "500Sb0000000001IAA"
ACTION_ID = "a01Sb0000000002IAA"
NOT_TAKEN = "Salesforce does not take a record of McpAction__c ({}); see `doctor`."


@pytest.fixture
async def crm(serve: Serve, certificate: Certificate) -> AsyncIterator[Crm]:
    async with open_crm(serve, certificate) as opened:
        yield opened


def result(reference: str, status: int, body: JsonValue) -> JsonValue:
    return {
        "referenceId": reference,
        "httpStatusCode": status,
        "httpHeaders": {},
        "body": body,
    }


def made(reference: str, identifier: str) -> JsonValue:
    return result(reference, 201, {"id": identifier, "success": True, "errors": []})


def error(reference: str, code: str, message: str = "", status: int = 400) -> JsonValue:
    return result(reference, status, [{"errorCode": code, "message": message}])


def halted(*references: str) -> list[JsonValue]:
    return [error(reference, "PROCESSING_HALTED", "rolled back") for reference in references]


def duplicate(reference: str, field: str) -> JsonValue:
    message = f"duplicate value found: {field} duplicates value on record with id: 500Sb0000000009"
    return error(reference, "DUPLICATE_VALUE", message)


ACTION, CASE, REF = made("action", ACTION_ID), made("case", CASE_ID), result("ref", 204, None)


async def told(crm: Crm, results: JsonValue) -> SendFailed:
    """Answer an insert with these results; nothing was applied by it."""
    body = json.dumps({"compositeResponse": results})
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=200, path=WRITE, body=body))
    failed = await failure(crm.write())
    assert (crm.writes(), crm.server.effects.count()) == (1, 0)
    return failed


@pytest.mark.parametrize(
    ("results", "reason", "status", "message"),
    [
        ([duplicate("action", "Key__c"), *halted("case", "ref")], Reason.EXISTS, 400,
         "Salesforce refused the request: DUPLICATE_VALUE."),
        ([duplicate("action", "<unknown>"), *halted("case", "ref")], Reason.EXISTS, 400,
         "Salesforce refused the request: DUPLICATE_VALUE."),
        ([error("action", "DUPLICATE_VALUE", "doppelter Wert"), *halted("case", "ref")],
         Reason.EXISTS, 400, "Salesforce refused the request: DUPLICATE_VALUE."),
        ([*halted("action"), duplicate("case", "McpTicketId__c"), *halted("ref")],
         Reason.CHANGED, 400, "Another case of this ticket was created."),
        ([*halted("action"), duplicate("case", "<unknown>"), *halted("ref")],
         Reason.CHANGED, 400, "Another case of this ticket was created."),
        ([*halted("action"), duplicate("case", "Other__c"), *halted("ref")],
         Reason.REJECTED, 400, "Salesforce refused the request: DUPLICATE_VALUE."),
        ([*halted("action"), result("case", 412, None), *halted("ref")],
         Reason.CHANGED, 412, "The record was changed after it was read."),
        ([ACTION, result("case", 412, None), REF],  # not as documented, and yet no case was written
         Reason.CHANGED, 412, "The record was changed after it was read."),
        ([*halted("action"), error("case", "NOT_FOUND", status=404), *halted("ref")],
         Reason.NOT_FOUND, 404, "Salesforce refused the request: NOT_FOUND."),
        ([*halted("action"), error("case", "UNABLE_TO_LOCK_ROW"), *halted("ref")],
         Reason.RATE_LIMITED, 400, "Salesforce refused the request: UNABLE_TO_LOCK_ROW."),
        ([*halted("action"), error("case", "DUPLICATES_DETECTED"), *halted("ref")],
         Reason.REJECTED, 400, "Salesforce refused the request: DUPLICATES_DETECTED."),
        ([*halted("action"), error("case", "dana@example.com"), *halted("ref")],
         Reason.REJECTED, 400, "Salesforce refused the request: unnamed."),
        ([*halted("ref"), error("case", "STRING_TOO_LONG"), *halted("action")],  # any order
         Reason.REJECTED, 400, "Salesforce refused the request: STRING_TOO_LONG."),
        ([duplicate("action", "Other__c"), *halted("case", "ref")],
         Reason.UNAUTHORIZED, 400, NOT_TAKEN.format("DUPLICATE_VALUE")),
        ([error("action", "NOT_FOUND", status=404), *halted("case", "ref")],
         Reason.UNAUTHORIZED, 404, NOT_TAKEN.format("NOT_FOUND")),
        ([error("action", "INVALID_FIELD"), *halted("case", "ref")],
         Reason.UNAUTHORIZED, 400, NOT_TAKEN.format("INVALID_FIELD")),
        ([*halted("action", "case"), error("ref", "INSUFFICIENT_ACCESS", status=403)],
         Reason.UNAUTHORIZED, 403, NOT_TAKEN.format("INSUFFICIENT_ACCESS")),
        ([error("action", "STORAGE_LIMIT_EXCEEDED"), *halted("case", "ref")],
         Reason.QUOTA, 400, "Salesforce refused the request: STORAGE_LIMIT_EXCEEDED."),
    ],
)  # fmt: skip
async def test_a_request_that_was_rolled_back_was_not_applied(
    crm: Crm, results: JsonValue, reason: Reason, status: int, message: str
) -> None:
    failed = await told(crm, results)

    assert (failed.evidence, failed.reason, failed.status, failed.message) == (
        Evidence.NOT_APPLIED,
        reason,
        status,
        message,
    )


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ([], Reason.GARBLED),
        (7, Reason.GARBLED),
        ([7], Reason.GARBLED),
        ([ACTION, CASE], Reason.GARBLED),
        ([ACTION, CASE, REF, REF], Reason.GARBLED),
        ([ACTION, CASE, result("other", 204, None)], Reason.GARBLED),
        ([ACTION, CASE, {"referenceId": "ref", "body": None}], Reason.GARBLED),
        ([ACTION, CASE, result("ref", 200, None)], Reason.GARBLED),
        ([ACTION, CASE, result("ref", 204, {})], Reason.GARBLED),
        ([ACTION, result("case", 201, None), REF], Reason.GARBLED),
        ([ACTION, result("case", 200, {"id": CASE_ID, "success": True, "errors": []}), REF],
         Reason.GARBLED),
        ([ACTION, result("case", 201, {"id": CASE_ID, "success": False, "errors": []}), REF],
         Reason.GARBLED),
        ([ACTION, result("case", 201, {"id": CASE_ID, "success": True, "errors": [1]}), REF],
         Reason.GARBLED),
        ([ACTION, made("case", "500"), REF], Reason.GARBLED),
        ([made("action", "x"), CASE, REF], Reason.GARBLED),
        (halted("action", "case", "ref"), Reason.GARBLED),
        ([result("action", 400, None), *halted("case", "ref")], Reason.GARBLED),
        ([*halted("action"), result("case", 404, "gone"), *halted("ref")], Reason.GARBLED),
        ([*halted("action"), result("case", 400, []), *halted("ref")], Reason.GARBLED),
        ([ACTION, *halted("case", "ref")], Reason.GARBLED),
        ([*halted("action"), result("case", 300, []), *halted("ref")], Reason.GARBLED),
        ([error("action", "UNKNOWN_EXCEPTION", status=500), *halted("case", "ref")],
         Reason.SERVER_ERROR),
        ([*halted("action"), error("case", "SERVER_UNAVAILABLE", status=503), *halted("ref")],
         Reason.SERVER_ERROR),
    ],
)  # fmt: skip
async def test_an_answer_that_proves_neither_is_unknown(
    crm: Crm, results: JsonValue, reason: Reason
) -> None:
    failed = await told(crm, results)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, reason)


@pytest.mark.parametrize("body", ["{}", "[]", "7", "null", "true", "{", '{"compositeResponse": 7}'])
async def test_an_answer_of_another_shape_is_unknown(crm: Crm, body: str) -> None:
    crm.server.faults.add(Fault(kind=FaultKind.STATUS, status=200, path=WRITE, body=body))

    assert await verdict(crm.write()) == (Evidence.UNKNOWN, Reason.GARBLED)
    assert crm.writes() == 1
