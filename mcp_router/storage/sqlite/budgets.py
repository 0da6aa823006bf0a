"""Accounts and what calls hold of them; a hold is one transaction over all of its accounts."""

import json
import sqlite3
from collections.abc import Callable

from mcp_router.domain.budget import Account, Balance, Hold
from mcp_router.errors import IllegalTransition
from mcp_router.storage.owner import Host
from mcp_router.storage.sqlite.database import Database

FORGOTTEN_MS = 24 * 60 * 60 * 1000
"""How long after its end a hold that counted as spent in full can still be put right."""

_KEYED = "tenant = ? AND scope = ? AND key = ?"
# A new account is at zero. An amount of nothing fits into an account that is overspent.
_TAKE = """
    INSERT INTO budget_accounts (tenant, scope, key, spent_microusd, held_microusd)
    SELECT :tenant, :scope, :key, 0, :amount
    WHERE :most IS NULL OR :amount <= :most OR EXISTS (
        SELECT 1 FROM budget_accounts WHERE tenant = :tenant AND scope = :scope AND key = :key
    )
    ON CONFLICT (tenant, scope, key) DO UPDATE SET held_microusd = held_microusd + :amount
    WHERE :most IS NULL OR :amount = 0 OR spent_microusd + held_microusd + :amount <= :most
"""
_MOVE = f"""
    UPDATE budget_accounts
    SET spent_microusd = spent_microusd + ?, held_microusd = held_microusd + ? WHERE {_KEYED}
    RETURNING spent_microusd, held_microusd
"""  # noqa: S608  # our words
_BALANCE = f"SELECT spent_microusd, held_microusd FROM budget_accounts WHERE {_KEYED}"  # noqa: S608  # our words
_FIND = "SELECT amount_microusd, lapsed FROM budget_holds WHERE hold_id = ?"
_HOLD = """
    INSERT INTO budget_holds (hold_id, tenant, accounts, amount_microusd, expires_ms, lapsed)
    VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (hold_id) DO NOTHING
"""
_EXTEND = """
    UPDATE budget_holds SET amount_microusd = ?, expires_ms = ?, lapsed = 0 WHERE hold_id = ?
"""
_SETTLE = "DELETE FROM budget_holds WHERE hold_id = ?"
_OVER = """
    SELECT hold_id, tenant, accounts, amount_microusd FROM budget_holds
    WHERE lapsed = 0 AND expires_ms <= ? ORDER BY expires_ms, hold_id LIMIT ?
"""
_LAPSE = "UPDATE budget_holds SET lapsed = 1 WHERE hold_id = ?"
_FORGET = "DELETE FROM budget_holds WHERE lapsed = 1 AND expires_ms <= ?"


class _Short(Exception):
    """An account does not cover a hold: undoes what the others have given already."""

    def __init__(self, balance: Balance) -> None:
        """Keep how that account stands."""
        super().__init__()
        self.balance = balance


