"""What this process has seen of each target, minute by minute, and what the others have."""

from collections.abc import Iterable

from mcp_router.domain.attempt import Attempt
from mcp_router.domain.health import HealthMinute
from mcp_router.health.tally import NOTHING, Tally, counted, merged, read_tally, write_tally

SHOWN_MINUTES = 15
"""How far back a decision looks; the running minute is the last of them."""


class Minutes:
    """Tallies of the last minutes in memory; time is the minute since the epoch."""

    def __init__(self, process: str) -> None:
        """Start with nothing seen by `process`."""
        self._process = process
        self._own: dict[tuple[str, int], Tally] = {}
        self._others: dict[tuple[str, int, str], tuple[str, Tally]] = {}  # as kept, and as read
        self._unsaved: set[tuple[str, int]] = set()
        self._past: dict[str, Tally] = {}  # of every minute but our own running one
        self._now = 0

    def count(self, attempt: Attempt, now: int) -> None:
        """Count one attempt of this process into the running minute."""
        self._turn(now)
        place = (attempt.target, now)
        before = self._own.get(place, NOTHING)
        after = counted(before, attempt)

        if after is not before:
            self._own[place] = after
            self._unsaved.add(place)

    def of(self, target: str, now: int) -> Tally:
        """Return the sums of the target's last minutes, over all processes."""
        self._turn(now)
        past = self._past.get(target)

        if past is None:
            past = self._past[target] = merged(self._before(target, now))

        return merged((past, self._own.get((target, now), NOTHING)))

    def unsaved(self) -> tuple[HealthMinute, ...]:
        """Return the minutes of this process that have changed since they were kept."""
        return tuple(
            HealthMinute(
                target=target,
                minute=minute,
                process=self._process,
                tally=write_tally(self._own[target, minute]),
            )
            for target, minute in sorted(self._unsaved)
        )

    def saved(self, rows: Iterable[HealthMinute]) -> None:
        """Note that these are on disk; one that has changed since stays to be kept."""
        for row in rows:
            place = (row.target, row.minute)

            if place not in self._own or write_tally(self._own[place]) == row.tally:
                self._unsaved.discard(place)

    def learn(self, rows: Iterable[HealthMinute]) -> None:
        """Take in what other processes, or earlier ones, have kept."""
        for row in rows:
            place = (row.target, row.minute, row.process)
            known = self._others.get(place)

            # Most rows were read a second ago, and nothing has been added since.
            if row.process == self._process or (known is not None and known[0] == row.tally):
                continue

            tally = read_tally(row.tally)

            if tally is not None:
                self._others[place] = (row.tally, tally)
                self._past.pop(row.target, None)

    def _turn(self, now: int) -> None:
        """Let go, once a minute, of what is no longer shown; unsaved or not."""
        if now == self._now:
            return

        oldest = now - SHOWN_MINUTES
        self._now = now
        self._own = {place: one for place, one in self._own.items() if place[1] > oldest}
        self._others = {place: one for place, one in self._others.items() if place[1] > oldest}
        self._unsaved &= self._own.keys()
        self._past.clear()

    def _before(self, target: str, now: int) -> Iterable[Tally]:
        """Yield the target's tallies without our own of the running minute."""
        oldest = now - SHOWN_MINUTES

        for (name, minute), tally in self._own.items():
            if name == target and oldest < minute < now:
                yield tally

        for (name, minute, _), (_, tally) in self._others.items():
            if name == target and oldest < minute <= now:
                yield tally
