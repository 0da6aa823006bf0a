"""Several processes on one database spend one budget, and one after the other dies over it."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_router.storage.store import open_store
from tests.budget.spender import ACCOUNTS, LIMIT
from tests.storage.postgres.server import fresh_url

SPENDER = Path(__file__).with_name("spender.py")


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'router.db'}"


def postgres_url(folder: Path) -> str:
    return fresh_url()


async def spend(url: str, seed: int) -> tuple[int, int]:
    """Run a process to its death; return what it has spent, and what it held then."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SPENDER),
        url,
        str(seed),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    told, _ = await process.communicate()
    assert process.returncode == 9
    spent, held = map(int, told.split())
    return spent, held


@pytest.mark.parametrize("where", [sqlite_url, postgres_url])
async def test_processes_that_share_a_budget_never_overspend_it_though_they_die(
    where: Callable[[Path], str], tmp_path: Path
) -> None:
    url = where(tmp_path)
    store = open_store(url)
    await store.database.check()

    told = await asyncio.gather(*(spend(url, seed) for seed in range(3)))

    balances = await store.budgets.balances("acme", ACCOUNTS)
    await store.aclose()
    *tickets, month = balances
    assert month.spent_microusd == sum(one.spent_microusd for one in tickets)
    assert month.held_microusd == sum(one.held_microusd for one in tickets)
    assert month.spent_microusd == sum(spent for spent, _ in told)
    assert month.held_microusd == sum(held for _, held in told) > 0
    assert LIMIT * 0.5 < month.spent_microusd + month.held_microusd <= LIMIT
    assert [one for one in tickets if one.spent_microusd + one.held_microusd > LIMIT // 3] == []
