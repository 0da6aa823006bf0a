"""What outcomes have taught, and which of them have been counted."""

import json
from collections.abc import Sequence

from mcp_router.domain.learning import MEMORY, Estimate, Learned, Lesson
from mcp_router.storage.lessons import added, distinct
from mcp_router.storage.postgres.database import Connection, Database

_COUNT = """
    INSERT INTO lessons (decision_id, target, kind, at_ms)
    SELECT decision_id, target, kind, %s
    FROM json_to_recordset(%s::json) AS item(decision_id text, target text, kind text)
    ORDER BY decision_id, target, kind
    ON CONFLICT DO NOTHING
    RETURNING decision_id, target, kind
"""
# The evidence shrinks as `Estimate.after` says; what is there is read under its row's lock.
_LEARN = """
    INSERT INTO estimates AS e (policy, intent, target, successes, failures)
    SELECT policy, intent, target, good, bad FROM ROWS FROM (json_to_recordset(%s::json) AS (
        policy text, intent text, target text, good double precision, bad double precision
    )) WITH ORDINALITY AS item(policy, intent, target, good, bad, place)
    ORDER BY place
    ON CONFLICT (policy, intent, target) DO UPDATE SET
        successes = (e.successes + excluded.successes) * least(1, %s::double precision
            / (e.successes + e.failures + excluded.successes + excluded.failures)),
        failures = (e.failures + excluded.failures) * least(1, %s::double precision
            / (e.successes + e.failures + excluded.successes + excluded.failures))
"""
_READ = """
    SELECT policy, intent, target, successes, failures FROM estimates
    ORDER BY policy COLLATE "C", intent COLLATE "C", target COLLATE "C"
"""


class EstimateTable:
    """Counts each lesson once and keeps the evidence that they add up to."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def learn(self, lessons: Sequence[Lesson], at_ms: int) -> tuple[bool, ...]:
        """Count, in one transaction, each lesson that is new; say of each whether it was.

        After a lost connection a lesson that an earlier try has counted is no longer new.
        """
        items = distinct(lessons)
        told = json.dumps([_place(one) for one in items])

        async def job(connection: Connection, again: bool) -> frozenset[tuple[str, ...]]:
            async with connection.transaction():
                done = await connection.execute(_COUNT, (at_ms, told))
                new = frozenset(tuple(row.values()) for row in await done.fetchall())
                evidence = _evidence([one for one in items if _key(one) in new])

                if evidence:
                    await connection.execute(_LEARN, (json.dumps(evidence), MEMORY, MEMORY))

            return new

        new = await self._database.run(job)
        counted = {id(one) for one in items if _key(one) in new}
        return tuple(id(one) in counted for one in lessons)

    async def learned(self) -> tuple[Learned, ...]:
        """Return every estimate, by policy, intent and target."""

        async def job(connection: Connection, again: bool) -> tuple[Learned, ...]:
            found = await connection.execute(_READ)
            return tuple(
                Learned(
                    policy=row["policy"],
                    intent=row["intent"] or None,
                    target=row["target"],
                    estimate=Estimate(
                        successes=1.0 + row["successes"], failures=1.0 + row["failures"]
                    ),
                )
                for row in await found.fetchall()
            )

        return await self._database.run(job)


def _key(lesson: Lesson) -> tuple[str, str, str]:
    """Return what a lesson counts once for."""
    return lesson.decision_id, lesson.target, lesson.kind.value


def _place(lesson: Lesson) -> dict[str, str]:
    """Return what a lesson counts once for, as the database reads it."""
    return dict(zip(("decision_id", "target", "kind"), _key(lesson), strict=True))


def _evidence(lessons: Sequence[Lesson]) -> list[dict[str, object]]:
    """Return what lessons add to each estimate, as the database reads it."""
    return [
        {"policy": policy, "intent": intent, "target": target, "good": good, "bad": bad}
        for (policy, intent, target), (good, bad) in added(lessons).items()
    ]
