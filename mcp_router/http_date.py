"""How long one of HTTP's dates is after another."""

from email.utils import parsedate_to_datetime


def seconds_between(start: str, end: str) -> float | None:
    """Return the seconds from one HTTP-date (RFC 9110, 5.6.7) to another, 0 for an earlier one.

    A `Retry-After` that is a date counts from the `Date` of its own answer, so that no clock of
    ours has to agree with the server's. None if one of the two is no date.

    >>> seconds_between("Thu, 26 Nov 2026 08:00:00 GMT", "Thu, 26 Nov 2026 08:00:07 GMT")
    7.0
    >>> seconds_between("", "Thu, 26 Nov 2026 08:00:07 GMT")
    """
    try:
        wait = parsedate_to_datetime(end) - parsedate_to_datetime(start)
    except (TypeError, ValueError, OverflowError):  # TypeError: one of the two has no time zone
        return None

    return max(wait.total_seconds(), 0.0)
