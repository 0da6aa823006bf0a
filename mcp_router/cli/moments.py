"""Times as people write them on a command line."""

import re
from datetime import UTC, datetime

import click

_AGE = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[hdw])")
_UNIT_MS = {"h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def read_moment(text: str | None, now_ms: int, *, option: str) -> int | None:
    """Return the time that a date, a time or an age means, in milliseconds of the epoch.

    What names no zone is in UTC; no text is no time.

    >>> read_moment("2026-11-20", 0, option="--from"), read_moment("2h", 7_200_000, option="--to")
    (1795132800000, 0)

    Raises:
        UsageError: it is none of them.
    """
    if text is None:
        return None

    if age := _AGE.fullmatch(text):
        return now_ms - int(age["number"]) * _UNIT_MS[age["unit"]]

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{option} takes a date such as 2026-11-20, a time, or an age such as 7d."
        ) from None

    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
