"""Accounts and what calls hold of them, decided by the database itself.

One statement does what all waiting callers ask for, one after the other, under the locks of their
accounts: no lock is held while the network is waited for, and all of it shares one commit.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import psycopg
from psycopg.rows import DictRow

from mcp_router.domain.budget import Account, Balance, Hold
from mcp_router.errors import IllegalTransition, InvalidArguments, RouterError
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.writer import Writer

FORGOTTEN_MS = 24 * 60 * 60 * 1000
"""How long after its end a hold that counted as spent in full can still be put right."""

_Place: TypeAlias = tuple[str, str, str]  # tenant, scope and key

_DO = "SELECT * FROM mcp_router_budget(%s::json, %s::json) ORDER BY n"
_SWEEP = "SELECT mcp_router_sweep(%s, %s) AS swept"
_BALANCES = """
    SELECT coalesce(b.spent_microusd, 0) AS spent, coalesce(b.held_microusd, 0) AS held
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS a(scope, key, place)
        LEFT JOIN budget_accounts b
            ON b.tenant = %s AND b.scope = a.scope AND b.key = a.key
    ORDER BY a.place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """What a caller asks for: `hold`, `extend` or `settle`, with the amount that it is about."""

    what: str
    hold: Hold
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """How the accounts stand after an item, and which of them was too short for it."""

    balances: tuple[Balance, ...]
    short: Balance | None


class BudgetTable:
    """Keeps accounts and holds; what is held of an account is the sum of its open holds."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`, with its clock."""
        self._database = database
        # One worker: what comes after a hold, for the same hold, must find it there.
        self._writer: Writer[_Item, _Done] = Writer(self._do, lambda item: item.hold.hold_id)

    async def balances(self, tenant: str, accounts: tuple[Account, ...]) -> tuple[Balance, ...]:
        """Return how accounts stand, in their order."""
        scopes, keys = [one.scope.value for one in accounts], [one.key for one in accounts]

        async def job(connection: Connection, again: bool) -> tuple[Balance, ...]:
            found = await connection.execute(_BALANCES, (scopes, keys, tenant))
            rows = [(row["spent"], row["held"]) for row in await found.fetchall()]
            return _balances(accounts, rows)

        return await self._database.run(job)

    async def hold(self, hold: Hold) -> Balance | None:
        """Set the amount aside in every account; return the first that does not cover it."""
        done = await self._writer.add(_Item(what="hold", hold=hold, amount=hold.amount_microusd))
        return done.short

    async def extend(self, hold: Hold) -> Balance | None:
        """Raise what the hold has set aside to its amount; return who does not cover it.

        Raises:
            IllegalTransition: it is settled.
        """
        done = await self._writer.add(_Item(what="extend", hold=hold, amount=hold.amount_microusd))
        return done.short

    async def settle(self, hold: Hold, spent_microusd: int) -> tuple[Balance, ...]:
        """Count that much as spent, let go of the rest, and return the hold's accounts."""
        done = await self._writer.add(_Item(what="settle", hold=hold, amount=spent_microusd))
        return done.balances

    async def settle_expired(self, limit: int) -> int:
        """Count at most `limit` holds as spent in full whose time is over; say how many."""

        async def job(connection: Connection, again: bool) -> int:
            found = await connection.execute(_SWEEP, (limit, FORGOTTEN_MS))
            row = await found.fetchone()
            assert row is not None, "a function returns a row"
            return int(row["swept"])

        return await self._database.run(job)

    async def aclose(self) -> None:
        """Finish what was accepted; the database stays open."""
        await self._writer.aclose()

    async def _do(self, batch: Sequence[_Item]) -> Sequence[_Done | RouterError]:
        """Do what a batch asks for in one transaction, or one by one if an item is refused."""

        places = _places(batch)
        numbers = {place: number for number, place in enumerate(places, start=1)}
        told = json.dumps(places), json.dumps([_told(one, numbers) for one in batch])

        async def job(connection: Connection, again: bool) -> Sequence[_Done | RouterError]:
            found = await connection.execute(_DO, told)
            rows = await found.fetchall()
            return [_read(item, row) for item, row in zip(batch, rows, strict=True)]

        try:
            return await self._database.run(job)
        except psycopg.IntegrityError:
            refused: RouterError = IllegalTransition("The database refuses this change of a hold.")
        except InvalidArguments as error:
            refused = error

        if len(batch) == 1:
            return [refused]

        return [(await self._do([item]))[0] for item in batch]


def _places(batch: Sequence[_Item]) -> list[_Place]:
    """Return every account of a batch once, in the order in which everybody locks them."""
    return sorted(
        {
            (item.hold.tenant, one.scope.value, one.key)
            for item in batch
            for one in item.hold.accounts
        }
    )


def _told(item: _Item, numbers: Mapping[_Place, int]) -> dict[str, object]:
    """Return an item as the database's function reads it, its accounts by their numbers."""
    hold = item.hold
    return {
        "what": item.what,
        "hold_id": hold.hold_id,
        "tenant": hold.tenant,
        "scopes": [one.scope.value for one in hold.accounts],
        "keys": [one.key for one in hold.accounts],
        "limits": [one.limit_microusd for one in hold.accounts],
        "at": [numbers[hold.tenant, one.scope.value, one.key] for one in hold.accounts],
        "amount": item.amount,
        "ttl": hold.ttl_ms,
    }


def _read(item: _Item, row: DictRow) -> _Done | RouterError:
    """Return what the database's function says of an item."""
    if row["gone"]:
        return IllegalTransition("A hold that is settled cannot be extended.")

    balances = _balances(item.hold.accounts, zip(row["spent"], row["held"], strict=True))
    short = None if row["short"] is None else balances[row["short"] - 1]
    return _Done(balances=balances, short=short)


def _balances(
    accounts: tuple[Account, ...], rows: Iterable[tuple[int, int]]
) -> tuple[Balance, ...]:
    """Return how accounts stand, by what is spent and held of each."""
    return tuple(
        Balance(account=account, spent_microusd=spent, held_microusd=held)
        for account, (spent, held) in zip(accounts, rows, strict=True)
    )
