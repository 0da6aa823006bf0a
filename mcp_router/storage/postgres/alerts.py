"""The tables of alerts: a claim moves a row's due time, so that a lost one comes back by itself."""

from collections.abc import Sequence

from psycopg.rows import DictRow

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
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.decisions import stored_record

# Replicas take alerts in one after the other: a key that is new has no row that could be locked.
_LOCK = """
    SELECT pg_advisory_xact_lock(hashtextextended('mcp-router alerts ' || current_schema(), 0))
"""
_FIND = "SELECT * FROM alert_windows WHERE key = %s"
_RIPE = """
    SELECT * FROM alert_windows
    WHERE waiting IS NOT NULL AND (told_ms <= %(now)s - %(window)s OR told_ms > %(now)s)
    ORDER BY key
"""
_IS_RIPE = """
    SELECT EXISTS (
        SELECT 1 FROM alert_windows WHERE waiting IS NOT NULL
        AND (told_ms <= mcp_router_now_ms() - %s OR told_ms > mcp_router_now_ms())
    ) AS ripe
"""
_KEEP_WINDOW = """
    INSERT INTO alert_windows (key, told_ms, last_id, waiting) VALUES (%s, %s, %s, %s)
    ON CONFLICT (key) DO UPDATE
    SET told_ms = excluded.told_ms, last_id = excluded.last_id, waiting = excluded.waiting
"""
_ENQUEUE = """
    INSERT INTO alert_deliveries (alert_id, sink, alert, state, attempts, created_ms, due_ms)
    SELECT %(id)s, sink, %(alert)s, 'waiting', 0, %(now)s, %(now)s
    FROM unnest(%(sinks)s::text[]) AS sink
    ON CONFLICT DO NOTHING
"""
_CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT alert_id FROM alert_deliveries
        WHERE state = 'waiting' AND sink = %(sink)s AND due_ms <= mcp_router_now_ms()
        ORDER BY due_ms, created_ms, alert_id LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    UPDATE alert_deliveries d
    SET attempts = attempts + 1, due_ms = mcp_router_now_ms() + %(lease)s
    FROM due WHERE d.alert_id = due.alert_id AND d.sink = %(sink)s
    RETURNING d.alert, d.attempts, mcp_router_now_ms() - d.created_ms AS age_ms
"""
_SETTLE = """
    UPDATE alert_deliveries SET state = %(state)s, due_ms = mcp_router_now_ms() + %(pause)s
    WHERE alert_id = %(id)s AND sink = %(sink)s
    AND ((state = 'waiting' AND attempts = %(attempts)s)
        OR (%(state)s = 'delivered' AND state <> 'delivered'))
"""
_NEWS = """
    SELECT seq, record FROM policy_events JOIN decisions USING (seq)
    WHERE seq > (SELECT seq FROM alert_cursor) ORDER BY seq LIMIT %s
"""
_KEEP_DAYS = """
    INSERT INTO alert_days (day, process, counts)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[])
    ON CONFLICT (day, process) DO UPDATE SET counts = excluded.counts
