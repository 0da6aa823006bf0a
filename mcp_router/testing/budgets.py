"""Budgets in memory for tests; they pass the same contract suite as the databases."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from anyio.lowlevel import checkpoint

from mcp_router.clock import Clock
from mcp_router.domain.budget import Account, Balance, Hold
from mcp_router.errors import IllegalTransition, StorageUnavailable

_FORGOTTEN_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A hold as it stands; `lapsed` says that it counts as spent in full."""

    hold: Hold
    expires_ms: int
    lapsed: bool = False


class MemoryBudgets:
    """A store of budgets in memory, on the wall time of `clock`.

    While `broken`, writing raises StorageUnavailable.
    """

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._money: dict[tuple[str, str, str], tuple[int, int]] = {}  # spent, held
        self._holds: dict[str, _Kept] = {}
        self.broken = False

    async def balances(self, tenant: str, accounts: tuple[Account, ...]) -> tuple[Balance, ...]:
        """Return how accounts stand, in their order."""
        await checkpoint()
        return self._balances(tenant, accounts)

    async def hold(self, hold: Hold) -> Balance | None:
        """Set the amount aside in every account; return the first that does not cover it."""
        await self._commit()

        if hold.hold_id in self._holds:
            return None

        return self._take(hold, hold.amount_microusd)

    async def extend(self, hold: Hold) -> Balance | None:
        """Raise what the hold has set aside to its amount; return who does not cover it."""
        await self._commit()
        kept = self._holds.get(hold.hold_id)

        if kept is None:
            raise IllegalTransition("A hold that is settled cannot be extended.")

        before = kept.hold.amount_microusd
        amount = max(before, hold.amount_microusd)
        short = self._take(replace(hold, amount_microusd=amount), amount - before)

        if short is None and kept.lapsed:
            self._move(hold, spent=-before, held=before)

        return short

    async def settle(self, hold: Hold, spent_microusd: int) -> tuple[Balance, ...]:
        """Count that much as spent, let go of the rest, and return the hold's accounts."""
        await self._commit()
        kept = self._holds.pop(hold.hold_id, None)

        if kept is not None:
            amount = kept.hold.amount_microusd
            assumed, held = (amount, 0) if kept.lapsed else (0, amount)
            self._move(hold, spent=spent_microusd - assumed, held=-held)

        return self._balances(hold.tenant, hold.accounts)

    async def settle_expired(self, limit: int) -> int:
        """Count at most `limit` holds as spent in full whose time is over; say how many."""
        await self._commit()
        now_ms = self._clock.now_ms()
        self._holds = {
            name: one
            for name, one in self._holds.items()
            if not one.lapsed or one.expires_ms > now_ms - _FORGOTTEN_MS
        }
        over = [one for one in self._holds.values() if not one.lapsed and one.expires_ms <= now_ms]
        over.sort(key=lambda one: (one.expires_ms, one.hold.hold_id))

        for one in over[:limit]:
            amount = one.hold.amount_microusd
            self._move(one.hold, spent=amount, held=-amount)
            self._holds[one.hold.hold_id] = replace(one, lapsed=True)

        return len(over[:limit])

    def _take(self, hold: Hold, more_microusd: int) -> Balance | None:
        """Keep the hold with more set aside, or return the account that does not cover that."""
        balances = self._balances(hold.tenant, hold.accounts)
        short = next((one for one in balances if not _covers(one, more_microusd)), None)

        if short is None:
            self._move(hold, spent=0, held=more_microusd)
            ends_ms = self._clock.now_ms() + hold.ttl_ms
            self._holds[hold.hold_id] = _Kept(hold=hold, expires_ms=ends_ms)

        return short

    def _move(self, hold: Hold, *, spent: int, held: int) -> None:
        """Add to what is spent and held in each account."""
        for place in _places(hold.tenant, hold.accounts):
            before = self._money.get(place, (0, 0))
            self._money[place] = before[0] + spent, before[1] + held

    def _balances(self, tenant: str, accounts: tuple[Account, ...]) -> tuple[Balance, ...]:
        """Return how accounts stand."""
        found = (self._money.get(place, (0, 0)) for place in _places(tenant, accounts))
        return tuple(
            Balance(account=account, spent_microusd=spent, held_microusd=held)
            for account, (spent, held) in zip(accounts, found, strict=True)
        )

    async def _commit(self) -> None:
        """Let other tasks run, as a commit does, then refuse if the store is broken."""
        await checkpoint()

        if self.broken:
            raise StorageUnavailable("The store is broken for a test.")


def _covers(balance: Balance, amount_microusd: int) -> bool:
    """Return whether the account has that much left."""
    return balance.left_microusd is None or amount_microusd <= balance.left_microusd


def _places(tenant: str, accounts: tuple[Account, ...]) -> Iterable[tuple[str, str, str]]:
    """Return where accounts are kept."""
    return ((tenant, one.scope.value, one.key) for one in accounts)
