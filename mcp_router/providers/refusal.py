"""What a status other than 200 proves: the fallback law's evidence from a provider's answer."""

import json
import math
import re
from collections.abc import Iterator, Mapping

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.http_date import seconds_between

# An account that is out of money answers 429 like one that is too fast, but waiting does not
# help. OpenAI: help.openai.com/en/articles/6614457; Anthropic: platform.claude.com/docs, "Reaching
# a spend limit" (both 2026-11). `insufficient_quota` is OpenAI's older word for all of its own.
_SPENT = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
        "enforced_spend_limit_reached",
    }
)
_BAD_KEY = "API_KEY_INVALID"  # Gemini answers 400 to a wrong key and says this in `details`
_CODES = ("code", "type", "status", "reason", "error_code")  # where the vendors keep their words
_ONE = {
    307: (Evidence.NOT_APPLIED, Reason.REDIRECTED),  # the method is kept: nothing was done
    308: (Evidence.NOT_APPLIED, Reason.REDIRECTED),  # (RFC 9110, 15.4.8 and 15.4.9)
    401: (Evidence.NOT_APPLIED, Reason.UNAUTHORIZED),
    402: (Evidence.NOT_APPLIED, Reason.QUOTA),
    403: (Evidence.NOT_APPLIED, Reason.UNAUTHORIZED),
    404: (Evidence.NOT_APPLIED, Reason.NOT_FOUND),
    408: (Evidence.UNKNOWN, Reason.TIMEOUT),  # a gateway's word too: its upstream may go on
    429: (Evidence.NOT_APPLIED, Reason.RATE_LIMITED),
}
_CLASS = {
    3: (Evidence.UNKNOWN, Reason.REDIRECTED),
    4: (Evidence.NOT_APPLIED, Reason.REJECTED),
    5: (Evidence.UNKNOWN, Reason.SERVER_ERROR),  # Anthropic's 529 too: work may have been done
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")  # a protobuf Duration in JSON


def refused(status: int, headers: Mapping[str, str], body: bytes) -> SendFailed:
    """Return the failure that any status but 200 stands for.

    `headers` are looked up in lower case; `body` may be cut off or empty. The message carries the
    status alone: a vendor's text may quote the request.
    """
    details = tuple(_objects(_parsed(body)))
    words = {value for one in details for key in _CODES if isinstance(value := one.get(key), str)}
    evidence, reason = _law(status, words)
    return SendFailed(
        f"The provider answered HTTP {status}.",
        evidence=evidence,
        reason=reason,
        status=status,
        retry_after_s=_retry_after_s(headers, details),
    )


def _law(status: int, words: set[str]) -> tuple[Evidence, Reason]:
    """Return what `status` proves; `words` are the vendor's own codes."""
    if status == 429 and words & _SPENT:
        return Evidence.NOT_APPLIED, Reason.QUOTA

    if status == 400 and _BAD_KEY in words:
        return Evidence.NOT_APPLIED, Reason.UNAUTHORIZED

    return _ONE.get(status) or _CLASS.get(status // 100) or (Evidence.UNKNOWN, Reason.GARBLED)


def _retry_after_s(
    headers: Mapping[str, str], details: tuple[Mapping[str, JsonValue], ...]
) -> float | None:
    """Return how long the provider asks us to wait, from whichever place it says so.

    A date is measured against the answer's own `Date`, so that no clock has to agree.
    """
    milliseconds = _seconds(headers.get("retry-after-ms", ""))  # OpenAI

    if milliseconds is not None:
        return milliseconds / 1000

    after = headers.get("retry-after", "")
    seconds = _seconds(after)

    if seconds is not None:
        return seconds

    if after:
        return seconds_between(headers.get("date", ""), after)

    for one in details:  # Gemini: google.rpc.RetryInfo
        delay = one.get("retryDelay")
        found = _DURATION.fullmatch(delay) if isinstance(delay, str) else None

        if found:
            return float(found[1])

    return None


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None

    return max(value, 0.0) if math.isfinite(value) else None


def _parsed(body: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return None

    return value


def _objects(value: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    """Yield the error object of a body and the objects of its `details`.

    Gemini's details are a list, Anthropic's an object; some gateways wrap the whole in a list.
    """
    whole = value[0] if isinstance(value, list) and value else value
    error = whole.get("error") if isinstance(whole, Mapping) else None

    if not isinstance(error, Mapping):
        return

    yield error
    details = error.get("details")
    yield from (
        one
        for one in (details if isinstance(details, list) else [details])
        if isinstance(one, Mapping)
    )
