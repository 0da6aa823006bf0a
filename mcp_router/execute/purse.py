"""The money of one completion: set aside as the chain needs it, settled with what it has spent."""

from typing import Protocol

import anyio

from mcp_router.domain.budget import Account, Balance, SpendView
from mcp_router.errors import StorageUnavailable


class Purse(Protocol):
    """Holds the money of a call before it is spent."""

    async def cover(self, total_microusd: int) -> None:
        """Have that much set aside for the whole call.

        Raises:
            BudgetExceeded: a budget does not cover it; what was set aside before stays.
            StorageUnavailable: nobody can say whether one does.
        """


class Held(Protocol):
    """Money that is set aside in every account of a call."""

    @property
    def amount_microusd(self) -> int:
        """Return how much it is."""

    async def extend(self, more_microusd: int) -> None:
        """Set more aside, or raise BudgetExceeded and change nothing."""

    async def settle(self, spent_microusd: int) -> SpendView:
        """Spend that much, let go of the rest, and return how the accounts stand then."""


class Budgets(Protocol):
    """Keeps the accounts."""

    async def hold(
        self, tenant: str, accounts: tuple[Account, ...], amount_microusd: int, *, ttl_s: float
    ) -> Held:
        """Set money aside in every account or in none; raises BudgetExceeded."""


_AFTERWARDS_S = 30.0
"""How much longer than its deadline a call may take to settle."""


class FreePurse:
    """Covers everything: for targets that cost nothing."""

    async def cover(self, total_microusd: int) -> None:
        """Set nothing aside."""


class TicketPurse:
    """The purse of one call; it costs no transaction while no account of the call has a limit."""

    def __init__(
        self, budgets: Budgets, *, tenant: str, accounts: tuple[Account, ...], deadline_s: float
    ) -> None:
        """Draw on these accounts; a call that is gone so long after its deadline has spent all."""
        self._budgets = budgets
        self._tenant = tenant
        self._accounts = accounts
        self._ttl_s = deadline_s + _AFTERWARDS_S
        self._is_limited = any(one.limit_microusd is not None for one in accounts)
        self._held: Held | None = None

    async def cover(self, total_microusd: int) -> None:
        """Have that much set aside for the whole call.

        Raises:
            BudgetExceeded: an account does not cover it; what was set aside before stays.
            StorageUnavailable: the accounts cannot be asked, so nothing may be spent.
        """
        if not self._is_limited:
            return

        if self._held is None:
            self._held = await self._hold(total_microusd)
        elif total_microusd > self._held.amount_microusd:
            await self._held.extend(total_microusd - self._held.amount_microusd)

    async def settle(self, spent_microusd: int) -> tuple[Balance, ...]:
        """Note what was spent, whatever happens to the task meanwhile; return the balances.

        While the store is away nothing is known: what was held then counts as spent in full, once
        its time is over, and spend of accounts without a limit is not counted.
        """
        with anyio.CancelScope(shield=True):
            try:
                if self._held is None and self._accounts and spent_microusd > 0:
                    self._held = await self._hold(spent_microusd)

                if self._held is not None:
                    return (await self._held.settle(spent_microusd)).balances
            except StorageUnavailable:
                pass  # its hold stands and runs out; the log of the store says why

        return ()

    async def _hold(self, amount_microusd: int) -> Held:
        return await self._budgets.hold(
            self._tenant, self._accounts, amount_microusd, ttl_s=self._ttl_s
        )
