"""Numbers of a report as people read them, in a terminal and on a page."""

from datetime import UTC, datetime

from mcp_router.decide.wording import duration, name
from mcp_router.domain.log_report import LogReport
from mcp_router.domain.selection import Selection

NOTHING = "–"  # noqa: RUF001  # an en dash: no value
_LONGEST = 48


def told(label: str | None) -> str:
    """Return a name that somebody chose, on one line and not too long; or that there is none.

    >>> told("refund"), told(None)
    ('refund', '(none)')
    """
    return "(none)" if label is None else name(label, longest=_LONGEST)


def money(dollars: float | None) -> str:
    """Return dollars with as many digits as say something.

    >>> money(1234.5), money(12.5), money(0.0416), money(0.0000123), money(0), money(None)
    ('$1,234', '$12.50', '$0.0416', '$0.000012', '$0', '–')
    """  # noqa: RUF002  # the en dash
    if dollars is None:
        return NOTHING

    if dollars == 0:
        return "$0"

    size = abs(dollars)
    digits = 0 if size >= 1_000 else 2 if size >= 1 else 3 if size >= 0.1 else 4 + 2 * (size < 0.01)
    return f"{'-' if dollars < 0 else ''}${size:,.{digits}f}"


def share(rate: float | None) -> str:
    """Return a rate in percent.

    >>> share(0.98765), share(None)
    ('98.8%', '–')
    """  # noqa: RUF002  # the en dash
    return NOTHING if rate is None else f"{rate:.1%}"


def time(ms: int | None) -> str:
    """Return a latency.

    >>> time(48), time(1240), time(None)
    ('48 ms', '1.24 s', '–')
    """  # noqa: RUF002  # the en dash
    return NOTHING if ms is None else duration(ms)


def change(before: float | None, after: float | None) -> str:
    """Return by how much a figure has changed, against what it was.

    >>> change(2.0, 1.5), change(2.0, 2.0), change(0.0, 1.0), change(None, 1.0)
    ('-25.0%', '±0', '–', '–')
    """  # noqa: RUF002  # the en dash
    if before is None or after is None or not before:
        return "±0" if before is not None and before == after else NOTHING

    told = f"{after / before - 1:+.1%}"
    return "±0" if told in ("+0.0%", "-0.0%") else told


def points(before: float | None, after: float | None) -> str:
    """Return by how many percentage points a rate has changed.

    >>> points(0.9, 0.95), points(0.9, None)
    ('+5.0 pp', '–')
    """  # noqa: RUF002  # the en dash
    if before is None or after is None:
        return NOTHING

    told = f"{(after - before) * 100:+.1f} pp"
    return "±0" if told in ("+0.0 pp", "-0.0 pp") else told


def when(at_ms: int | None) -> str:
    """Return a time to the minute.

    >>> when(0), when(None)
    ('1970-01-01 00:00', '–')
    """  # noqa: RUF002  # the en dash
    if at_ms is None:
        return NOTHING

    return f"{datetime.fromtimestamp(at_ms / 1000, tz=UTC):%Y-%m-%d %H:%M}"


def scope(report: LogReport, selection: Selection) -> str:
    """Return which calls a report is about."""
    conditions = (
        ("tenant", selection.tenant),
        ("policy", selection.policy),
        ("intent", selection.intent),
    )
    only = "".join(f", {kind} {told(one)}" for kind, one in conditions if one is not None)

    if report.first_ms is None:
        return f"no calls{only}"

    return f"{when(report.first_ms)} to {when(report.last_ms)} UTC{only}"


def length(ms: int) -> str:
    """Return a stretch of time.

    >>> length(300_000), length(3_600_000), length(86_400_000), length(604_800_000)
    ('5 minutes', 'hour', 'day', '7 days')
    """
    for unit_ms, unit in ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute")):
        if ms >= unit_ms:
            number = ms // unit_ms
            return unit if number == 1 else f"{number} {unit}s"

    return "minute"
