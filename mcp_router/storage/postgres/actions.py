"""The ledger's table; its events are written by the database itself, in the same transaction.

Every write is one statement guarded by what it was decided from: no lock is held while the
network is waited for, and a repetition after a lost connection cannot apply twice. Claims and
changes that come at the same time share a statement and its commit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from mcp_router.domain.action import Action, ActionState
from mcp_router.domain.record import Record
from mcp_router.errors import IllegalTransition, InvalidArguments, RouterError
from mcp_router.storage.postgres import rows
from mcp_router.storage.postgres.claims import (
    Claim,
    Found,
    Judge,
    insert,
    insert_again,
    refused,
    settle,
    take,
)
from mcp_router.storage.postgres.database import Connection, Database, Job
from mcp_router.storage.postgres.decisions import append_record, is_kept
from mcp_router.storage.postgres.writer import Writer

Item = TypeVar("Item")
Result = TypeVar("Result")
T = TypeVar("T")

_WORKERS = 2  # while one batch is being flushed, the server works on the next one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A row as it is believed to be, and as it shall be."""

    old: Action
    new: Action


class ActionTable:
    """Keeps actions; every change is one transaction with its event."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database
        self._claims: Writer[Claim, Found | None] = Writer(
            self._insert_all, lambda one: (one.wanted.tenant, one.wanted.key), workers=_WORKERS
        )
        self._changes: Writer[_Change, bool] = Writer(
            self._change_all, lambda one: (one.old.tenant, one.old.key), workers=_WORKERS
        )

    async def claim(
        self,
        wanted: Action,
        judge: Judge,
        lease_s: float,
        *,
        twins: tuple[str, ...] = (),
        since_ms: int = 0,
        event: Record | None = None,
    ) -> Action:
        """Insert `wanted`, or let `judge` look at the row that has its key.

        A row of one of `twins` that was created after `since_ms` stands for the key's own.
        `judge` also learns whether the row's owner still holds it by the database's clock. It
        returns the row as it is to leave it so, or the row as it shall be, which then has a new
        lease; it must be pure, and what it raises leaves everything as it is; else `event` is
        appended to the decision log in the same transaction. Returns what the row is afterwards.

        Raises:
            IllegalTransition: an action does not begin like `wanted`, or go on like the judge's.
            StorageUnavailable: nothing was claimed, as far as can be known.
        """
        asked = Claim(wanted=wanted, lease_ms=round(lease_s * 1000), twins=twins, since_ms=since_ms)

        if event is not None:
            return await self._claim_and_tell(asked, judge, event)

        # Twins are found under locks that are held until the commit, so these go alone.
        found = None if twins else await self._claims.add(asked)

        if found is not None and found.ours:
            return found.row

        judged = None if found is None else judge(found.row, found.held)

        if found is not None and judged is found.row:
            return found.row

        async def job(connection: Connection, again: bool) -> Action:
            if found is not None and judged is not None and not again:
                taken = await take(connection, judged, found.row, asked.lease_ms)

                if taken is not None:
                    return taken

            return await settle(connection, asked, judge, again=again)

        return await self._lawfully(job)

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if the row still has `old`'s state and fence; say whether.

        Raises:
            IllegalTransition: the database itself refused, as it does for a terminal row.
            StorageUnavailable: the row stays as it was, unless the message says that nobody knows.
        """
        return await self._changes.add(_Change(old=old, new=new))

    async def renew(self, owner_process: str, lease_s: float) -> int:
        """Give everything that calls of this process own a new lease; return how many rows."""
        first, end = f"{owner_process}#", f"{owner_process}$"  # "$" comes right after "#"
        return await self._count(rows.RENEW, (round(lease_s * 1000), first, end))

    async def expire(self, older_than_s: float, limit: int) -> int:
        """Make tombstones of at most `limit` rows that were settled so long ago; say how many."""
        return await self._count(rows.EXPIRE, (round(older_than_s * 1000), limit))

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key, or None."""
        found = await self._read(rows.LOOK, (tenant, key))
        return found[0] if found else None

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id, or None."""
        found = await self._read(rows.BY_ID, (tenant, action_id))
        return found[0] if found else None

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order in which they were reserved."""
        found = await self._read(rows.OF_RUN, (tenant, run_id, limit))
        return found[::-1]

    async def unsettled(self, target: str, limit: int, pause_ms: int) -> tuple[Action, ...]:
        """Return what may have been applied and nobody holds by now, longest untouched first.

        A row rests for `pause_ms` after it was touched, twice as long with each new owner.
        """
        return await self._read(rows.UNSETTLED, (target, pause_ms, limit))

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many undecided actions each target has, by state."""

        async def job(
            connection: Connection, again: bool
        ) -> tuple[tuple[str, ActionState, int], ...]:
            found = await connection.execute(rows.COUNTS)
            return tuple(
                (row["target"], ActionState(row["state"]), row["number"])
                for row in await found.fetchall()
            )

        return await self._database.run(job)

    async def aclose(self) -> None:
        """Finish the claims and changes that were accepted; the database stays open."""
        await self._claims.aclose()
        await self._changes.aclose()

    async def _read(self, query: str, values: tuple[rows.Value, ...]) -> tuple[Action, ...]:
        """Return what a query of `rows` finds."""

        async def job(connection: Connection, again: bool) -> tuple[Action, ...]:
            found = await connection.execute(query, values)
            return tuple(map(rows.read_action, await found.fetchall()))

        return await self._database.run(job)

    async def _count(self, statement: str, values: tuple[rows.Value, ...]) -> int:
        """Return how many rows a statement of `rows` has changed."""

        async def job(connection: Connection, again: bool) -> int:
            return (await connection.execute(statement, values)).rowcount

        return await self._lawfully(job)

    async def _insert_all(self, batch: Sequence[Claim]) -> Sequence[Found | RouterError | None]:
        """Insert what has no row yet; None where a row has just come to be that was not seen."""

        async def job(connection: Connection, again: bool) -> Sequence[Found | RouterError | None]:
            if again:
                return [await insert_again(connection, one) for one in batch]

            return await insert(connection, batch)

        return await self._together(self._insert_all, job, batch)

    async def _change_all(self, batch: Sequence[_Change]) -> Sequence[bool | RouterError]:
        """Make each change whose row is as it was believed to be."""

        async def job(connection: Connection, again: bool) -> Sequence[bool | RouterError]:
            if again:
                return [await _change_again(connection, one) for one in batch]

            return await _change(connection, batch)

        return await self._together(self._change_all, job, batch)

    async def _together(
        self,
        commit: "Callable[[Sequence[Item]], Awaitable[Sequence[Result | RouterError]]]",
        job: "Job[Sequence[Result | RouterError]]",
        batch: Sequence[Item],
    ) -> Sequence[Result | RouterError]:
        """Commit a batch at once, or each item by itself where one of them is refused."""
        try:
            return await self._lawfully(job)
        except (IllegalTransition, InvalidArguments) as error:
            if len(batch) == 1:
                return [error]

        alone = await asyncio.gather(*(commit([one]) for one in batch))
        return [answer for [answer] in alone]

    async def _claim_and_tell(self, asked: Claim, judge: Judge, event: Record) -> Action:
        """Return what the row is after `judge` has looked at it, and `event` was appended."""

        async def job(connection: Connection, again: bool) -> Action:
            async with connection.transaction():
                # After a lost connection the former try may have been kept, event and all.
                if again and await is_kept(connection, event):
                    return await settle(connection, asked, lambda row, held: row, again=False)

                row = await settle(connection, asked, judge, again=False)
                await append_record(connection, event)
                return row

        return await self._lawfully(job)

    async def _lawfully(self, job: Job[T]) -> T:
        """Run a job that writes.

        Raises:
            IllegalTransition: a trigger or a constraint refused what it wrote.
        """
        try:
            return await self._database.run(job)
        except psycopg.IntegrityError:
            raise refused() from None  # the server's text names the values that it refuses


async def _change(connection: Connection, batch: Sequence[_Change]) -> Sequence[bool]:
    """Make the changes in one statement; say of each whether its row was as it was believed."""
    items = rows.changed((one.old, one.new) for one in batch)
    done = await connection.execute(rows.CHANGE, (items,))
    made = {row["n"] for row in await done.fetchall()}
    return [place in made for place in range(1, len(batch) + 1)]


async def _change_again(connection: Connection, change: _Change) -> bool | RouterError:
    """Make a change that an earlier try may have made, or may be about to."""
    if await _stands(connection, change.new):
        return True

    try:
        [made] = await _change(connection, [change])
    except psycopg.IntegrityError:
        return refused()

    return made or await _stands(connection, change.new)


async def _stands(connection: Connection, new: Action) -> bool:
    """Return whether the row is what an earlier try was to make of it."""
    found = await connection.execute(rows.LOOK, (new.tenant, new.key))
    row = await found.fetchone()
    return row is not None and rows.standing(rows.read_action(row)) == rows.standing(new)
