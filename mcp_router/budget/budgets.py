"""Budgets: money is set aside before it can be spent, and settled with what was billed.

A call holds an amount in all of its accounts or in none. What is held and what is spent never
pass a limit together, however many calls come at once, so that nothing can be overspent but by a
provider that bills more than a call had set aside. That is counted truly all the same.
"""

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import anyio

from mcp_router.budget.refusal import exceeded
from mcp_router.clock import Clock
from mcp_router.domain.budget import (
    UNSPENT,
    Account,
    Balance,
    BudgetPlan,
    BudgetScope,
    Hold,
    SpendView,
)
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.errors import StorageUnavailable

_SWEPT = 500  # holds in one transaction


class BudgetStore(Protocol):
    """What budgets ask of a database; every method that writes is one durable transaction.

    Time is the store's own. A method may be repeated whose outcome was lost: each says what shall
    be, not what to add.
    """

    async def balances(self, tenant: str, accounts: tuple[Account, ...]) -> tuple[Balance, ...]:
        """Return how accounts stand, in their order."""

    async def hold(self, hold: Hold) -> Balance | None:
        """Set the amount aside in every account, and return None.

        Where an account's limit does not cover it nothing changes; that account is returned.
        """

    async def extend(self, hold: Hold) -> Balance | None:
        """Raise what the hold has set aside to its amount, with a new `ttl_ms`; else as `hold`.

        One that has counted as spent by then is held again.

        Raises:
            IllegalTransition: it is settled.
        """

    async def settle(self, hold: Hold, spent_microusd: int) -> tuple[Balance, ...]:
        """Count that much as spent, let go of the rest, and return the hold's accounts.

        A hold that has counted as spent in full is put right. One that is settled stays so.
        """

    async def settle_expired(self, limit: int) -> int:
        """Count at most `limit` holds as spent in full whose time is over; say how many."""


class Held:
    """Money that one call has set aside; whoever holds it settles it, whatever happens.

        held = await budgets.hold(...)
        try:
            ...
        finally:
            await held.settle(spent)

    What is never settled counts as spent in full once its time is over.
    """

    def __init__(self, store: BudgetStore, hold: Hold) -> None:
        """Stand for a hold that is in the store, or for none where it has no accounts."""
        self._store = store
        self._hold = hold
        self._settled: SpendView | None = None
        self._turn = anyio.Lock()

    @property
    def amount_microusd(self) -> int:
        """Return how much is set aside."""
        return self._hold.amount_microusd

    async def extend(self, more_microusd: int) -> None:
        """Set more aside, in every account or in none, and begin the time anew.

        Raises:
            BudgetExceeded: an account does not cover it; what was held before stays held.
            StorageUnavailable: it is not known whether more is held; what was held before is.
        """
        async with self._turn:
            longer = replace(self._hold, amount_microusd=self.amount_microusd + more_microusd)

            if self._hold.accounts and (short := await self._store.extend(longer)) is not None:
                raise exceeded(short, more_microusd)

            self._hold = longer

    async def settle(self, spent_microusd: int) -> SpendView:
        """Spend that much, let go of the rest, and return how the accounts stand then.

        Shielded: a caller that is cancelled settles all the same, though a bare `task.cancel()`
        passes every shield. Settling again changes nothing and returns the same.

        Raises:
            StorageUnavailable: nothing is settled; try again, or let the hold's time run out.
        """
        with anyio.CancelScope(shield=True):
            async with self._turn:
                view = self._settled or await self._settle(spent_microusd)
                self._settled = view

        return view

    async def _settle(self, spent_microusd: int) -> SpendView:
        if not self._hold.accounts:
            return UNSPENT

        return SpendView(balances=await self._store.settle(self._hold, spent_microusd))


class Budgets:
    """Keeps the accounts of tickets, runs and tenants; knows nothing of what a call is for."""

    def __init__(self, store: BudgetStore, clock: Clock, entropy: Entropy) -> None:
        """Keep accounts in `store`; `clock` says which month it is, and dates ids."""
        self._store = store
        self._clock = clock
        self._entropy = entropy

    def accounts(
        self, plan: BudgetPlan, *, tenant: str, ticket_id: str | None, run_id: str | None
    ) -> tuple[Account, ...]:
        """Return the accounts of a call, the narrowest first; keys are unique within `tenant`.

        A ticket has one even without a limit, since a rule may ask for its spend; a run and a
        month only where they are limited.
        """
        found = []

        if ticket_id is not None:
            found.append((BudgetScope.TICKET, ticket_id, plan.ticket_microusd))

        if run_id is not None and plan.run_microusd is not None:
            found.append((BudgetScope.RUN, run_id, plan.run_microusd))

        if plan.tenant_month_microusd is not None:
            month = month_of(self._clock.now_ms())
            found.append((BudgetScope.TENANT, month, plan.tenant_month_microusd))

        return tuple(
            Account(scope=scope, key=key, limit_microusd=limit) for scope, key, limit in found
        )

    async def view(self, tenant: str, accounts: tuple[Account, ...]) -> SpendView:
        """Return how a tenant's accounts stand now.

        Raises:
            StorageUnavailable: the store cannot be asked.
        """
        if not accounts:
            return UNSPENT

        return SpendView(balances=await self._store.balances(tenant, accounts))

    async def hold(
        self, tenant: str, accounts: tuple[Account, ...], amount_microusd: int, *, ttl_s: float
    ) -> Held:
        """Set an amount aside in every account, or in none.

        It counts as spent in full when it was neither settled nor extended for `ttl_s`. A caller
        that is cancelled holds nothing; one that dies leaves its hold to `sweep`.

        Raises:
            BudgetExceeded: the first account that does not cover it; nothing is held.
            StorageUnavailable: nothing is held, as far as can be known.
        """
        wanted = Hold(
            hold_id=make_id("hold", self._clock.now_ms(), self._entropy),
            tenant=tenant,
            accounts=accounts,
            amount_microusd=amount_microusd,
            ttl_ms=round(ttl_s * 1000),
        )

        if accounts and (short := await self._hold(wanted)) is not None:
            raise exceeded(short, amount_microusd)

        return Held(self._store, wanted)

    async def sweep(self) -> None:
        """Count as spent in full what calls held that are gone; to be repeated in the background.

        Raises:
            StorageUnavailable: some are left for the next time.
        """
        while await self._store.settle_expired(_SWEPT) == _SWEPT:
            pass

    async def _hold(self, wanted: Hold) -> Balance | None:
        """Hold, and let go again of what a cancelled caller will never hear of."""
        try:
            return await self._store.hold(wanted)
        except asyncio.CancelledError:
            # The store takes things in their order: this comes after the hold, if that came.
            with anyio.CancelScope(shield=True), contextlib.suppress(StorageUnavailable):
                await self._store.settle(wanted, 0)

            raise


def month_of(now_ms: int) -> str:
    """Return the calendar month in UTC.

    >>> month_of(1_795_262_400_000)
    '2026-11'
    """
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m")
