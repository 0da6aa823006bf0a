"""One process that spends: it holds, extends and settles, then dies with some calls under way."""

import asyncio
import contextlib
import os
import random
import sys

from mcp_router.budget.budgets import Budgets
from mcp_router.clock import SystemClock
from mcp_router.domain.budget import Account, BudgetScope
from mcp_router.errors import BudgetExceeded
from mcp_router.storage.store import open_store

LIMIT = 20_000
MONTH = Account(scope=BudgetScope.TENANT, key="2026-11", limit_microusd=LIMIT)
TICKETS = [
    Account(scope=BudgetScope.TICKET, key=str(n), limit_microusd=LIMIT // 3) for n in range(5)
]
ACCOUNTS = (*TICKETS, MONTH)
CALLS = 120


async def call(budgets: Budgets, luck: random.Random) -> tuple[int, int]:
    """Return what one call has spent, and what it still holds."""
    accounts = luck.choice(TICKETS), MONTH

    try:
        held = await budgets.hold("acme", accounts, luck.randrange(1, 250), ttl_s=3600)
    except BudgetExceeded:
        return 0, 0

    with contextlib.suppress(BudgetExceeded):
        await held.extend(luck.randrange(1, 50))

    if luck.random() < 0.2:
        return 0, held.amount_microusd

    spent = luck.randrange(held.amount_microusd + 1)
    await held.settle(spent)
    return spent, 0


async def main(url: str, seed: str) -> None:
    store = open_store(url)
    budgets = Budgets(store.budgets, SystemClock(), os.urandom)
    luck = random.Random(seed)
    ended = await asyncio.gather(*(call(budgets, luck) for _ in range(CALLS)))
    told = sum(spent for spent, _ in ended), sum(held for _, held in ended)
    sys.stdout.write(f"{told[0]} {told[1]}")
    sys.stdout.flush()
    os._exit(9)  # as a process dies: nothing is settled, nothing is closed


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
