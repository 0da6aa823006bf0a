"""What outcomes have taught, and which of them have been counted."""

import sqlite3
from collections.abc import Sequence

from mcp_router.domain.learning import MEMORY, Estimate, Learned, Lesson
from mcp_router.storage.lessons import added, distinct
from mcp_router.storage.sqlite.database import Database

_COUNT = """
    INSERT INTO lessons (decision_id, target, kind, at_ms) VALUES (?, ?, ?, ?)
    ON CONFLICT (decision_id, target, kind) DO NOTHING
"""
# The evidence shrinks as `Estimate.after` says, in one statement: nobody reads it in between.
_LEARN = """
    INSERT INTO estimates (policy, intent, target, successes, failures)
    VALUES (:policy, :intent, :target, :good, :bad)
    ON CONFLICT (policy, intent, target) DO UPDATE SET
        successes = (successes + :good)
            * min(1.0, :memory / (successes + failures + :good + :bad)),
        failures = (failures + :bad) * min(1.0, :memory / (successes + failures + :good + :bad))
"""
_READ = """
    SELECT policy, intent, target, successes, failures FROM estimates
    ORDER BY policy, intent, target
"""


class EstimateTable:
    """Counts each lesson once and keeps the evidence that they add up to."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def learn(self, lessons: Sequence[Lesson], at_ms: int) -> tuple[bool, ...]:
        """Count, in one transaction, each lesson that is new; say of each whether it was."""

        def job(connection: sqlite3.Connection) -> tuple[bool, ...]:
            new = {id(one) for one in distinct(lessons) if _count(connection, one, at_ms)}
            _learn(connection, [one for one in lessons if id(one) in new])
            return tuple(id(one) in new for one in lessons)

        return await self._database.write(job)

    async def learned(self) -> tuple[Learned, ...]:
        """Return every estimate, by policy, intent and target."""
        return await self._database.read(
            lambda connection: tuple(
                Learned(
                    policy=policy,
                    intent=intent or None,
                    target=target,
                    estimate=Estimate(successes=1.0 + successes, failures=1.0 + failures),
                )
                for policy, intent, target, successes, failures in connection.execute(_READ)
            )
        )


def _count(connection: sqlite3.Connection, lesson: Lesson, at_ms: int) -> bool:
    """Note that a lesson counts; say whether that is new."""
    values = (lesson.decision_id, lesson.target, lesson.kind.value, at_ms)
    return connection.execute(_COUNT, values).rowcount == 1


def _learn(connection: sqlite3.Connection, lessons: Sequence[Lesson]) -> None:
    """Add what lessons say to the evidence."""
    for (policy, intent, target), (good, bad) in added(lessons).items():
        connection.execute(
            _LEARN,
            {
                "policy": policy,
                "intent": intent,
                "target": target,
                "good": good,
                "bad": bad,
                "memory": MEMORY,
            },
        )
