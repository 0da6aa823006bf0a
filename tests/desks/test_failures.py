import ssl

import pytest
import requests
from requests import exceptions as requests_errors
from urllib3 import HTTPSConnectionPool
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPSConnection

from mcp_router.desks.failures import (
    AnswerTooLarge,
    AnswerTooLate,
    ConnectFailed,
    before_write,
    classify_exception,
    classify_status,
    garbled,
    retry_after_s,
)
from mcp_router.domain.attempt import Evidence, Reason

POOL = HTTPSConnectionPool("desk.invalid")


def connect_failed(cause: Exception) -> ConnectFailed:
    failed = ConnectFailed("not connected")
    failed.__cause__ = cause
    return failed


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (
            urllib3_errors.NameResolutionError("h", HTTPSConnection("h"), OSError()),  # type: ignore[arg-type]  # a gaierror in real life
            "The desk's host name cannot be resolved.",
        ),
        (
            urllib3_errors.NewConnectionError(HTTPSConnection("h"), "refused"),
            "The desk refused the connection.",
        ),
        (
            urllib3_errors.ConnectTimeoutError(),
            "The desk could not be reached in time.",
        ),
        (TimeoutError(), "The desk could not be reached in time."),
        (
            ssl.SSLCertVerificationError(),
            "The desk's certificate is not trusted; see `ca_bundle`.",
        ),
        (ssl.SSLEOFError(), "TLS with the desk could not be set up."),
        (ConnectionResetError(), "The desk refused the connection."),
    ],
)
def test_whatever_stops_the_connection_proves_that_nothing_was_applied(
    cause: Exception, message: str
) -> None:
    failure = classify_exception(connect_failed(cause))
    assert (failure.evidence, failure.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert failure.message == message


@pytest.mark.parametrize(
    "error",
    [
        requests_errors.InvalidURL("u"),
        requests_errors.MissingSchema("u"),
        requests_errors.InvalidHeader("h"),
        requests_errors.InvalidJSONError("nan"),
    ],
)
def test_a_request_that_was_never_built_was_not_applied(
    error: requests_errors.RequestException,
) -> None:
    failure = classify_exception(error)
    assert (failure.evidence, failure.reason) == (Evidence.NOT_APPLIED, Reason.REJECTED)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests_errors.ReadTimeout(), Reason.TIMEOUT),
        (urllib3_errors.ReadTimeoutError(POOL, "/", "slow"), Reason.TIMEOUT),
        (
            requests_errors.ConnectionError(urllib3_errors.ReadTimeoutError(POOL, "/", "slow")),
            Reason.TIMEOUT,
        ),
        (AnswerTooLate(), Reason.TIMEOUT),
        (AnswerTooLarge(), Reason.GARBLED),
        (requests_errors.ContentDecodingError(), Reason.GARBLED),
        (requests_errors.JSONDecodeError("bad", "{", 0), Reason.GARBLED),
        (requests_errors.ConnectionError(urllib3_errors.ProtocolError("gone")), Reason.RESET),
        (requests_errors.ChunkedEncodingError(), Reason.RESET),
        (urllib3_errors.IncompleteRead(1, 2), Reason.RESET),
        (requests_errors.SSLError(), Reason.RESET),
        (ConnectionResetError(), Reason.RESET),
        (requests.RequestException(), Reason.RESET),
    ],
)
def test_whatever_happens_after_the_connection_leaves_the_effect_unknown(
    error: OSError | urllib3_errors.HTTPError, reason: Reason
) -> None:
    failure = classify_exception(error)
    assert (failure.evidence, failure.reason) == (Evidence.UNKNOWN, reason)


@pytest.mark.parametrize(
    ("statuses", "evidence", "reason"),
    [
        ((400, 403, 405, 412, 413, 415, 422), Evidence.NOT_APPLIED, Reason.REJECTED),
        ((401,), Evidence.NOT_APPLIED, Reason.UNAUTHORIZED),
        ((404,), Evidence.NOT_APPLIED, Reason.NOT_FOUND),
        ((409,), Evidence.NOT_APPLIED, Reason.CHANGED),
        ((429,), Evidence.NOT_APPLIED, Reason.RATE_LIMITED),
        ((300, 301, 302, 303, 304, 307, 308), Evidence.NOT_APPLIED, Reason.REDIRECTED),
        ((500, 501, 502, 503, 504, 520, 599), Evidence.UNKNOWN, Reason.SERVER_ERROR),
        ((402, 406, 408, 410, 418, 423, 425, 431, 451, 499), Evidence.UNKNOWN, Reason.SERVER_ERROR),
    ],
)
def test_a_status_is_a_proof_only_where_the_desks_say_so(
    statuses: tuple[int, ...], evidence: Evidence, reason: Reason
) -> None:
    failures = [classify_status(status, retry_after_s=2.0) for status in statuses]
    assert {(one.evidence, one.reason) for one in failures} == {(evidence, reason)}
    assert [one.status for one in failures] == list(statuses)
    assert {one.retry_after_s for one in failures} == {2.0}


def test_no_message_repeats_what_the_exception_said() -> None:
    error = requests_errors.ConnectionError("https://desk.invalid/?query=jane@acme.test")
    assert "jane" not in classify_exception(error).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 20 Nov 2026 10:00:05 GMT"}, None),
        (
            {
                "Retry-After": "Fri, 20 Nov 2026 10:00:05 GMT",
                "Date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            5.0,
        ),
        (
            {
                "Retry-After": "Fri, 20 Nov 2026 09:59:00 GMT",
                "Date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            0.0,
        ),
        (
            {
                "Retry-After": "Fri, 20 Nov 99999999999999999999 10:00:05 GMT",
                "Date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            None,
        ),
    ],
)
def test_the_wait_that_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_failed_read_before_a_write_says_that_the_write_never_left() -> None:
    failure = before_write(classify_status(503, retry_after_s=4.0))
    assert (failure.evidence, failure.reason, failure.status, failure.retry_after_s) == (
        Evidence.NOT_APPLIED,
        Reason.SERVER_ERROR,
        503,
        4.0,
    )


def test_a_success_that_cannot_be_read_may_have_been_applied() -> None:
    failure = garbled(201)
    assert (failure.evidence, failure.reason, failure.status) == (
        Evidence.UNKNOWN,
        Reason.GARBLED,
        201,
    )
