"""What a failed send proves: one pure function for exceptions, one for status codes.

The only question that counts is whether the desk may have applied the request. `NOT_APPLIED`
needs a proof; whatever has none is `UNKNOWN`.
"""

import ssl
from collections.abc import Mapping

from requests import exceptions as requests_errors
from urllib3 import exceptions as urllib3_errors

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.http_date import seconds_between

_REJECTED = frozenset({400, 403, 405, 412, 413, 415, 422})
_NOT_BUILT = (  # what requests raises while it builds a request, before any connection
    requests_errors.InvalidURL,
    requests_errors.MissingSchema,
    requests_errors.InvalidSchema,
    requests_errors.InvalidHeader,
    requests_errors.InvalidJSONError,
)
_TIMED_OUT = (TimeoutError, urllib3_errors.TimeoutError, requests_errors.Timeout)
_UNREADABLE = (
    urllib3_errors.DecodeError,
    requests_errors.ContentDecodingError,
    requests_errors.JSONDecodeError,  # of an answer; a kind of InvalidJSONError all the same
)


class ConnectFailed(urllib3_errors.HTTPError):
    """No connection, or no TLS on it: raised from inside `connect()`, so no request byte left.

    urllib3's own exceptions cannot tell this: a TLS error while an answer is read, and a timeout
    of the handshake, look like the opposite of what they are.
    """


class AnswerTooLate(urllib3_errors.TimeoutError):
    """The deadline of the call passed while the answer was still arriving."""


class AnswerTooLarge(urllib3_errors.DecodeError):
    """The answer is larger than any answer that a desk has reason to give."""


def classify_exception(error: OSError | urllib3_errors.HTTPError) -> SendFailed:
    """Return what an exception of requests or urllib3 says about the effect of the request.

    `requests.RequestException` is an `OSError`. The message holds no URL and no value.
    """
    if isinstance(error, ConnectFailed):
        return _refused(_why_not_connected(error.__cause__))

    if _holds(error, _UNREADABLE):
        return _unknown("The desk's answer cannot be decoded.", Reason.GARBLED)

    if isinstance(error, _NOT_BUILT):
        return _not_applied("The request could not be built.", Reason.REJECTED)

    if isinstance(error, requests_errors.TooManyRedirects):
        return _not_applied("The desk redirects without end.", Reason.REDIRECTED)

    if _holds(error, _TIMED_OUT):
        return _unknown("The desk did not answer in time.", Reason.TIMEOUT)

    return _unknown("The connection broke before the answer was complete.", Reason.RESET)


def classify_status(status: int, *, retry_after_s: float | None = None) -> SendFailed:
    """Return what a status outside 200..299 says about the effect of the request.

    Only the statuses by which Zendesk and Salesforce say that they refused are a proof; a 5xx,
    503 with Retry-After included, is none, nor is a 4xx that a proxy on the way may have made
    up, such as 408.
    """
    reason = {
        401: Reason.UNAUTHORIZED,
        404: Reason.NOT_FOUND,
        409: Reason.CHANGED,
        429: Reason.RATE_LIMITED,
    }.get(status)

    if status in _REJECTED:
        reason = Reason.REJECTED

    if 300 <= status < 400:
        reason = Reason.REDIRECTED

    return SendFailed(
        f"The desk answered with status {status}.",
        evidence=Evidence.NOT_APPLIED if reason else Evidence.UNKNOWN,
        reason=reason or Reason.SERVER_ERROR,
        status=status,
        retry_after_s=retry_after_s,
    )


def garbled(status: int | None = None) -> SendFailed:
    """Return the failure of a 2xx answer that is not what the desk's API promises."""
    return SendFailed(
        "The desk's answer is not what its API promises.",
        evidence=Evidence.UNKNOWN,
        reason=Reason.GARBLED,
        status=status,
    )


def before_write(failure: SendFailed) -> SendFailed:
    """Return the failure of a read that a write needed first: the write itself never left."""
    return SendFailed(
        failure.message,
        evidence=Evidence.NOT_APPLIED,
        reason=failure.reason,
        status=failure.status,
        retry_after_s=failure.retry_after_s,
    )


def too_late() -> SendFailed:
    """Return the failure of a request whose deadline had passed before it was sent."""
    return _not_applied("The deadline passed before the request was sent.", Reason.TIMEOUT)


def wrong_origin() -> SendFailed:
    """Return the failure of a request to another server than the desk; it was not sent."""
    return _refused("The request was for another server than the desk.")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, or None; a date counts from `Date`.

    Both forms are those of RFC 9110, 10.2.3. A value that is neither is None.

    >>> retry_after_s({"Retry-After": "7"})
    7.0
    """
    value = headers.get("Retry-After", "").strip()

    if value.isascii() and value.isdigit():
        return float(value)

    return seconds_between(headers.get("Date", ""), value)


def _holds(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Say whether the exception, or one that it was made from, is of one of these kinds.

    requests wraps urllib3's exception as its first argument: a timeout in the middle of a body
    becomes a ConnectionError that holds a ReadTimeoutError.
    """
    inner = error.args[0] if error.args else None
    return isinstance(error, kinds) or isinstance(inner, kinds)


def _why_not_connected(cause: BaseException | None) -> str:
    if isinstance(cause, urllib3_errors.NameResolutionError):
        return "The desk's host name cannot be resolved."

    if isinstance(cause, ssl.SSLCertVerificationError):
        return "The desk's certificate is not trusted; see `ca_bundle`."

    if isinstance(cause, ssl.SSLError | urllib3_errors.SSLError):
        return "TLS with the desk could not be set up."

    if isinstance(cause, _TIMED_OUT) and not isinstance(cause, urllib3_errors.NewConnectionError):
        return "The desk could not be reached in time."

    return "The desk refused the connection."


def _refused(message: str) -> SendFailed:
    return _not_applied(message, Reason.REFUSED)


def _not_applied(message: str, reason: Reason) -> SendFailed:
    return SendFailed(message, evidence=Evidence.NOT_APPLIED, reason=reason)


def _unknown(message: str, reason: Reason) -> SendFailed:
    return SendFailed(message, evidence=Evidence.UNKNOWN, reason=reason)
