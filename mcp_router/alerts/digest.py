"""The daily digest: days that begin at the hour at which it is due, in UTC."""

from collections.abc import Iterator

from mcp_router.alerts.reading import Reading, counts_of, facts_of
from mcp_router.alerts.wording import timestamp
from mcp_router.domain.alert import Alert, AlertKind, DayCounts, KeptDay, alert_id

GRACE_MS = 60_000
"""How long after its end a day is still counted: other processes write a little later."""

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


def day_of(at_ms: int, hour: int) -> int:
    """Return the number of the day that a moment is in.

    >>> day_of(7 * _HOUR_MS - 1, 7), day_of(7 * _HOUR_MS, 7)
    (-1, 0)
    """
    return (at_ms - hour * _HOUR_MS) // _DAY_MS


def digest_of(day: int, hour: int, counts: DayCounts) -> Alert:
    """Return the digest of a day: the same one, whichever process makes it."""
    starts_ms = day * _DAY_MS + hour * _HOUR_MS
    kind, begin = AlertKind.DAILY_DIGEST, timestamp(starts_ms)
    return Alert(
        alert_id=alert_id(kind, begin),
        kind=kind,
        key=f"{kind.value} {begin}",
        at_ms=starts_ms + _DAY_MS,
        facts=facts_of(
            ("since", begin),
            ("until", timestamp(starts_ms + _DAY_MS)),
            ("calls", counts.calls),
            ("succeeded", counts.succeeded),
            ("cost_microusd", counts.cost_microusd),
            ("fallbacks", counts.fallbacks),
            ("budget_refusals", counts.budget_refusals),
            ("unknown_actions", counts.unknown_actions),
            ("policy_changes", counts.policy_changes),
        ),
    )


class DayBook:
    """What this process has counted of the days that are not told yet."""

    def __init__(self, process: str, hour: int) -> None:
        """Start empty; `process` must be a name that no other process has or ever had."""
        self._process = process
        self._hour = hour
        self._days: dict[int, DayCounts] = {}
        self._unsaved: set[int] = set()

    def open(self, now_ms: int) -> None:
        """Begin the day if it is new: one without any call has its digest too."""
        day = day_of(now_ms, self._hour)

        if day not in self._days:
            self._add(day, DayCounts())

    def count(self, reading: Reading, now_ms: int) -> None:
        """Add one call to its day."""
        self._add(day_of(now_ms, self._hour), counts_of(reading))

    def count_changes(self, changes: int, now_ms: int) -> None:
        """Add changes of policies."""
        self._add(day_of(now_ms, self._hour), DayCounts(policy_changes=changes))

    def unsaved(self) -> tuple[KeptDay, ...]:
        """Return what the store has not been given as it is now."""
        return tuple(
            KeptDay(day=day, process=self._process, counts=self._days[day])
            for day in sorted(self._unsaved)
        )

    def saved(self, rows: tuple[KeptDay, ...]) -> None:
        """Note what the store has; what was counted meanwhile stays unsaved."""
        self._unsaved -= {row.day for row in rows if self._days.get(row.day) == row.counts}

    def over(self, now_ms: int) -> int:
        """Return the first day that is not over yet: all before it can be told."""
        return day_of(now_ms - GRACE_MS, self._hour)

    def forget(self, before: int) -> None:
        """Drop what was told."""
        self._days = {day: counts for day, counts in self._days.items() if day >= before}
        self._unsaved = {day for day in self._unsaved if day >= before}

    def digests(self, days: tuple[tuple[int, DayCounts], ...]) -> Iterator[Alert]:
        """Yield the digest of each of these days."""
        return (digest_of(day, self._hour, counts) for day, counts in days)

    def _add(self, day: int, counts: DayCounts) -> None:
        self._days[day] = self._days.get(day, DayCounts()) + counts
        self._unsaved.add(day)
