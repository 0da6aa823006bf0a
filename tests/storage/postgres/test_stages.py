"""Rollouts and breakers in PostgreSQL: lost connections, and what SQL by hand may not do."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import DictRow

from mcp_router.domain.health import Breaker, BreakerState
from mcp_router.domain.rollout import PolicyStage
from mcp_router.storage.postgres.database import Database
from mcp_router.storage.postgres.health import HealthTable
from mcp_router.storage.postgres.stages import StageTable
from tests.storage.postgres.commits import (
    commits_that_wait_for_a_standby,
    commits_that_wait_to_begin,
)
from tests.storage.postgres.server import connect, rows
from tests.storage.postgres.test_lost_connections import killed
from tests.storage.rows import record

FIRST = PolicyStage(name="support", stable=3, revision=1)
SECOND = PolicyStage(name="support", stable=4, previous=3, revision=2)


@pytest.fixture
def stages(database: Database) -> StageTable:
    return StageTable(database)


@pytest.mark.parametrize("moment", ["standby", "lock"])
async def test_a_change_whose_connection_died_in_the_commit_is_made_once(
    stages: StageTable, admin: psycopg.Connection[DictRow], url: str, moment: str
) -> None:
    assert await stages.change(None, FIRST, record("1"))
    committed = commits_that_wait_for_a_standby(admin)

    with committed if moment == "standby" else commits_that_wait_to_begin(url, "policy_stages"):
        change = asyncio.create_task(stages.change(FIRST, SECOND, record("2")))
        await killed(admin, moment)

    assert await change
    assert await stages.stages() == (SECOND,)
    assert [one.seq for one in await stages.events("support", 9)] == [2, 1]


async def test_a_first_use_whose_connection_died_in_the_commit_is_noted_once(
    stages: StageTable, admin: psycopg.Connection[DictRow], url: str
) -> None:
    await stages.stages()

    with commits_that_wait_for_a_standby(admin):
        release = asyncio.create_task(stages.release("support", 4, "aa", record("1")))
        await killed(admin, "standby")

    assert await release == "aa"
    assert rows(url, "SELECT count(*) FROM decisions") == [(1,)]


async def test_a_probe_whose_connection_died_in_the_commit_is_still_ours(
    database: Database, admin: psycopg.Connection[DictRow]
) -> None:
    health = HealthTable(database)
    half = Breaker(
        target="haiku", state=BreakerState.HALF_OPEN, until_ms=5, probe="p#1", revision=1
    )
    await health.breakers()

    with commits_that_wait_for_a_standby(admin):
        change = asyncio.create_task(health.change_breaker(Breaker(target="haiku"), half))
        await killed(admin, "standby")

    assert await change
    assert not await health.change_breaker(Breaker(target="haiku"), replace(half, probe="q#1"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE policy_versions SET digest = 'bb'",
        "DELETE FROM policy_versions",
        "DELETE FROM policy_events",
        "UPDATE policy_stages SET stable = 9",
    ],
)
async def test_sql_by_hand_cannot_rewrite_what_happened(
    stages: StageTable, url: str, statement: str
) -> None:
    await stages.change(None, FIRST, record("1"))
    await stages.release("support", 4, "aa", record("2"))

    with connect(url) as connection, pytest.raises(errors.RestrictViolation):
        connection.execute(statement.encode())
