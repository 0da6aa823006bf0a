"""The tables of health: minutes by target and process, and one breaker a target."""

from collections.abc import Sequence

from psycopg.rows import DictRow

from mcp_router.domain.health import Breaker, BreakerState, HealthMinute
from mcp_router.storage.postgres.database import Connection, Database

_KEEP = """
    INSERT INTO target_minutes (minute, target, process, tally)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[])
    ON CONFLICT (minute, target, process) DO UPDATE SET tally = excluded.tally
"""
_INSERT = """
    INSERT INTO breakers (state, until_ms, openings, probe, revision, target)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_UPDATE = """
    UPDATE breakers SET state = %s, until_ms = %s, openings = %s, probe = %s, revision = %s
    WHERE target = %s AND revision = %s
"""


class HealthTable:
    """Keeps minutes and breakers."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def keep_minutes(self, rows: Sequence[HealthMinute]) -> None:
        """Insert these, or replace what the same process has kept of the same minute."""
        columns = (
            [one.minute for one in rows],
            [one.target for one in rows],
            [one.process for one in rows],
            [one.tally for one in rows],
        )

        async def job(connection: Connection, again: bool) -> None:
            await connection.execute(_KEEP, columns)

        await self._database.run(job)

    async def minutes(self, since: int) -> tuple[HealthMinute, ...]:
        """Return every process's minutes from `since` on."""

        async def job(connection: Connection, again: bool) -> tuple[HealthMinute, ...]:
            found = await connection.execute(
                "SELECT minute, target, process, tally FROM target_minutes WHERE minute >= %s "
                "ORDER BY minute, target, process",
                (since,),
            )
            return tuple([_read_minute(row) async for row in found])

        return await self._database.run(job)

    async def prune_minutes(self, before: int) -> None:
        """Delete the minutes before that one."""

        async def job(connection: Connection, again: bool) -> None:
            await connection.execute("DELETE FROM target_minutes WHERE minute < %s", (before,))

        await self._database.run(job)

    async def breakers(self) -> tuple[Breaker, ...]:
        """Return the breaker of every target that ever had one, by name."""

        async def job(connection: Connection, again: bool) -> tuple[Breaker, ...]:
            found = await connection.execute("SELECT * FROM breakers ORDER BY target")
            return tuple([_read(row) async for row in found])

        return await self._database.run(job)

    async def breaker(self, target: str) -> Breaker | None:
        """Return the target's breaker as it is on disk now."""

        async def job(connection: Connection, again: bool) -> Breaker | None:
            return await _find(connection, target)

        return await self._database.run(job)

    async def change_breaker(self, old: Breaker, new: Breaker) -> bool:
        """Replace `old` by `new` if its revision is still there, and say whether.

        After a lost connection the change may be there already: then the row is `new`, whose
        probe no other process has.
        """
        values = (new.state, new.until_ms, new.openings, new.probe, new.revision, new.target)

        async def job(connection: Connection, again: bool) -> bool:
            if old.revision:
                done = await connection.execute(_UPDATE, (*values, old.revision))
            else:
                done = await connection.execute(_INSERT, values)

            return done.rowcount == 1 or (again and await _find(connection, new.target) == new)

        return await self._database.run(job)


async def _find(connection: Connection, target: str) -> Breaker | None:
    """Select one breaker."""
    found = await connection.execute("SELECT * FROM breakers WHERE target = %s", (target,))
    row = await found.fetchone()
    return _read(row) if row else None


def _read(row: DictRow) -> Breaker:
    """Return the breaker of a row."""
    return Breaker(
        target=row["target"],
        state=BreakerState(row["state"]),
        until_ms=row["until_ms"],
        openings=row["openings"],
        probe=row["probe"],
        revision=row["revision"],
    )


def _read_minute(row: DictRow) -> HealthMinute:
    """Return the minute of a row."""
    return HealthMinute(
        target=row["target"], minute=row["minute"], process=row["process"], tally=row["tally"]
    )
