"""Money is set aside before it is spent, and every refusal says which budget, and what to do."""

import asyncio

import anyio
import pytest

from mcp_router.budget.budgets import Budgets, month_of
from mcp_router.domain.budget import (
    UNSPENT,
    Account,
    Balance,
    BudgetPlan,
    BudgetScope,
    SpendView,
)
from mcp_router.errors import BudgetExceeded, StorageUnavailable
from mcp_router.testing.budgets import MemoryBudgets
from mcp_router.testing.clock import NOON_MS, ManualClock
from tests.budget.scenes import PLAN, counting

TICKET = Account(scope=BudgetScope.TICKET, key="4711", limit_microusd=100_000)
RUN = Account(scope=BudgetScope.RUN, key="run-1", limit_microusd=60_000)
MONTH = Account(scope=BudgetScope.TENANT, key="2026-11", limit_microusd=1_000_000)
ALL = (TICKET, RUN, MONTH)


class Scene:
    """Budgets over a store in memory."""

    def __init__(self, *, now_ms: int = NOON_MS) -> None:
        self.clock = ManualClock(now_ms=now_ms)
        self.store = MemoryBudgets(self.clock)
        self.budgets = Budgets(self.store, self.clock, counting())

    async def money(self) -> list[tuple[int, int]]:
        """Return what is spent and held of each account."""
        view = await self.budgets.view("acme", ALL)
        return [(one.spent_microusd, one.held_microusd) for one in view.balances]


def test_a_call_has_the_accounts_that_it_names_and_its_policy_limits() -> None:
    accounts = Scene().budgets.accounts

    assert accounts(PLAN, tenant="acme", ticket_id="4711", run_id="run-1") == ALL
    assert accounts(PLAN, tenant="acme", ticket_id=None, run_id="run-1") == (RUN, MONTH)
    assert accounts(PLAN, tenant="acme", ticket_id=None, run_id=None) == (MONTH,)
    assert accounts(BudgetPlan(), tenant="acme", ticket_id="4711", run_id="run-1") == (
        Account(scope=BudgetScope.TICKET, key="4711"),
    )
    assert accounts(BudgetPlan(), tenant="acme", ticket_id=None, run_id="run-1") == ()


@pytest.mark.parametrize(
    ("now_ms", "month"),
    [
        (0, "1970-01"),
        (NOON_MS, "2026-11"),
        (1_796_083_199_999, "2026-11"),  # 2026-11-30T23:59:59.999Z
        (1_796_083_200_000, "2026-12"),
    ],
)
def test_a_month_begins_at_midnight_in_utc(now_ms: int, month: str) -> None:
    assert month_of(now_ms) == month
    (account,) = Scene(now_ms=now_ms).budgets.accounts(
        BudgetPlan(tenant_month_microusd=1), tenant="acme", ticket_id=None, run_id=None
    )
    assert account == Account(scope=BudgetScope.TENANT, key=month, limit_microusd=1)


async def test_a_call_without_accounts_asks_no_store() -> None:
    scene = Scene()
    scene.store.broken = True

    held = await scene.budgets.hold("acme", (), 10**9, ttl_s=60)
    await held.extend(5)

    assert held.amount_microusd == 10**9 + 5
    assert await held.settle(7) == UNSPENT
    assert await scene.budgets.view("acme", ()) == UNSPENT


async def test_what_is_held_is_settled_with_what_was_billed() -> None:
    scene = Scene()

    held = await scene.budgets.hold("acme", ALL, 20_000, ttl_s=60)
    await held.extend(15_000)

    assert held.amount_microusd == 35_000
    assert await scene.money() == [(0, 35_000)] * 3

    view = await held.settle(12_345)

    assert view == SpendView(
        balances=tuple(Balance(account=one, spent_microusd=12_345) for one in ALL)
    )
    assert await scene.budgets.view("acme", ALL) == view
    assert await held.settle(99) == view


