"""Money that is set aside before it is spent, and the accounts that it comes from."""

from dataclasses import dataclass
from enum import StrEnum


class BudgetScope(StrEnum):
    """What a budget is for."""

    REQUEST = "request"  # the chain's own; kept by the chain, told in records
    TICKET = "ticket"
    RUN = "run"
    TENANT = "tenant"  # one calendar month of a tenant, in UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPlan:
    """A policy's budgets beyond that of one call; None sets no limit.

    A ticket whose spend passes `hand_over_at` times `ticket_expected_microusd` goes to a person.
    """

    ticket_microusd: int | None = None
    run_microusd: int | None = None
    tenant_month_microusd: int | None = None
    ticket_expected_microusd: int | None = None
    hand_over_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where money comes from: `key` is a ticket's or a run's id, or a month such as `2026-11`."""

    scope: BudgetScope
    key: str
    limit_microusd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How an account stands: what was spent, and what calls under way hold."""

    account: Account
    spent_microusd: int = 0
    held_microusd: int = 0

    @property
    def left_microusd(self) -> int | None:
        """Return what may still be held, never below zero; None without a limit."""
        limit = self.account.limit_microusd
        return None if limit is None else max(0, limit - self.spent_microusd - self.held_microusd)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendView:
    """The accounts of a call as a decision sees them."""

    balances: tuple[Balance, ...] = ()

    @property
    def left_microusd(self) -> int | None:
        """Return what the tightest account has left; None where nothing limits the call."""
        return None if self.tightest is None else self.tightest.left_microusd

    @property
    def tightest(self) -> Balance | None:
        """Return the account that has least left; None where nothing limits the call."""
        limited = [one for one in self.balances if one.left_microusd is not None]
        return min(limited, key=lambda one: one.left_microusd or 0, default=None)

    def of(self, scope: BudgetScope) -> Balance | None:
        """Return the balance of that scope, if the call has one."""
        return next((one for one in self.balances if one.account.scope is scope), None)


UNSPENT = SpendView()
"""What a call without any account sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Money that one call has set aside in every one of its accounts.

    A hold that is not heard of for `ttl_ms`, by the store's clock, counts as spent in full: its
    call is gone, and nobody knows what the provider has billed.
    """

    hold_id: str
    tenant: str
    accounts: tuple[Account, ...]
    amount_microusd: int
    ttl_ms: int
