"""What every store of budgets promises, the fakes included."""

import asyncio

import pytest

from mcp_router.domain.budget import Account, Balance, BudgetScope, Hold
from mcp_router.errors import IllegalTransition
from tests.contract.opened import Opened

TICKET = Account(scope=BudgetScope.TICKET, key="4711", limit_microusd=100)
RUN = Account(scope=BudgetScope.RUN, key="run-1", limit_microusd=60)
MONTH = Account(scope=BudgetScope.TENANT, key="2026-11", limit_microusd=150)
FREE = Account(scope=BudgetScope.TICKET, key="free")
ALL = (TICKET, RUN, MONTH)


def hold(
    name: str,
    amount: int,
    *accounts: Account,
    tenant: str = "acme",
    ttl_s: float = 60.0,
) -> Hold:
    return Hold(
        hold_id=f"hold_{name}",
        tenant=tenant,
        accounts=accounts,
        amount_microusd=amount,
        ttl_ms=round(ttl_s * 1000),
    )


def balance(account: Account, spent: int, held: int) -> Balance:
    return Balance(account=account, spent_microusd=spent, held_microusd=held)


async def money(store: Opened, *accounts: Account, tenant: str = "acme") -> list[tuple[int, int]]:
    """Return what is spent and held of accounts."""
    return [
        (one.spent_microusd, one.held_microusd)
        for one in await store.budgets.balances(tenant, accounts)
    ]


async def test_accounts_that_nobody_has_used_are_at_zero(store: Opened) -> None:
    assert await store.budgets.balances("acme", ALL) == tuple(balance(one, 0, 0) for one in ALL)
    assert await store.budgets.balances("acme", ()) == ()


async def test_an_amount_is_held_in_every_account_and_settled_in_every_one(store: Opened) -> None:
    wanted = hold("1", 40, *ALL)

    assert await store.budgets.hold(wanted) is None
    assert await money(store, *ALL) == [(0, 40)] * 3
    assert await store.budgets.settle(wanted, 25) == tuple(balance(one, 25, 0) for one in ALL)
    assert await money(store, *ALL) == [(25, 0)] * 3


async def test_one_account_that_is_too_short_leaves_all_as_they_are(store: Opened) -> None:
    first = hold("1", 50, *ALL)
    await store.budgets.hold(first)

    assert await store.budgets.hold(hold("2", 20, *ALL)) == balance(RUN, 0, 50)
    assert await store.budgets.hold(hold("3", 51, *ALL)) == balance(TICKET, 0, 50)
    assert await money(store, *ALL) == [(0, 50)] * 3

    await store.budgets.settle(first, 60)

    assert await store.budgets.hold(hold("4", 1, *ALL)) == balance(RUN, 60, 0)
    assert await money(store, *ALL) == [(60, 0)] * 3


async def test_a_new_account_that_is_too_short_is_left_at_zero(store: Opened) -> None:
    assert await store.budgets.hold(hold("1", 101, MONTH, TICKET)) == balance(TICKET, 0, 0)
    assert await money(store, MONTH, TICKET) == [(0, 0), (0, 0)]


async def test_the_last_cent_of_an_account_can_be_held(store: Opened) -> None:
    assert await store.budgets.hold(hold("1", 100, TICKET)) is None
    assert await store.budgets.hold(hold("2", 1, TICKET)) == balance(TICKET, 0, 100)
    assert await store.budgets.hold(hold("3", 0, TICKET)) is None


async def test_what_costs_nothing_needs_nothing_of_an_overspent_account(store: Opened) -> None:
    first = hold("1", 100, TICKET)
    await store.budgets.hold(first)
    await store.budgets.settle(first, 130)

    assert await store.budgets.hold(hold("2", 1, TICKET)) == balance(TICKET, 130, 0)
    assert await store.budgets.hold(hold("3", 0, TICKET)) is None
    assert await money(store, TICKET) == [(130, 0)]


async def test_an_account_without_a_limit_covers_everything_and_counts_it(store: Opened) -> None:
    wanted = hold("1", 10**12, FREE)

    assert await store.budgets.hold(wanted) is None
    assert await store.budgets.settle(wanted, 10**12 + 1) == (balance(FREE, 10**12 + 1, 0),)


