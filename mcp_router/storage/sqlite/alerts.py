"""The tables of alerts: a claim moves a row's due time, so that a lost one comes back by itself."""

import sqlite3
from collections.abc import Sequence

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
from mcp_router.storage.alerts import (
    read_alert,
    read_counts,
    read_ids,
    write_alert,
    write_counts,
    write_ids,
)
from mcp_router.storage.owner import Host
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.decisions import stored_record

_WINDOW = "SELECT key, told_ms, last_id, waiting FROM alert_windows"
_RIPE = f"{_WINDOW} WHERE waiting IS NOT NULL AND (told_ms <= ? OR told_ms > ?) ORDER BY key"
_KEEP_WINDOW = """
    INSERT INTO alert_windows (key, told_ms, last_id, waiting) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE
    SET told_ms = excluded.told_ms, last_id = excluded.last_id, waiting = excluded.waiting
"""
_ENQUEUE = """
    INSERT INTO alert_deliveries (alert_id, sink, alert, state, attempts, created_ms, due_ms)
    SELECT ?1, ?2, ?3, 'waiting', 0, ?4, ?4 WHERE true ON CONFLICT DO NOTHING
"""
_CLAIM = """
    UPDATE alert_deliveries SET attempts = attempts + 1, due_ms = ?1 + ?2
    WHERE (alert_id, sink) = (
        SELECT alert_id, sink FROM alert_deliveries
        WHERE state = 'waiting' AND sink = ?3 AND due_ms <= ?1
        ORDER BY due_ms, created_ms, alert_id LIMIT 1
    )
    RETURNING alert, attempts, created_ms
"""
_SETTLE = """
    UPDATE alert_deliveries SET state = ?, due_ms = ? WHERE alert_id = ? AND sink = ?
    AND ((state = 'waiting' AND attempts = ?) OR (? = 'delivered' AND state <> 'delivered'))
"""
_NEWS = """
    SELECT seq, record FROM policy_events JOIN decisions USING (seq)
    WHERE seq > (SELECT seq FROM alert_cursor) ORDER BY seq LIMIT ?
"""


