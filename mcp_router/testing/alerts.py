"""The store of alerts in memory; it passes the same contract suite as the databases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anyio.lowlevel import checkpoint

from mcp_router.clock import Clock
from mcp_router.domain.alert import (
    Alert,
    ClosedSink,
    DayCounts,
    Delivery,
    DeliveryState,
    Intake,
    Judged,
    KeptDay,
    Window,
)
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.stores import MemoryRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A delivery as it stands."""

    alert: Alert
    sink: str
    created_ms: int
    due_ms: int
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0

    @property
    def order(self) -> tuple[int, int, str]:
        """Return what is due longest first."""
        return self.due_ms, self.created_ms, self.alert.alert_id


class MemoryAlerts:
    """Alerts in memory, on the wall time of `clock`; the events of policies are in `records`.

    While `broken`, everything raises StorageUnavailable.
    """

    def __init__(self, clock: Clock, records: MemoryRecords) -> None:
        """Start empty."""
        self._clock = clock
        self._records = records
        self._rows: dict[tuple[str, str], _Row] = {}
        self._windows: dict[str, Window] = {}
        self._closed: set[ClosedSink] = set()
        self._days: dict[tuple[int, str], DayCounts] = {}
        self._seen = 0
        self.broken = False

    async def admit(self, alerts: Sequence[Alert], intake: Intake) -> None:
        """Let each key be judged, the quiet ones whose window is over too; keep what is told."""
        await self._work()
        now_ms = self._clock.now_ms()

        for alert in alerts:
            window = self._windows.get(alert.key)
            self._keep(intake.judge(window, alert, now_ms), intake, now_ms)

        for _, window in sorted(self._windows.items()):
            self._keep(intake.judge(window, None, now_ms), intake, now_ms)

    async def claim(self, sink: str, lease_ms: int) -> Delivery | None:
        """Return what is due longest at a sink, and let nobody else have it for that long."""
        await self._work()
        now_ms = self._clock.now_ms()
        due = [row for row in self._waiting(sink) if row.due_ms <= now_ms]

        if not due:
            return None

        row = min(due, key=lambda one: one.order)
        row = replace(row, attempts=row.attempts + 1, due_ms=now_ms + lease_ms)
        self._rows[row.alert.alert_id, sink] = row
        return Delivery(
            alert=row.alert, sink=sink, attempts=row.attempts, age_ms=now_ms - row.created_ms
        )

    async def settle(self, delivery: Delivery, state: DeliveryState, pause_ms: int = 0) -> bool:
        """Note what became of a claim; what still waits is due after the pause. Say whether."""
        await self._work()
        row = self._rows.get((delivery.alert.alert_id, delivery.sink))

        if row is None or row.state is DeliveryState.DELIVERED:
            return False

        mine = row.state is DeliveryState.WAITING and row.attempts == delivery.attempts

        if not mine and state is not DeliveryState.DELIVERED:
            return False

        due_ms = self._clock.now_ms() + pause_ms
        self._rows[row.alert.alert_id, row.sink] = replace(row, state=state, due_ms=due_ms)
        return True

    async def prune(self, older_ms: int) -> None:
        """Delete deliveries and quiet keys that are older."""
        await self._work()
        before_ms = self._clock.now_ms() - older_ms
        self._rows = {
            place: row for place, row in self._rows.items() if row.created_ms >= before_ms
        }
        self._windows = {
            key: window for key, window in self._windows.items() if window.told_ms >= before_ms
        }

    async def close_sink(self, closed: ClosedSink) -> None:
        """Send nothing more to it; what waits for it is given up."""
        await self._work()
        self._closed.add(closed)

        for row in self._waiting(closed.sink):
            place = row.alert.alert_id, row.sink
            self._rows[place] = replace(row, state=DeliveryState.GIVEN_UP)

    async def closed_sinks(self) -> frozenset[ClosedSink]:
        """Return every sink that was closed."""
        await self._work()
        return frozenset(self._closed)

    async def news(self, limit: int) -> tuple[StoredRecord, ...]:
        """Return changes of policies that nobody has seen, in order."""
        await self._work()
        stored = [
            StoredRecord(seq=seq, record=record)
            for seq, record in enumerate(self._records.records, start=1)
            if seq > self._seen and record.event is not None
        ]
        return tuple(stored[:limit])

    async def seen(self, seq: int) -> bool:
        """Note that events up to that one were seen, and say whether nobody did before."""
        await self._work()

        if seq <= self._seen:
            return False

        self._seen = seq
        return True

    async def keep_days(self, rows: Sequence[KeptDay]) -> None:
        """Insert these, or replace what the same process has kept of the same day."""
        await self._work()
        self._days |= {(row.day, row.process): row.counts for row in rows}

    async def days(self, before: int) -> tuple[tuple[int, DayCounts], ...]:
        """Return the days before that one with the sum of what all processes have kept."""
        await self._work()
        sums: dict[int, DayCounts] = {}

        for (day, _), counts in sorted(self._days.items(), key=lambda one: one[0]):
            if day < before:
                sums[day] = sums.get(day, DayCounts()) + counts

        return tuple(sums.items())

    async def forget_days(self, before: int) -> None:
        """Delete the days before that one."""
        await self._work()
        self._days = {place: one for place, one in self._days.items() if place[0] >= before}

    def _waiting(self, sink: str) -> list[_Row]:
        """Return what still waits for a sink."""
        rows = [row for row in self._rows.values() if row.sink == sink]
        return [row for row in rows if row.state is DeliveryState.WAITING]

    def _keep(self, judged: Judged, intake: Intake, now_ms: int) -> None:
        """Keep how a key stands, and a row for each sink that is told."""
        self._windows[judged.window.key] = judged.window
        told = judged.told

        if told is not None:
            for sink in intake.routes.get(told.kind, ()):
                row = _Row(alert=told, sink=sink, created_ms=now_ms, due_ms=now_ms)
                self._rows.setdefault((told.alert_id, sink), row)

    async def _work(self) -> None:
        """Let other tasks run, as a database does, then refuse if the store is broken."""
        await checkpoint()

        if self.broken:
            raise StorageUnavailable("The store is broken for a test.")
