"""The tables of health: minutes by target and process, and one breaker a target."""

import sqlite3
from collections.abc import Sequence

from mcp_router.domain.health import Breaker, BreakerState, HealthMinute
from mcp_router.storage.sqlite.database import Database

_BREAKER = "target, state, until_ms, openings, probe, revision"


class HealthTable:
    """Keeps minutes and breakers."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def keep_minutes(self, rows: Sequence[HealthMinute]) -> None:
        """Insert these, or replace what the same process has kept of the same minute."""

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(
                """
                INSERT INTO target_minutes (minute, target, process, tally) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET tally = excluded.tally
                """,
                [(one.minute, one.target, one.process, one.tally) for one in rows],
            )

        await self._database.write(job)

    async def minutes(self, since: int) -> tuple[HealthMinute, ...]:
        """Return every process's minutes from `since` on."""

        def job(connection: sqlite3.Connection) -> tuple[HealthMinute, ...]:
            found = connection.execute(
                "SELECT minute, target, process, tally FROM target_minutes WHERE minute >= ? "
                "ORDER BY minute, target, process",
                (since,),
            )
            return tuple(
                HealthMinute(
                    target=row["target"],
                    minute=row["minute"],
                    process=row["process"],
                    tally=row["tally"],
                )
                for row in found
            )

        return await self._database.read(job)

    async def prune_minutes(self, before: int) -> None:
        """Delete the minutes before that one."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM target_minutes WHERE minute < ?", (before,))

        await self._database.write(job)

    async def breakers(self) -> tuple[Breaker, ...]:
        """Return the breaker of every target that ever had one, by name."""

        def job(connection: sqlite3.Connection) -> tuple[Breaker, ...]:
            found = connection.execute(
                f"SELECT {_BREAKER} FROM breakers ORDER BY target"  # noqa: S608  # our words
            )
            return tuple(map(_read, found))

        return await self._database.read(job)

    async def breaker(self, target: str) -> Breaker | None:
        """Return the target's breaker as it is on disk now."""

        def job(connection: sqlite3.Connection) -> Breaker | None:
            row = connection.execute(
                f"SELECT {_BREAKER} FROM breakers WHERE target = ?",  # noqa: S608  # our words
                (target,),
            ).fetchone()
            return _read(row) if row else None

        return await self._database.read(job)

    async def change_breaker(self, old: Breaker, new: Breaker) -> bool:
        """Replace `old` by `new` if its revision is still there, and say whether."""
        values = (new.state, new.until_ms, new.openings, new.probe, new.revision, new.target)

        def job(connection: sqlite3.Connection) -> bool:
            if old.revision:
                done = connection.execute(
                    "UPDATE breakers SET state = ?, until_ms = ?, openings = ?, probe = ?, "
                    "revision = ? WHERE target = ? AND revision = ?",
                    (*values, old.revision),
                )
            else:
                done = connection.execute(
                    "INSERT INTO breakers (state, until_ms, openings, probe, revision, target) "
                    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    values,
                )

            return done.rowcount == 1

        return await self._database.write(job)


def _read(row: sqlite3.Row) -> Breaker:
    """Return the breaker of a row."""
    return Breaker(
        target=row["target"],
        state=BreakerState(row["state"]),
        until_ms=row["until_ms"],
        openings=row["openings"],
        probe=row["probe"],
        revision=row["revision"],
    )