"""


class AlertTable:
    """Keeps deliveries, windows, closed sinks, the place in the log, and the days' counts."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`, with its clock."""
        self._database = database

    async def admit(self, alerts: Sequence[Alert], intake: Intake) -> None:
        """Let each key be judged, the quiet ones whose window is over too; keep what is told.

        A repetition after a lost connection finds its alerts judged.
        """

        async def job(connection: Connection, again: bool) -> None:
            if not alerts and not await _is_ripe(connection, intake):
                return

            async with connection.transaction():
                await connection.execute(_LOCK)
                await _admit(connection, alerts, intake)

        await self._database.run(job)

    async def claim(self, sink: str, lease_ms: int) -> Delivery | None:
        """Return what is due longest at a sink, and let nobody else have it for that long.

        A claim whose connection was lost is due again after its lease.
        """

        async def job(connection: Connection, again: bool) -> Delivery | None:
            found = await connection.execute(_CLAIM, {"sink": sink, "lease": lease_ms})
            row = await found.fetchone()
            return None if row is None else _delivery(row, sink)

        return await self._database.run(job)

    async def settle(self, delivery: Delivery, state: DeliveryState, pause_ms: int = 0) -> bool:
        """Note what became of a claim; what still waits is due after the pause. Say whether."""
        values = {
            "state": state.value,
            "pause": pause_ms,
            "id": delivery.alert.alert_id,
            "sink": delivery.sink,
            "attempts": delivery.attempts,
        }

        async def job(connection: Connection, again: bool) -> bool:
            return (await connection.execute(_SETTLE, values)).rowcount == 1

        return await self._database.run(job)

    async def prune(self, older_ms: int) -> None:
        """Delete deliveries and quiet keys that are older."""

        async def job(connection: Connection, again: bool) -> None:
            await connection.execute(
                "DELETE FROM alert_deliveries WHERE created_ms < mcp_router_now_ms() - %s",
                (older_ms,),
            )
            await connection.execute(
                "DELETE FROM alert_windows WHERE told_ms < mcp_router_now_ms() - %s", (older_ms,)
            )

        await self._database.run(job)

    async def close_sink(self, closed: ClosedSink) -> None:
        """Send nothing more to it; what waits for it is given up."""

        async def job(connection: Connection, again: bool) -> None:
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO alert_closed_sinks (sink, mark) VALUES (%s, %s) "
                    "ON CONFLICT DO NOTHING",
                    (closed.sink, closed.mark),
                )
                await connection.execute(
                    "UPDATE alert_deliveries SET state = 'given_up' "
                    "WHERE sink = %s AND state = 'waiting'",
                    (closed.sink,),
                )

        await self._database.run(job)

    async def closed_sinks(self) -> frozenset[ClosedSink]:
        """Return every sink that was closed."""

        async def job(connection: Connection, again: bool) -> frozenset[ClosedSink]:
            found = await connection.execute("SELECT sink, mark FROM alert_closed_sinks")
            return frozenset(
                [ClosedSink(sink=row["sink"], mark=row["mark"]) async for row in found]
            )

        return await self._database.run(job)

    async def news(self, limit: int) -> tuple[StoredRecord, ...]:
        """Return changes of policies that nobody has seen, in order."""

        async def job(connection: Connection, again: bool) -> tuple[StoredRecord, ...]:
            found = await connection.execute(_NEWS, (limit,))
            return tuple([stored_record(row) async for row in found])

        return await self._database.run(job)

    async def seen(self, seq: int) -> bool:
        """Note that events up to that one were seen, and say whether nobody did before.

        After a lost connection it may say that somebody did, who was this process.
        """

        async def job(connection: Connection, again: bool) -> bool:
            done = await connection.execute(
                "UPDATE alert_cursor SET seq = %s WHERE seq < %s", (seq, seq)
            )
            return done.rowcount == 1

        return await self._database.run(job)

    async def keep_days(self, rows: Sequence[KeptDay]) -> None:
        """Insert these, or replace what the same process has kept of the same day."""
        columns = (
            [row.day for row in rows],
            [row.process for row in rows],
            [write_counts(row.counts) for row in rows],
        )

        async def job(connection: Connection, again: bool) -> None:
            await connection.execute(_KEEP_DAYS, columns)

        await self._database.run(job)

    async def days(self, before: int) -> tuple[tuple[int, DayCounts], ...]:
        """Return the days before that one with the sum of what all processes have kept."""

        async def job(connection: Connection, again: bool) -> tuple[tuple[int, DayCounts], ...]:
            found = await connection.execute(
                "SELECT day, counts FROM alert_days WHERE day < %s ORDER BY day", (before,)
            )
            sums: dict[int, DayCounts] = {}

            async for row in found:
                sums[row["day"]] = sums.get(row["day"], DayCounts()) + read_counts(row["counts"])

            return tuple(sums.items())

        return await self._database.run(job)

    async def forget_days(self, before: int) -> None:
        """Delete the days before that one."""

        async def job(connection: Connection, again: bool) -> None:
            await connection.execute("DELETE FROM alert_days WHERE day < %s", (before,))

        await self._database.run(job)


async def _is_ripe(connection: Connection, intake: Intake) -> bool:
    """Return whether the window of a key is over in which something waits."""
    found = await connection.execute(_IS_RIPE, (intake.window_ms,))
    row = await found.fetchone()
    return row is not None and bool(row["ripe"])


async def _admit(connection: Connection, alerts: Sequence[Alert], intake: Intake) -> None:
    """Judge every key inside the caller's transaction, which has the lock."""
    found = await connection.execute("SELECT mcp_router_now_ms() AS now")
    row = await found.fetchone()
    assert row is not None, "a function returns a row"
    now_ms = int(row["now"])

    for alert in alerts:
        found = await connection.execute(_FIND, (alert.key,))
        window = _window(await found.fetchone())
        await _keep(connection, intake.judge(window, alert, now_ms), intake, now_ms)

    ripe = await connection.execute(_RIPE, {"now": now_ms, "window": intake.window_ms})

    for row in await ripe.fetchall():
        await _keep(connection, intake.judge(_window(row), None, now_ms), intake, now_ms)


async def _keep(connection: Connection, judged: Judged, intake: Intake, now_ms: int) -> None:
    """Write how a key stands, and a row for each sink that is told."""
    window, told = judged.window, judged.told
    waiting = None if window.waiting is None else write_alert(window.waiting)
    await connection.execute(
        _KEEP_WINDOW, (window.key, window.told_ms, write_ids(window.ids), waiting)
    )

    if told is not None:
        values = {
            "id": told.alert_id,
            "alert": write_alert(told),
            "now": now_ms,
            "sinks": list(intake.routes.get(told.kind, ())),
        }
        await connection.execute(_ENQUEUE, values)


def _window(row: DictRow | None) -> Window | None:
    """Return the window of a row."""
    if row is None:
        return None

    return Window(
        key=row["key"],
        told_ms=row["told_ms"],
        ids=read_ids(row["last_id"]),
        waiting=None if row["waiting"] is None else read_alert(row["waiting"]),
    )


def _delivery(row: DictRow, sink: str) -> Delivery:
    """Return the delivery of a claimed row."""
    return Delivery(
        alert=read_alert(row["alert"]),
        sink=sink,
        attempts=row["attempts"],
        age_ms=row["age_ms"],
    )