class BudgetTable:
    """Keeps accounts and holds; what is held of an account is the sum of its open holds."""

    def __init__(self, database: Database, host: Host) -> None:
        """Use the tables in `database`, with the wall clock of `host`."""
        self._database = database
        self._host = host

    async def balances(self, tenant: str, accounts: tuple[Account, ...]) -> tuple[Balance, ...]:
        """Return how accounts stand, in their order."""
        return await self._database.read(lambda connection: _balances(connection, tenant, accounts))

    async def hold(self, hold: Hold) -> Balance | None:
        """Set the amount aside in every account; return the first that does not cover it."""

        def job(connection: sqlite3.Connection) -> None:
            names = json.dumps([(one.scope.value, one.key) for one in hold.accounts])
            values = (hold.hold_id, hold.tenant, names, hold.amount_microusd, self._end_ms(hold))

            if connection.execute(_HOLD, values).rowcount == 1:
                _take(connection, hold, hold.amount_microusd)

        return await self._try(job)

    async def extend(self, hold: Hold) -> Balance | None:
        """Raise what the hold has set aside to its amount; return who does not cover it.

        Raises:
            IllegalTransition: it is settled.
        """

        def job(connection: sqlite3.Connection) -> None:
            row = connection.execute(_FIND, (hold.hold_id,)).fetchone()

            if row is None:
                raise IllegalTransition("A hold that is settled cannot be extended.")

            before = row["amount_microusd"]
            amount = max(before, hold.amount_microusd)
            _take(connection, hold, amount - before)

            if row["lapsed"]:
                _move(connection, hold, spent=-before, held=before)

            connection.execute(_EXTEND, (amount, self._end_ms(hold), hold.hold_id))

        return await self._try(job)

    async def settle(self, hold: Hold, spent_microusd: int) -> tuple[Balance, ...]:
        """Count that much as spent, let go of the rest, and return the hold's accounts."""

        def job(connection: sqlite3.Connection) -> tuple[Balance, ...]:
            row = connection.execute(_FIND, (hold.hold_id,)).fetchone()

            if row is None:
                return _balances(connection, hold.tenant, hold.accounts)

            amount = row["amount_microusd"]
            assumed, held = (amount, 0) if row["lapsed"] else (0, amount)
            connection.execute(_SETTLE, (hold.hold_id,))
            return _move(connection, hold, spent=spent_microusd - assumed, held=-held)

        return await self._database.write(job)

    async def settle_expired(self, limit: int) -> int:
        """Count at most `limit` holds as spent in full whose time is over; say how many."""

        def job(connection: sqlite3.Connection) -> int:
            now_ms = self._host.wall_ms()
            connection.execute(_FORGET, (now_ms - FORGOTTEN_MS,))
            over = connection.execute(_OVER, (now_ms, limit)).fetchall()

            for row in over:
                amount = row["amount_microusd"]

                for scope, key in json.loads(row["accounts"]):
                    values = (amount, -amount, row["tenant"], scope, key)
                    connection.execute(_MOVE, values).fetchone()

                connection.execute(_LAPSE, (row["hold_id"],))

            return len(over)

        return await self._database.write(job)

    async def _try(self, job: Callable[[sqlite3.Connection], None]) -> Balance | None:
        """Run a job that an account may be too short for; then nothing of it remains."""
        try:
            await self._database.write(job)
        except _Short as short:
            return short.balance

        return None

    def _end_ms(self, hold: Hold) -> int:
        """Return when a hold ends whose time begins now."""
        return self._host.wall_ms() + hold.ttl_ms


def _take(connection: sqlite3.Connection, hold: Hold, amount_microusd: int) -> None:
    """Set an amount aside in each account.

    Raises:
        _Short: an account does not cover it.
    """
    for one in hold.accounts:
        values = {
            "tenant": hold.tenant,
            "scope": one.scope.value,
            "key": one.key,
            "amount": amount_microusd,
            "most": one.limit_microusd,
        }

        if connection.execute(_TAKE, values).rowcount != 1:
            raise _Short(_balance(connection, hold.tenant, one))


def _move(
    connection: sqlite3.Connection, hold: Hold, *, spent: int, held: int
) -> tuple[Balance, ...]:
    """Add to what is spent and held in each account, and return how they stand then."""
    balances = []

    for one in hold.accounts:
        values = (spent, held, hold.tenant, one.scope.value, one.key)
        now = connection.execute(_MOVE, values).fetchone()
        balances.append(Balance(account=one, spent_microusd=now[0], held_microusd=now[1]))

    return tuple(balances)


def _balances(
    connection: sqlite3.Connection, tenant: str, accounts: tuple[Account, ...]
) -> tuple[Balance, ...]:
    """Return how accounts stand."""
    return tuple(_balance(connection, tenant, one) for one in accounts)


def _balance(connection: sqlite3.Connection, tenant: str, account: Account) -> Balance:
    """Return how an account stands; one that nothing was ever held of is at zero."""
    row = connection.execute(_BALANCE, (tenant, account.scope.value, account.key)).fetchone()
    spent, held = (0, 0) if row is None else row
    return Balance(account=account, spent_microusd=spent, held_microusd=held)