async def test_limits_belong_to_the_call_and_not_to_the_account(store: Opened) -> None:
    await store.budgets.hold(hold("1", 90, TICKET))
    lower = Account(scope=TICKET.scope, key=TICKET.key, limit_microusd=50)
    higher = Account(scope=TICKET.scope, key=TICKET.key, limit_microusd=200)

    assert await store.budgets.hold(hold("2", 1, lower)) == balance(lower, 0, 90)
    assert await store.budgets.hold(hold("3", 110, higher)) is None


async def test_tenants_scopes_and_keys_have_accounts_of_their_own(store: Opened) -> None:
    ticket = Account(scope=BudgetScope.TICKET, key="1", limit_microusd=10)
    run = Account(scope=BudgetScope.RUN, key="1", limit_microusd=10)
    other = Account(scope=BudgetScope.TICKET, key="2", limit_microusd=10)
    await store.budgets.hold(hold("1", 10, ticket))

    assert await store.budgets.hold(hold("2", 10, run)) is None
    assert await store.budgets.hold(hold("3", 10, other)) is None
    assert await store.budgets.hold(hold("4", 10, ticket, tenant="globex")) is None
    assert await money(store, ticket, run, other) == [(0, 10)] * 3


async def test_settling_again_changes_nothing(store: Opened) -> None:
    wanted = hold("1", 40, *ALL)
    await store.budgets.hold(wanted)
    await store.budgets.settle(wanted, 25)

    assert await store.budgets.settle(wanted, 39) == tuple(balance(one, 25, 0) for one in ALL)


async def test_settling_what_was_never_held_changes_nothing(store: Opened) -> None:
    assert await store.budgets.settle(hold("1", 40, TICKET), 25) == (balance(TICKET, 0, 0),)


async def test_holding_again_under_one_id_changes_nothing(store: Opened) -> None:
    wanted = hold("1", 40, *ALL)
    await store.budgets.hold(wanted)

    assert await store.budgets.hold(wanted) is None
    assert await money(store, *ALL) == [(0, 40)] * 3


# --- Extending


async def test_a_hold_is_raised_to_an_amount(store: Opened) -> None:
    await store.budgets.hold(hold("1", 40, *ALL))

    assert await store.budgets.extend(hold("1", 55, *ALL)) is None
    assert await store.budgets.extend(hold("1", 55, *ALL)) is None  # a repetition
    assert await store.budgets.extend(hold("1", 45, *ALL)) is None  # never lowered
    assert await money(store, *ALL) == [(0, 55)] * 3

    await store.budgets.settle(hold("1", 55, *ALL), 5)

    assert await money(store, *ALL) == [(5, 0)] * 3


async def test_an_extension_that_an_account_does_not_cover_changes_nothing(store: Opened) -> None:
    await store.budgets.hold(hold("1", 40, *ALL))

    assert await store.budgets.extend(hold("1", 61, *ALL)) == balance(RUN, 0, 40)
    assert await money(store, *ALL) == [(0, 40)] * 3
    assert await store.budgets.settle(hold("1", 40, *ALL), 40) == tuple(
        balance(one, 40, 0) for one in ALL
    )


async def test_what_is_settled_cannot_be_extended(store: Opened) -> None:
    await store.budgets.hold(hold("1", 40, *ALL))
    await store.budgets.settle(hold("1", 40, *ALL), 1)

    with pytest.raises(IllegalTransition):
        await store.budgets.extend(hold("1", 50, *ALL))

    assert await money(store, *ALL) == [(1, 0)] * 3


# --- Holds whose calls are gone


async def test_a_hold_whose_time_is_over_counts_as_spent_in_full(store: Opened) -> None:
    await store.budgets.hold(hold("short", 40, *ALL, ttl_s=10))
    await store.budgets.hold(hold("long", 7, *ALL, ttl_s=60))

    assert await store.budgets.settle_expired(10) == 0
    store.advance(9)
    assert await store.budgets.settle_expired(10) == 0
    store.advance(2)
    assert await store.budgets.settle_expired(10) == 1
    assert await money(store, *ALL) == [(40, 7)] * 3
    assert await store.budgets.settle_expired(10) == 0
    assert await money(store, *ALL) == [(40, 7)] * 3


