"""A call's money: held before it is spent, and settled whatever happens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import pytest
from anyio.lowlevel import checkpoint

from mcp_router.domain.budget import Account, Balance, BudgetScope, SpendView
from mcp_router.errors import BudgetExceeded, StorageUnavailable
from mcp_router.execute.purse import TicketPurse

TICKET = Account(scope=BudgetScope.TICKET, key="7", limit_microusd=100)
UNLIMITED = Account(scope=BudgetScope.TICKET, key="7")


@dataclass(kw_only=True)
class Notes:
    """What the accounts were told, in order; `left` is what they still cover."""

    left: int = 100
    away: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)
    ttl_s: float = 0.0

    async def hold(
        self, tenant: str, accounts: tuple[Account, ...], amount_microusd: int, *, ttl_s: float
    ) -> "Money":
        self.ttl_s = ttl_s
        await self.note("hold", amount_microusd)
        return Money(notes=self, accounts=accounts, amount_microusd=amount_microusd)

    async def note(self, what: str, amount: int) -> None:
        await checkpoint()

        if self.away:
            raise StorageUnavailable("Away for a test.")

        if what != "settle" and amount > self.left:
            raise BudgetExceeded("Too much.")

        self.told.append((what, amount))
        self.left -= amount if what != "settle" else 0


@dataclass(kw_only=True)
class Money:
    """Money that is set aside."""

    notes: Notes
    accounts: tuple[Account, ...]
    amount_microusd: int

    async def extend(self, more_microusd: int) -> None:
        await self.notes.note("extend", more_microusd)
        self.amount_microusd += more_microusd

    async def settle(self, spent_microusd: int) -> SpendView:
        await self.notes.note("settle", spent_microusd)
        return SpendView(balances=spent(self.accounts, spent_microusd))


def spent(accounts: Sequence[Account], amount: int) -> tuple[Balance, ...]:
    return tuple(Balance(account=one, spent_microusd=amount) for one in accounts)


def purse(notes: Notes, *accounts: Account) -> TicketPurse:
    return TicketPurse(notes, tenant="acme", accounts=accounts, deadline_s=10)


async def test_money_is_held_once_and_raised_only_where_more_is_needed() -> None:
    notes = Notes()
    one = purse(notes, TICKET)

    for total in (40, 40, 30, 90):
        await one.cover(total)

    assert await one.settle(55) == spent([TICKET], 55)
    assert notes.told == [("hold", 40), ("extend", 50), ("settle", 55)]


async def test_a_hold_outlives_the_deadline_of_its_call() -> None:
    notes = Notes()

    await purse(notes, TICKET).cover(1)

    assert notes.ttl_s == 40.0


async def test_what_is_not_covered_is_refused_and_what_was_held_stays() -> None:
    notes = Notes()
    one = purse(notes, TICKET)
    await one.cover(60)

    with pytest.raises(BudgetExceeded):
        await one.cover(101)

    assert await one.settle(20) == spent([TICKET], 20)
    assert notes.told == [("hold", 60), ("settle", 20)]


async def test_an_account_without_a_limit_only_counts_what_was_spent() -> None:
    notes = Notes()
    one = purse(notes, UNLIMITED)
    await one.cover(60)

    assert notes.told == []
    assert await one.settle(25) == spent([UNLIMITED], 25)
    assert notes.told == [("hold", 25), ("settle", 25)]


async def test_a_call_that_spent_nothing_and_held_nothing_leaves_no_trace() -> None:
    notes = Notes()

    assert await purse(notes, UNLIMITED).settle(0) == ()
    assert await purse(notes).settle(12) == ()
    assert notes.told == []


async def test_nothing_is_spent_while_nobody_can_say_what_is_left() -> None:
    with pytest.raises(StorageUnavailable):
        await purse(Notes(away=True), TICKET).cover(1)


async def test_a_store_that_is_away_does_not_take_an_answer_away() -> None:
    notes = Notes()
    one = purse(notes, TICKET)
    await one.cover(10)
    notes.away = True

    assert await one.settle(10) == ()


async def test_a_cancelled_call_settles_all_the_same() -> None:
    notes = Notes()
    one = purse(notes, TICKET)
    await one.cover(10)

    with anyio.CancelScope() as scope:
        scope.cancel()
        await one.settle(10)

    assert notes.told[-1] == ("settle", 10)
