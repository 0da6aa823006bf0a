"""How long an alert waits between two tries, and when it is given up."""

FIRST_MS = 5_000
LONGEST_MS = 24 * 60 * 60 * 1000
GIVEN_UP_MS = 3 * 24 * 60 * 60 * 1000
"""After that long an alert is too old to be worth a try."""

_LEAST_MS = 1_000
_MOST_DOUBLINGS = 20


def pause_ms(
    *, attempts: int, age_ms: int, draw: float, retry_after_s: float | None = None
) -> int | None:
    """Return how long to wait after so many vain tries; None when the alert is given up.

    Full jitter: any time up to the bound, which doubles, so that what failed together does not
    come back together. The last try is when the alert is three days old. What a receiver asks
    for is granted, within the bound of a day.

    >>> pause_ms(attempts=3, age_ms=0, draw=0.5)
    10000
    """
    if age_ms >= GIVEN_UP_MS:
        return None

    bound = min(LONGEST_MS, FIRST_MS << min(attempts - 1, _MOST_DOUBLINGS))
    asked = 0 if retry_after_s is None else min(retry_after_s * 1000, LONGEST_MS)
    return round(min(max(draw * bound, asked, _LEAST_MS), GIVEN_UP_MS - age_ms))
