"""Two hundred calls at once, some of which are cancelled or die, never overspend a budget."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import pytest
from anyio.lowlevel import checkpoint

from mcp_router.budget.budgets import Budgets, Held
from mcp_router.domain.budget import Account, BudgetScope
from mcp_router.errors import BudgetExceeded
from mcp_router.testing.clock import ManualClock
from tests.budget.scenes import counting
from tests.contract.opened import Opened

CALLS = 200
MONTH = Account(scope=BudgetScope.TENANT, key="2026-11", limit_microusd=5_000)
TICKETS = [
    Account(scope=BudgetScope.TICKET, key=str(n), limit_microusd=limit)
    for n, limit in enumerate([400, 900, 2_000, None])
]
RUNS = [Account(scope=BudgetScope.RUN, key=str(n), limit_microusd=700) for n in range(7)]
ACCOUNTS = (*TICKETS, *RUNS, MONTH)


@dataclass
class Tally:
    """What the calls know that they have spent, or that nobody knows what was billed for."""

    spent: int = 0
    died_with: int = 0
    refused: int = 0


async def serve(held: Held, luck: random.Random, tally: Tally) -> int:
    """Spend within what is held, and ask for more now and then; return what was billed."""
    spent = luck.randrange(held.amount_microusd + 1)

    for _ in range(luck.randrange(3)):
        more = luck.randrange(1, 120)

        try:
            await held.extend(more)
        except BudgetExceeded:
            tally.refused += 1
        else:
            spent += luck.randrange(more + 1)

        for _ in range(luck.randrange(4)):
            await checkpoint()

    return spent


async def call(budgets: Budgets, number: int, luck: random.Random, tally: Tally) -> None:
    """Be one call: held, extended, cancelled somewhere, dead in the middle, or settled."""
    accounts = (TICKETS[number % 4], RUNS[number % 7], MONTH)
    dies, spent = luck.random() < 0.15, 0

    try:
        held = await budgets.hold("acme", accounts, luck.randrange(1, 300), ttl_s=60)
    except BudgetExceeded:
        tally.refused += 1
        return

    if dies:
        tally.died_with += held.amount_microusd
        return

    try:
        spent = await serve(held, luck, tally)
    finally:
        await held.settle(spent)
        tally.spent += spent


async def cancel_some(scopes: list[anyio.CancelScope], luck: random.Random) -> None:
    """Cancel a fifth of the calls, wherever they are."""
    for scope in luck.sample(scopes, len(scopes) // 5):
        for _ in range(luck.randrange(6)):
            await checkpoint()

        scope.cancel()


async def watch(store: Opened, over: list[str], is_done: Callable[[], bool]) -> None:
    """Look at the accounts again and again while the calls go on."""
    while not is_done():
        for one in await store.budgets.balances("acme", ACCOUNTS):
            limit = one.account.limit_microusd

            if limit is not None and one.spent_microusd + one.held_microusd > limit:
                over.append(f"{one}")


@pytest.mark.parametrize("seed", range(3))
async def test_two_hundred_calls_at_once_never_overspend_whatever_becomes_of_them(
    store: Opened, seed: int
) -> None:
    luck = random.Random(seed)
    budgets = Budgets(store.budgets, ManualClock(), counting())
    tally, over, done = Tally(), list[str](), anyio.Event()
    scopes = [anyio.CancelScope() for _ in range(CALLS)]

    async def one(number: int) -> None:
        with scopes[number]:
            await call(budgets, number, random.Random(f"{seed} {number}"), tally)

    async def all_of_them() -> None:
        async with anyio.create_task_group() as calls:
            for number in range(CALLS):
                calls.start_soon(one, number)

            await cancel_some(scopes, luck)

        done.set()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, store, over, done.is_set)
        group.start_soon(all_of_them)

    [month] = await store.budgets.balances("acme", (MONTH,))
    assert over == []
    assert tally.refused > 0
    assert month.spent_microusd == tally.spent
    assert month.held_microusd == tally.died_with

    store.advance(61)
    await budgets.sweep()

    balances = await store.budgets.balances("acme", ACCOUNTS)
    assert [one.held_microusd for one in balances] == [0] * len(ACCOUNTS)
    assert balances[-1].spent_microusd == tally.spent + tally.died_with <= 5_000
    # Every call has spent from one ticket, one run and the month.
    spent = [one.spent_microusd for one in balances]
    assert sum(spent[:4]) == sum(spent[4:11]) == spent[11]
