"""The tables of rollouts; a change and its event in the decision log are one transaction."""

from collections.abc import Sequence

from psycopg.rows import DictRow

from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.rollout import Arm, ArmTally, KeptTally, PolicyStage
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.decisions import append_record, is_kept, stored_record
from mcp_router.storage.stages import read_rollout, write_rollout

_INSERT_STAGE = """
    INSERT INTO policy_stages (stable, previous, rollout, revision, name)
    VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_UPDATE_STAGE = """
    UPDATE policy_stages SET stable = %s, previous = %s, rollout = %s, revision = %s
    WHERE name = %s AND revision = %s
"""
_LOOK = "SELECT digest FROM policy_versions WHERE name = %s AND version = %s"
_RELEASE = """
    INSERT INTO policy_versions (name, version, digest, first_used_ms)
    VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_KEEP = """
    INSERT INTO arm_tallies (name, started_ms, arm, process, calls, ok, slow, cost_microusd,
        cost_squares)
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::text[])
    ON CONFLICT (name, started_ms, arm, process) DO UPDATE SET calls = excluded.calls,
        ok = excluded.ok, slow = excluded.slow, cost_microusd = excluded.cost_microusd,
        cost_squares = excluded.cost_squares
"""
_EVENTS = """
    SELECT seq, record FROM policy_events JOIN decisions USING (seq)
    WHERE name = %s ORDER BY seq DESC LIMIT %s
"""


class StageTable:
    """Keeps stages, released versions and tallies."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def stages(self) -> tuple[PolicyStage, ...]:
        """Return how every policy stands that was ever rolled out, by name."""

        async def job(connection: Connection, again: bool) -> tuple[PolicyStage, ...]:
            found = await connection.execute("SELECT * FROM policy_stages ORDER BY name")
            return tuple([_read_stage(row) async for row in found])

        return await self._database.run(job)

    async def change(self, old: PolicyStage | None, new: PolicyStage, event: Record) -> bool:
        """Replace `old` by `new` and append `event`, or do neither; say whether."""
        values = (new.stable, new.previous, write_rollout(new.rollout), new.revision, new.name)

        async def job(connection: Connection, again: bool) -> bool:
            async with connection.transaction():
                if old is None:
                    done = await connection.execute(_INSERT_STAGE, values)
                else:
                    done = await connection.execute(_UPDATE_STAGE, (*values, old.revision))

                if done.rowcount != 1:
                    # After a lost connection the former try may have been kept: it waits here
                    # for the stage's row, and then its event tells.
                    return again and await is_kept(connection, event)

                await _append(connection, new.name, event)
                return True

        return await self._database.run(job)

    async def release(self, name: str, version: int, digest: str, event: Record) -> str:
        """Return the digest that the version was first used with, from now on this one if new."""

        async def job(connection: Connection, again: bool) -> str:
            if (known := await _digest(connection, name, version)) is not None:
                return known

            async with connection.transaction():
                done = await connection.execute(_RELEASE, (name, version, digest, event.at_ms))

                if done.rowcount == 1:
                    await _append(connection, name, event)
                    return digest

            # Another process was faster, and has committed by now.
            return await _digest(connection, name, version) or digest

        return await self._database.run(job)

    async def digest(self, name: str, version: int) -> str | None:
        """Return the digest that the version was first used with, None if it never was."""

        async def job(connection: Connection, again: bool) -> str | None:
            return await _digest(connection, name, version)

        return await self._database.run(job)

    async def keep_tallies(self, rows: Sequence[KeptTally]) -> None:
        """Insert these, or replace what the same process has kept of the same arm and rollout."""
        columns = (
            [row.policy for row in rows],
            [row.started_ms for row in rows],
            [row.tally.arm.value for row in rows],
            [row.process for row in rows],
            [row.tally.calls for row in rows],
            [row.tally.ok for row in rows],
            [row.tally.slow for row in rows],
            [row.tally.cost_microusd for row in rows],
            [str(row.tally.cost_squares) for row in rows],
        )

        async def job(connection: Connection, again: bool) -> None:
            await connection.execute(_KEEP, columns)

        await self._database.run(job)

    async def tallies(self, policy: str, started_ms: int) -> tuple[ArmTally, ...]:
        """Return what every process has kept of the arms of that rollout."""

        async def job(connection: Connection, again: bool) -> tuple[ArmTally, ...]:
            found = await connection.execute(
                "SELECT * FROM arm_tallies WHERE name = %s AND started_ms = %s "
                "ORDER BY arm, process",
                (policy, started_ms),
            )
            return tuple([_read_tally(row) async for row in found])

        return await self._database.run(job)

    async def events(self, policy: str, limit: int) -> tuple[StoredRecord, ...]:
        """Return the newest events of a policy, newest first."""

        async def job(connection: Connection, again: bool) -> tuple[StoredRecord, ...]:
            found = await connection.execute(_EVENTS, (policy, limit))
            return tuple([stored_record(row) async for row in found])

        return await self._database.run(job)


async def _append(connection: Connection, name: str, event: Record) -> None:
    """Append an event to the decision log, and note where it stands."""
    seq = await append_record(connection, event)
    await connection.execute("INSERT INTO policy_events (name, seq) VALUES (%s, %s)", (name, seq))


async def _digest(connection: Connection, name: str, version: int) -> str | None:
    """Select the digest that a version was first used with."""
    found = await connection.execute(_LOOK, (name, version))
    row = await found.fetchone()
    return str(row["digest"]) if row else None


def _read_stage(row: DictRow) -> PolicyStage:
    """Return the stage of a row."""
    return PolicyStage(
        name=row["name"],
        stable=row["stable"],
        previous=row["previous"],
        rollout=read_rollout(row["rollout"]),
        revision=row["revision"],
    )


def _read_tally(row: DictRow) -> ArmTally:
    """Return the tally of a row."""
    return ArmTally(
        arm=Arm(row["arm"]),
        calls=row["calls"],
        ok=row["ok"],
        slow=row["slow"],
        cost_microusd=row["cost_microusd"],
        cost_squares=int(row["cost_squares"]),
    )