class AlertTable:
    """Keeps deliveries, windows, closed sinks, the place in the log, and the days' counts."""

    def __init__(self, database: Database, host: Host) -> None:
        """Use the tables in `database`, with the wall clock of `host`."""
        self._database = database
        self._host = host

    async def admit(self, alerts: Sequence[Alert], intake: Intake) -> None:
        """Let each key be judged, the quiet ones whose window is over too; keep what is told."""

        def job(connection: sqlite3.Connection) -> None:
            now_ms = self._host.wall_ms()

            for alert in alerts:
                row = connection.execute(f"{_WINDOW} WHERE key = ?", (alert.key,)).fetchone()
                _keep(connection, intake.judge(_window(row), alert, now_ms), intake, now_ms)

            ripe = connection.execute(_RIPE, (now_ms - intake.window_ms, now_ms)).fetchall()

            for row in ripe:
                _keep(connection, intake.judge(_window(row), None, now_ms), intake, now_ms)

        def look(connection: sqlite3.Connection) -> bool:
            return self._is_ripe(connection, intake)

        # Nothing to take in and nothing that waits: nothing is written.
        if len(alerts) > 0 or await self._database.read(look):
            await self._database.write(job)

    async def claim(self, sink: str, lease_ms: int) -> Delivery | None:
        """Return what is due longest at a sink, and let nobody else have it for that long."""

        def look(connection: sqlite3.Connection) -> bool:
            found = connection.execute(
                "SELECT 1 FROM alert_deliveries WHERE state = 'waiting' AND sink = ? "
                "AND due_ms <= ? LIMIT 1",
                (sink, self._host.wall_ms()),
            )
            return found.fetchone() is not None

        def job(connection: sqlite3.Connection) -> Delivery | None:
            now_ms = self._host.wall_ms()
            row = connection.execute(_CLAIM, (now_ms, lease_ms, sink)).fetchone()
            return None if row is None else _delivery(row, sink, now_ms)

        # Most of the time nothing is due: that must not cost a write.
        return await self._database.write(job) if await self._database.read(look) else None

    async def settle(self, delivery: Delivery, state: DeliveryState, pause_ms: int = 0) -> bool:
        """Note what became of a claim; what still waits is due after the pause. Say whether."""
        place = (delivery.alert.alert_id, delivery.sink, delivery.attempts)

        def job(connection: sqlite3.Connection) -> bool:
            due_ms = self._host.wall_ms() + pause_ms
            done = connection.execute(_SETTLE, (state.value, due_ms, *place, state.value))
            return done.rowcount == 1

        return await self._database.write(job)

    async def prune(self, older_ms: int) -> None:
        """Delete deliveries and quiet keys that are older."""

        def job(connection: sqlite3.Connection) -> None:
            before_ms = self._host.wall_ms() - older_ms
            connection.execute("DELETE FROM alert_deliveries WHERE created_ms < ?", (before_ms,))
            connection.execute("DELETE FROM alert_windows WHERE told_ms < ?", (before_ms,))

        await self._database.write(job)

    async def close_sink(self, closed: ClosedSink) -> None:
        """Send nothing more to it; what waits for it is given up."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO alert_closed_sinks (sink, mark) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (closed.sink, closed.mark),
            )
            connection.execute(
                "UPDATE alert_deliveries SET state = 'given_up' "
                "WHERE sink = ? AND state = 'waiting'",
                (closed.sink,),
            )

        await self._database.write(job)

    async def closed_sinks(self) -> frozenset[ClosedSink]:
        """Return every sink that was closed."""

        def job(connection: sqlite3.Connection) -> frozenset[ClosedSink]:
            found = connection.execute("SELECT sink, mark FROM alert_closed_sinks")
            return frozenset(ClosedSink(sink=row["sink"], mark=row["mark"]) for row in found)

        return await self._database.read(job)

    async def news(self, limit: int) -> tuple[StoredRecord, ...]:
        """Return changes of policies that nobody has seen, in order."""

        def job(connection: sqlite3.Connection) -> tuple[StoredRecord, ...]:
            return tuple(map(stored_record, connection.execute(_NEWS, (limit,))))

        return await self._database.read(job)

    async def seen(self, seq: int) -> bool:
        """Note that events up to that one were seen, and say whether nobody did before."""

        def job(connection: sqlite3.Connection) -> bool:
            done = connection.execute("UPDATE alert_cursor SET seq = ?1 WHERE seq < ?1", (seq,))
            return done.rowcount == 1

        return await self._database.write(job)

    async def keep_days(self, rows: Sequence[KeptDay]) -> None:
        """Insert these, or replace what the same process has kept of the same day."""

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO alert_days (day, process, counts) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET counts = excluded.counts",
                [(row.day, row.process, write_counts(row.counts)) for row in rows],
            )

        await self._database.write(job)

    async def days(self, before: int) -> tuple[tuple[int, DayCounts], ...]:
        """Return the days before that one with the sum of what all processes have kept."""

        def job(connection: sqlite3.Connection) -> tuple[tuple[int, DayCounts], ...]:
            found = connection.execute(
                "SELECT day, counts FROM alert_days WHERE day < ? ORDER BY day", (before,)
            )
            sums: dict[int, DayCounts] = {}

            for row in found:
                sums[row["day"]] = sums.get(row["day"], DayCounts()) + read_counts(row["counts"])

            return tuple(sums.items())

        return await self._database.read(job)

    async def forget_days(self, before: int) -> None:
        """Delete the days before that one."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM alert_days WHERE day < ?", (before,))

        await self._database.write(job)

    def _is_ripe(self, connection: sqlite3.Connection, intake: Intake) -> bool:
        """Return whether the window of a key is over in which something waits."""
        now_ms = self._host.wall_ms()
        row = connection.execute(f"{_RIPE} LIMIT 1", (now_ms - intake.window_ms, now_ms)).fetchone()
        return row is not None


def _keep(connection: sqlite3.Connection, judged: Judged, intake: Intake, now_ms: int) -> None:
    """Write how a key stands, and a row for each sink that is told."""
    window, told = judged.window, judged.told
    waiting = None if window.waiting is None else write_alert(window.waiting)
    connection.execute(_KEEP_WINDOW, (window.key, window.told_ms, write_ids(window.ids), waiting))

    if told is not None:
        text = write_alert(told)
        sinks = intake.routes.get(told.kind, ())
        connection.executemany(_ENQUEUE, [(told.alert_id, sink, text, now_ms) for sink in sinks])


def _window(row: sqlite3.Row | None) -> Window | None:
    """Return the window of a row."""
    if row is None:
        return None

    return Window(
        key=row["key"],
        told_ms=row["told_ms"],
        ids=read_ids(row["last_id"]),
        waiting=None if row["waiting"] is None else read_alert(row["waiting"]),
    )


def _delivery(row: sqlite3.Row, sink: str, now_ms: int) -> Delivery:
    """Return the delivery of a claimed row."""
    return Delivery(
        alert=read_alert(row["alert"]),
        sink=sink,
        attempts=row["attempts"],
        age_ms=now_ms - row["created_ms"],
    )
