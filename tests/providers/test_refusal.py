"""What each status proves, and how long a provider asks us to wait."""

import json

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.providers.refusal import refused


def error(**fields: JsonValue) -> bytes:
    return json.dumps({"error": fields}).encode()


@pytest.mark.parametrize(
    ("status", "evidence", "reason"),
    [
        (204, Evidence.UNKNOWN, Reason.GARBLED),
        (301, Evidence.UNKNOWN, Reason.REDIRECTED),
        (303, Evidence.UNKNOWN, Reason.REDIRECTED),
        (307, Evidence.NOT_APPLIED, Reason.REDIRECTED),
        (308, Evidence.NOT_APPLIED, Reason.REDIRECTED),
        (400, Evidence.NOT_APPLIED, Reason.REJECTED),
        (401, Evidence.NOT_APPLIED, Reason.UNAUTHORIZED),
        (402, Evidence.NOT_APPLIED, Reason.QUOTA),
        (403, Evidence.NOT_APPLIED, Reason.UNAUTHORIZED),
        (404, Evidence.NOT_APPLIED, Reason.NOT_FOUND),
        (408, Evidence.UNKNOWN, Reason.TIMEOUT),
        (409, Evidence.NOT_APPLIED, Reason.REJECTED),
        (413, Evidence.NOT_APPLIED, Reason.REJECTED),
        (422, Evidence.NOT_APPLIED, Reason.REJECTED),
        (429, Evidence.NOT_APPLIED, Reason.RATE_LIMITED),
        (500, Evidence.UNKNOWN, Reason.SERVER_ERROR),
        (503, Evidence.UNKNOWN, Reason.SERVER_ERROR),
        (504, Evidence.UNKNOWN, Reason.SERVER_ERROR),
        (529, Evidence.UNKNOWN, Reason.SERVER_ERROR),
        (600, Evidence.UNKNOWN, Reason.GARBLED),
    ],
)
def test_what_a_status_proves(status: int, evidence: Evidence, reason: Reason) -> None:
    failed = refused(status, {}, b"")

    assert (failed.evidence, failed.reason, failed.status) == (evidence, reason, status)
    assert failed.message == f"The provider answered HTTP {status}."
    assert failed.retry_after_s is None


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, error(type="insufficient_quota", code="project_spend_limit_exceeded"), Reason.QUOTA),
        (429, error(type="insufficient_quota", code=None), Reason.QUOTA),
        (
            429,
            error(type="rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            Reason.QUOTA,
        ),
        (429, error(type="requests", code="rate_limit_exceeded"), Reason.RATE_LIMITED),
        (
            400,
            error(status="INVALID_ARGUMENT", code=400, details=[{"reason": "API_KEY_INVALID"}]),
            Reason.UNAUTHORIZED,
        ),
        (
            400,
            b"[" + error(status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]) + b"]",
            Reason.UNAUTHORIZED,
        ),
        (400, error(message="API_KEY_INVALID"), Reason.REJECTED),
        (500, error(code="insufficient_quota"), Reason.SERVER_ERROR),
    ],
)
def test_what_the_vendor_s_own_words_add(status: int, body: bytes, reason: Reason) -> None:
    assert refused(status, {}, body).reason is reason


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"[7]", b"7", b'{"error":"x"}', b'{"error":{"details":7}}', b"[" * 100_000],
)
def test_a_body_of_any_shape_changes_nothing(body: bytes) -> None:
    assert refused(429, {}, body).reason is Reason.RATE_LIMITED


SUNDAY = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 08:50:07 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "?", "retry-after": "9"}, 9.0),
        ({"retry-after": LATER, "date": SUNDAY}, 30.0),
        ({"retry-after": SUNDAY, "date": LATER}, 0.0),
        ({"retry-after": LATER}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:50:07 -0000", "date": SUNDAY}, None),
    ],
)
def test_how_long_the_headers_ask_us_to_wait(
    headers: dict[str, str], expected: float | None
) -> None:
    assert refused(429, headers, b"").retry_after_s == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}], 34.5),
        ([{"reason": "RATE_LIMIT_EXCEEDED"}, {"retryDelay": "7s"}], 7.0),
        ([{"retryDelay": 7}, {"retryDelay": "soon"}], None),
    ],
)
def test_how_long_gemini_asks_us_to_wait(details: JsonValue, expected: float | None) -> None:
    body = error(code=429, status="RESOURCE_EXHAUSTED", details=details)

    assert refused(429, {}, body).retry_after_s == expected


def test_the_vendor_s_text_stays_out_of_the_message() -> None:
    failed = refused(400, {}, error(message="Invalid value: 'a customer's secret'"))

    assert str(failed) == "The provider answered HTTP 400."
