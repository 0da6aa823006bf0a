"""The tables of rollouts; a change and its event in the decision log are one transaction."""

import sqlite3
from collections.abc import Sequence

from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.rollout import Arm, ArmTally, KeptTally, PolicyStage
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.decisions import insert_record, stored_record
from mcp_router.storage.stages import read_rollout, write_rollout


class StageTable:
    """Keeps stages, released versions and tallies."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def stages(self) -> tuple[PolicyStage, ...]:
        """Return how every policy stands that was ever rolled out, by name."""

        def job(connection: sqlite3.Connection) -> tuple[PolicyStage, ...]:
            found = connection.execute(
                "SELECT name, stable, previous, rollout, revision FROM policy_stages ORDER BY name"
            )
            return tuple(map(_read_stage, found))

        return await self._database.read(job)

    async def change(self, old: PolicyStage | None, new: PolicyStage, event: Record) -> bool:
        """Replace `old` by `new` and append `event`, or do neither; say whether."""
        values = (new.stable, new.previous, write_rollout(new.rollout), new.revision, new.name)

        def job(connection: sqlite3.Connection) -> bool:
            if old is None:
                done = connection.execute(
                    "INSERT INTO policy_stages (stable, previous, rollout, revision, name) "
                    "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    values,
                )
            else:
                done = connection.execute(
                    "UPDATE policy_stages SET stable = ?, previous = ?, rollout = ?, revision = ? "
                    "WHERE name = ? AND revision = ?",
                    (*values, old.revision),
                )

            if done.rowcount != 1:
                return False

            _append(connection, new.name, event)
            return True

        return await self._database.write(job)

    async def release(self, name: str, version: int, digest: str, event: Record) -> str:
        """Return the digest that the version was first used with, from now on this one if new."""

        def job(connection: sqlite3.Connection) -> str:
            if (known := _digest(connection, name, version)) is not None:
                return known

            connection.execute(
                "INSERT INTO policy_versions (name, version, digest, first_used_ms) "
                "VALUES (?, ?, ?, ?)",
                (name, version, digest, event.at_ms),
            )
            _append(connection, name, event)
            return digest

        # A version is new once; every other time nothing has to be written.
        known = await self.digest(name, version)
        return known if known is not None else await self._database.write(job)

    async def digest(self, name: str, version: int) -> str | None:
        """Return the digest that the version was first used with, None if it never was."""
        return await self._database.read(lambda connection: _digest(connection, name, version))

    async def keep_tallies(self, rows: Sequence[KeptTally]) -> None:
        """Insert these, or replace what the same process has kept of the same arm and rollout."""

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(
                """
                INSERT INTO arm_tallies (name, started_ms, arm, process, calls, ok, slow,
                    cost_microusd, cost_squares)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET calls = excluded.calls, ok = excluded.ok,
                    slow = excluded.slow, cost_microusd = excluded.cost_microusd,
                    cost_squares = excluded.cost_squares
                """,
                list(map(_tally_values, rows)),
            )

        await self._database.write(job)

    async def tallies(self, policy: str, started_ms: int) -> tuple[ArmTally, ...]:
        """Return what every process has kept of the arms of that rollout."""

        def job(connection: sqlite3.Connection) -> tuple[ArmTally, ...]:
            found = connection.execute(
                "SELECT arm, calls, ok, slow, cost_microusd, cost_squares FROM arm_tallies "
                "WHERE name = ? AND started_ms = ? ORDER BY arm, process",
                (policy, started_ms),
            )
            return tuple(map(_read_tally, found))

        return await self._database.read(job)

    async def events(self, policy: str, limit: int) -> tuple[StoredRecord, ...]:
        """Return the newest events of a policy, newest first."""

        def job(connection: sqlite3.Connection) -> tuple[StoredRecord, ...]:
            found = connection.execute(
                "SELECT seq, record FROM policy_events JOIN decisions USING (seq) "
                "WHERE name = ? ORDER BY seq DESC LIMIT ?",
                (policy, limit),
            )
            return tuple(map(stored_record, found))

        return await self._database.read(job)


def _digest(connection: sqlite3.Connection, name: str, version: int) -> str | None:
    row = connection.execute(
        "SELECT digest FROM policy_versions WHERE name = ? AND version = ?", (name, version)
    ).fetchone()
    return str(row["digest"]) if row else None


def _append(connection: sqlite3.Connection, name: str, event: Record) -> None:
    """Append an event to the decision log, and note where it stands."""
    seq = insert_record(connection, event)
    connection.execute("INSERT INTO policy_events (name, seq) VALUES (?, ?)", (name, seq))


def _read_stage(row: sqlite3.Row) -> PolicyStage:
    """Return the stage of a row."""
    return PolicyStage(
        name=row["name"],
        stable=row["stable"],
        previous=row["previous"],
        rollout=read_rollout(row["rollout"]),
        revision=row["revision"],
    )


def _tally_values(row: KeptTally) -> tuple[str | int, ...]:
    """Return the columns of a tally."""
    one = row.tally
    return (
        row.policy,
        row.started_ms,
        one.arm,
        row.process,
        one.calls,
        one.ok,
        one.slow,
        one.cost_microusd,
        str(one.cost_squares),
    )


def _read_tally(row: sqlite3.Row) -> ArmTally:
    """Return the tally of a row."""
    return ArmTally(
        arm=Arm(row["arm"]),
        calls=row["calls"],
        ok=row["ok"],
        slow=row["slow"],
        cost_microusd=row["cost_microusd"],
        cost_squares=int(row["cost_squares"]),
    )
