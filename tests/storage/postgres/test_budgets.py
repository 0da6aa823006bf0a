"""Budgets on PostgreSQL: replicas that share accounts, and connections lost in the worst moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import DictRow

from mcp_router.domain.budget import Account, BudgetScope, Hold
from mcp_router.errors import InvalidArguments
from mcp_router.storage.postgres.budgets import BudgetTable
from mcp_router.storage.postgres.database import Database
from tests.contract.test_budgets import ALL, MONTH, TICKET, hold
from tests.storage.postgres.commits import (
    commits_that_wait_for_a_standby,
    commits_that_wait_to_begin,
)
from tests.storage.postgres.server import rows
from tests.storage.postgres.test_lost_connections import killed

MONEY = "SELECT scope, spent_microusd, held_microusd FROM budget_accounts ORDER BY scope"


@pytest.fixture
async def budgets(database: Database) -> AsyncIterator[BudgetTable]:
    table = BudgetTable(database)
    yield table
    await table.aclose()


def money(url: str) -> list[tuple[object, ...]]:
    return rows(url, MONEY)


async def test_what_committed_before_its_connection_died_is_done_once(
    budgets: BudgetTable, admin: psycopg.Connection[DictRow], url: str
) -> None:
    wanted = hold("1", 40, *ALL)
    more = replace(wanted, amount_microusd=50)
    await budgets.balances("acme", ALL)  # the tables are there before commits begin to wait

    for step in (budgets.hold(wanted), budgets.extend(more), budgets.settle(more, 30)):
        with commits_that_wait_for_a_standby(admin):
            asked = asyncio.create_task(step)
            await killed(admin, "standby")

        await asked

    assert money(url) == [("run", 30, 0), ("tenant", 30, 0), ("ticket", 30, 0)]
    assert rows(url, "SELECT count(*) FROM budget_holds") == [(0,)]


async def test_what_was_rolled_back_with_its_connection_is_done_again(
    budgets: BudgetTable, admin: psycopg.Connection[DictRow], url: str
) -> None:
    await budgets.balances("acme", ALL)

    with commits_that_wait_to_begin(url, "budget_accounts"):
        asked = asyncio.create_task(budgets.hold(hold("1", 40, *ALL)))
        await killed(admin, "lock")

    assert await asked is None
    assert money(url) == [("run", 0, 40), ("tenant", 0, 40), ("ticket", 0, 40)]


async def test_replicas_that_share_accounts_hold_no_more_than_there_is(url: str) -> None:
    databases = [Database(url, connections=2) for _ in range(3)]
    tables = [BudgetTable(one) for one in databases]
    tickets = [Account(scope=BudgetScope.TICKET, key=str(n), limit_microusd=40) for n in range(6)]

    async def call(n: int) -> int:
        first, second = tickets[n % 6], tickets[(n * 5 + 1) % 6]
        wanted = hold(str(n), 3, *dict.fromkeys((first, second, MONTH)))

        if await tables[n % 3].hold(wanted) is not None:
            return 0

        await tables[n % 3].settle(wanted, 2)
        return 2

    spent = sum(await asyncio.gather(*map(call, range(150))))
    [month] = await tables[0].balances("acme", (MONTH,))
    others = await tables[0].balances("acme", tuple(tickets))

    for table, one in zip(tables, databases, strict=True):
        await table.aclose()
        await one.aclose()

    assert (month.spent_microusd, month.held_microusd) == (spent, 0)
    assert 0 < spent <= 150
    assert [one for one in others if one.held_microusd or one.spent_microusd > 40] == []


async def test_replicas_that_sweep_at_once_count_each_hold_once(url: str) -> None:
    databases = [Database(url, connections=2) for _ in range(3)]
    tables = [BudgetTable(one) for one in databases]

    for n in range(20):
        await tables[0].hold(hold(str(n), 1, TICKET, MONTH, ttl_s=-1))

    swept = await asyncio.gather(*(table.settle_expired(100) for table in tables))

    for table, one in zip(tables, databases, strict=True):
        await table.aclose()
        await one.aclose()

    assert sum(swept) == 20
    assert money(url) == [("tenant", 20, 0), ("ticket", 20, 0)]


async def test_one_bad_item_does_not_spoil_its_batch(budgets: BudgetTable, url: str) -> None:
    bad = Account(scope=BudgetScope.TICKET, key="nul \0")
    asked: list[Hold] = [hold(str(n), 1, bad if n == 5 else TICKET) for n in range(10)]

    answers = await asyncio.gather(*map(budgets.hold, asked), return_exceptions=True)

    assert [type(one) for one in answers if one is not None] == [InvalidArguments]
    assert money(url) == [("ticket", 0, 9)]