async def test_a_provider_that_bills_more_than_was_held_is_counted_truly() -> None:
    scene = Scene()
    held = await scene.budgets.hold("acme", ALL, 59_000, ttl_s=60)

    view = await held.settle(75_000)

    assert view.left_microusd == 0
    with pytest.raises(BudgetExceeded):
        await scene.budgets.hold("acme", ALL, 1, ttl_s=60)


async def test_a_refusal_names_the_budget_the_amounts_and_what_to_do() -> None:
    scene = Scene()
    await (await scene.budgets.hold("acme", (TICKET,), 96_000, ttl_s=60)).settle(96_000)

    with pytest.raises(BudgetExceeded) as refused:
        await scene.budgets.hold("acme", ALL, 20_000, ttl_s=60)

    assert refused.value.message == (
        "The budget of this ticket ($0.10) has $0.004 left, and the call needs about $0.02."
    )
    assert refused.value.advice == (
        "Let a person take the ticket over, or raise the budget of a ticket in the policy."
    )
    assert await scene.money() == [(96_000, 0), (0, 0), (0, 0)]


async def test_an_extension_that_is_refused_leaves_what_was_held() -> None:
    scene = Scene()
    held = await scene.budgets.hold("acme", ALL, 50_000, ttl_s=60)

    with pytest.raises(BudgetExceeded) as refused:
        await held.extend(10_001)

    assert refused.value.message == (
        "The budget of this run ($0.06) has $0.01 left ($0.05 more is held for calls under way), "
        "and the call needs about $0.010001."
    )
    assert held.amount_microusd == 50_000
    assert await scene.money() == [(0, 50_000)] * 3

    await held.extend(10_000)

    assert held.amount_microusd == 60_000


async def test_extensions_at_once_add_up() -> None:
    scene = Scene()
    held = await scene.budgets.hold("acme", ALL, 1_000, ttl_s=60)

    await asyncio.gather(*(held.extend(1_000) for _ in range(10)))

    assert held.amount_microusd == 11_000
    assert await scene.money() == [(0, 11_000)] * 3


async def test_a_call_whose_process_is_gone_has_spent_all_that_it_held() -> None:
    scene = Scene()
    await scene.budgets.hold("acme", ALL, 20_000, ttl_s=60)
    scene.clock.advance(59)
    await scene.budgets.sweep()

    assert await scene.money() == [(0, 20_000)] * 3

    scene.clock.advance(2)
    await scene.budgets.sweep()

    assert await scene.money() == [(20_000, 0)] * 3


async def test_a_sweep_leaves_nothing_that_is_over() -> None:
    scene = Scene()

    for _ in range(1_203):
        await scene.budgets.hold("acme", (MONTH,), 1, ttl_s=1)

    scene.clock.advance(2)
    await scene.budgets.sweep()

    assert await scene.money() == [(0, 0), (0, 0), (1_203, 0)]


async def test_a_call_that_is_cancelled_while_it_waits_holds_nothing() -> None:
    scene = Scene()
    asked = asyncio.create_task(scene.budgets.hold("acme", ALL, 20_000, ttl_s=60))
    await asyncio.sleep(0)
    asked.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asked

    assert await scene.money() == [(0, 0)] * 3


async def test_a_call_that_is_cancelled_settles_all_the_same() -> None:
    scene = Scene()
    held = await scene.budgets.hold("acme", ALL, 20_000, ttl_s=60)

    with anyio.CancelScope() as scope:
        scope.cancel()
        await held.settle(300)

    assert await scene.money() == [(300, 0)] * 3


async def test_while_the_store_is_away_nothing_is_held_and_settling_can_be_repeated() -> None:
    scene = Scene()
    held = await scene.budgets.hold("acme", ALL, 20_000, ttl_s=60)
    scene.store.broken = True

    with pytest.raises(StorageUnavailable):
        await scene.budgets.hold("acme", ALL, 1, ttl_s=60)

    with pytest.raises(StorageUnavailable):
        await held.extend(1)

    with pytest.raises(StorageUnavailable):
        await held.settle(300)

    scene.store.broken = False
    assert held.amount_microusd == 20_000
    await held.settle(300)

    assert await scene.money() == [(300, 0)] * 3