async def test_an_extension_begins_the_time_anew(store: Opened) -> None:
    await store.budgets.hold(hold("1", 40, *ALL, ttl_s=10))
    store.advance(9)
    await store.budgets.extend(hold("1", 41, *ALL, ttl_s=10))
    store.advance(9)

    assert await store.budgets.settle_expired(10) == 0
    assert await money(store, *ALL) == [(0, 41)] * 3


async def test_a_call_that_comes_back_late_is_counted_truly(store: Opened) -> None:
    await store.budgets.hold(hold("1", 40, *ALL, ttl_s=10))
    store.advance(11)
    await store.budgets.settle_expired(10)

    assert await store.budgets.settle(hold("1", 40, *ALL), 3) == tuple(
        balance(one, 3, 0) for one in ALL
    )
    assert await store.budgets.settle(hold("1", 40, *ALL), 4) == tuple(
        balance(one, 3, 0) for one in ALL
    )


async def test_a_call_that_comes_back_late_goes_on_if_its_accounts_cover_it(
    store: Opened,
) -> None:
    await store.budgets.hold(hold("1", 40, *ALL, ttl_s=10))
    store.advance(11)
    await store.budgets.settle_expired(10)

    assert await store.budgets.extend(hold("1", 61, *ALL)) == balance(RUN, 40, 0)
    assert await money(store, *ALL) == [(40, 0)] * 3
    assert await store.budgets.extend(hold("1", 60, *ALL)) is None
    assert await money(store, *ALL) == [(0, 60)] * 3
    assert await store.budgets.settle(hold("1", 60, *ALL), 2) == tuple(
        balance(one, 2, 0) for one in ALL
    )


async def test_holds_expire_in_batches_the_oldest_first(store: Opened) -> None:
    for name, ttl_s in (("1", 30.0), ("2", 10.0), ("3", 20.0)):
        await store.budgets.hold(hold(name, int(name), FREE, ttl_s=ttl_s))

    store.advance(31)

    assert await store.budgets.settle_expired(2) == 2
    assert await money(store, FREE) == [(5, 1)]
    assert await store.budgets.settle_expired(2) == 1
    assert await money(store, FREE) == [(6, 0)]


async def test_what_was_spent_by_a_call_that_never_comes_back_stays_spent(store: Opened) -> None:
    await store.budgets.hold(hold("1", 40, *ALL, ttl_s=10))
    store.advance(11)
    await store.budgets.settle_expired(10)
    store.advance(2 * 24 * 3600)
    await store.budgets.settle_expired(10)

    assert await store.budgets.settle(hold("1", 40, *ALL), 3) == tuple(
        balance(one, 40, 0) for one in ALL
    )


# --- At once


async def test_two_hundred_calls_at_once_never_hold_more_than_there_is(store: Opened) -> None:
    asked = [hold(str(n), 7, *ALL) for n in range(200)]

    answers = await asyncio.gather(*(store.budgets.hold(one) for one in asked))

    assert sum(answer is None for answer in answers) == 8  # 60 of the run, by 7
    assert {answer for answer in answers if answer is not None} == {balance(RUN, 0, 56)}
    assert await money(store, *ALL) == [(0, 56)] * 3


async def test_calls_that_share_accounts_in_any_order_do_not_block_each_other(
    store: Opened,
) -> None:
    orders = [(TICKET, MONTH), (MONTH, TICKET), (FREE, MONTH, TICKET), (TICKET, FREE)]
    asked = [hold(str(n), 1, *orders[n % 4]) for n in range(80)]

    async def call(one: Hold) -> None:
        assert await store.budgets.hold(one) is None
        await store.budgets.settle(one, 1)

    await asyncio.gather(*map(call, asked))

    assert await money(store, TICKET, MONTH, FREE) == [(80, 0), (60, 0), (40, 0)]
