"""The ledger's table; its events are written by the database itself, in the same transaction."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias, TypeVar

from mcp_router.domain.action import INITIAL, Action, ActionState
from mcp_router.domain.record import Record
from mcp_router.errors import IllegalTransition
from mcp_router.storage.owner import Host
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.decisions import insert_record
from mcp_router.storage.sqlite.rows import (
    COLUMNS,
    IDENTITY,
    STANDING,
    Value,
    identity,
    read_action,
    standing,
)

T = TypeVar("T")

LONGEST_LEASE_S = 24 * 60 * 60
"""A lease that ends later than this is of another boot, whose clock had run for longer."""

_INSERTED = f"{IDENTITY}, {STANDING}, lease_until_ms, touched_boot, touched_ms, sent_boot, sent_ms"
_MARKS = ", ".join("?" * len(_INSERTED.split(", ")))
_SETS = ", ".join(f"{name} = ?" for name in f"{STANDING}, touched_boot, touched_ms".split(", "))
_KEYED = "tenant = ? AND key = ?"
_LEFT = "lease_until_ms = CASE WHEN ? IS NULL THEN 0 ELSE lease_until_ms END"
_SENT = "sent_boot = coalesce(sent_boot, ?), sent_ms = coalesce(sent_ms, ?)"
_OPEN = "state IN ('sending', 'unknown', 'needs_human')"  # word for word as the index has it

# Every word of these stands above: values are always bound, and no text of a caller gets in.
_INSERT = f"INSERT INTO actions ({_INSERTED}) VALUES ({_MARKS})"  # noqa: S608  # our words
_CHANGE = f"UPDATE actions SET {_SETS}, {_LEFT} WHERE {_KEYED} AND state = ? AND fence = ?"  # noqa: S608  # our words
_START = f"UPDATE actions SET {_SETS}, {_LEFT}, {_SENT} WHERE {_KEYED} AND state = ? AND fence = ?"  # noqa: S608  # our words
_LEASE = f"UPDATE actions SET lease_until_ms = ? WHERE {_KEYED}"  # noqa: S608  # our words
_RENEW = """
    UPDATE actions SET lease_until_ms = ? WHERE owner >= ? AND owner < ?
        AND state IN ('reserved', 'sending', 'unknown', 'needs_human')
"""
_UNSETTLED = f"""
    SELECT {COLUMNS} FROM actions
    WHERE target = ? AND {_OPEN} AND state <> 'needs_human' AND (
        touched_boot IS NOT ? OR touched_ms > ?
        OR touched_ms + ? * (1 << min(fence - 1, 7)) <= ?
    )
    ORDER BY touched_boot IS ?, touched_ms, place
"""  # noqa: S608  # our words
_COUNTS = f"""
    SELECT target, state, count(*) AS number FROM actions
    WHERE {_OPEN} GROUP BY target, state
    ORDER BY target, state
"""  # noqa: S608  # our words
_EXPIRE = """
    UPDATE actions SET state = 'expired', arguments = '', write = '', answer = NULL, updated_ms = ?
    WHERE place IN (
        SELECT place FROM actions
        WHERE state IN ('succeeded', 'failed') AND updated_ms <= ? ORDER BY updated_ms LIMIT ?
    )
"""

Judge: TypeAlias = Callable[[Action, bool], Action]


class ActionTable:
    """Keeps actions; every change is one transaction with its event."""

    def __init__(self, database: Database, host: Host) -> None:
        """Use the tables in `database`, with the clock and the processes of `host`."""
        self._database = database
        self._host = host

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
        """Insert `wanted`, or let `judge` look at the row that has its key, in one transaction.

        A row of one of `twins` that was created after `since_ms` stands for the key's own.
        `judge` also learns whether the row's owner still holds it. It returns the row as it is to
        leave it so, or the row as it shall be, which then has a new lease; it must be pure, and
        what it raises is raised here; else `event` is appended to the decision log in the same
        transaction. Returns what the row is afterwards.

        Raises:
            IllegalTransition: the database itself refused.
            StorageUnavailable: nothing was reserved.
        """
        lease_ms = round(lease_s * 1000)

        def job(connection: sqlite3.Connection) -> Action:
            if not twins and wanted.state in INITIAL:
                # A key is new nearly always: insert before asking.
                try:
                    return self._insert(connection, wanted, lease_ms)
                except sqlite3.IntegrityError:
                    existing = self._find(connection, wanted, twins, since_ms)

                    if existing is None:
                        raise
            else:
                existing = self._find(connection, wanted, twins, since_ms)

            if existing is None:
                return self._insert(connection, wanted, lease_ms)

            judged = judge(existing, self._is_held(existing))

            if judged is existing:
                return existing

            return self._take(connection, existing, judged, lease_ms)

        def told(connection: sqlite3.Connection) -> Action:
            row = job(connection)

            if event is not None:
                insert_record(connection, event)

            return row

        return await self._write(told)

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if the row still has `old`'s state and fence; say whether.

        Raises:
            IllegalTransition: the database itself refused, as it does for a terminal row.
            StorageUnavailable: the row stays as it was. On a full disk, a change that neither
                starts a write nor carries an answer may still be possible.
        """
        last = new.answer_json is None and new.state is not ActionState.SENDING
        return await self._write(lambda connection: self._change(connection, old, new), last=last)

    async def renew(self, owner_process: str, lease_s: float) -> int:
        """Give everything that calls of this process own a new lease; return how many rows."""
        first, end = f"{owner_process}#", f"{owner_process}$"  # "$" comes right after "#"

        def job(connection: sqlite3.Connection) -> int:
            until_ms = self._host.now_ms() + round(lease_s * 1000)
            return connection.execute(_RENEW, (until_ms, first, end)).rowcount

        return await self._write(job)

    async def expire(self, older_than_s: float, limit: int) -> int:
        """Make tombstones of at most `limit` rows that were settled so long ago; say how many.

        The wall clock counts here, because a boot may be shorter than that. At worst a jump of it
        makes a tombstone early, which answers a repeated call but never lets it through.
        """

        def job(connection: sqlite3.Connection) -> int:
            now_ms = self._host.wall_ms()
            before_ms = now_ms - round(older_than_s * 1000)
            return connection.execute(_EXPIRE, (now_ms, before_ms, limit)).rowcount

        return await self._write(job)

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key, or None."""
        found = await self._where(_KEYED, (tenant, key), 1)
        return found[0] if found else None

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id, or None."""
        found = await self._where("tenant = ? AND action_id = ?", (tenant, action_id), 1)
        return found[0] if found else None

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order in which they were reserved."""
        found = await self._where("tenant = ? AND run_id = ?", (tenant, run_id), limit)
        return found[::-1]

    async def unsettled(self, target: str, limit: int, pause_ms: int) -> tuple[Action, ...]:
        """Return what may have been applied and nobody holds, the longest untouched first.

        A row rests for `pause_ms` after its first owner, and twice as long after each further
        one, up to 128 times. What was touched before the last boot has rested long enough.
        """

        def job(connection: sqlite3.Connection) -> tuple[Action, ...]:
            boot, now_ms = self._host.boot, self._host.now_ms()
            values = (target, boot, now_ms, pause_ms, now_ms, boot)
            rows = (read_action(row, self._host) for row in connection.execute(_UNSETTLED, values))
            free = (row for row in rows if not self._is_held(row))
            return tuple(row for row, _ in zip(free, range(limit), strict=False))

        return await self._database.read(job)

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many actions each target has in each state that is not decided."""
        return await self._database.read(
            lambda connection: tuple(
                (row["target"], ActionState(row["state"]), row["number"])
                for row in connection.execute(_COUNTS)
            )
        )

    async def _where(
        self, condition: str, values: tuple[str, ...], limit: int
    ) -> tuple[Action, ...]:
        """Return rows of a fixed condition, newest first."""
        return await self._database.read(
            lambda connection: tuple(
                select_actions(connection, self._host, condition, values, limit, order="place DESC")
            )
        )

    async def _write(self, job: Callable[[sqlite3.Connection], T], *, last: bool = False) -> T:
        """Run a job that writes.

        Raises:
            IllegalTransition: a trigger or a constraint refused what it wrote.
        """
        try:
            return await self._database.write(job, last=last)
        except sqlite3.IntegrityError as error:
            raise IllegalTransition("The database refuses this change of an action.") from error

    def _insert(self, connection: sqlite3.Connection, wanted: Action, lease_ms: int) -> Action:
        """Write a new row with its lease and return it."""
        boot, now_ms = self._host.boot, self._host.now_ms()
        until_ms = 0 if wanted.owner is None else now_ms + lease_ms
        sent = wanted.state is ActionState.SENDING
        connection.execute(
            _INSERT,
            (
                *identity(wanted),
                *standing(wanted),
                until_ms,
                boot,
                now_ms,
                boot if sent else None,
                now_ms if sent else None,
            ),
        )
        return replace(wanted, lease_until_ms=until_ms, sent_ago_ms=0 if sent and boot else None)

    def _find(
        self, connection: sqlite3.Connection, wanted: Action, twins: tuple[str, ...], since_ms: int
    ) -> Action | None:
        """Return the row of the key, else that of its first young twin."""
        keys = (wanted.key, *twins)
        marks = ", ".join("?" * len(keys))
        rows = {
            row.key: row
            for row in select_actions(
                connection,
                self._host,
                f"tenant = ? AND key IN ({marks})",
                (wanted.tenant, *keys),
                len(keys),
            )
        }
        own = rows.get(wanted.key)
        near = (rows[twin] for twin in twins if twin in rows)
        return own or next((row for row in near if row.created_ms > since_ms), None)

    def _take(
        self, connection: sqlite3.Connection, existing: Action, judged: Action, lease_ms: int
    ) -> Action:
        """Write the judged row with a new lease and return it as it is then."""
        self._change(connection, existing, judged)

        if judged.owner is not None:
            until_ms = self._host.now_ms() + lease_ms
            connection.execute(_LEASE, (until_ms, existing.tenant, existing.key))

        written = self._find(connection, existing, (), 0)
        assert written is not None, "the row was there when it was judged"
        return written

    def _change(self, connection: sqlite3.Connection, old: Action, new: Action) -> bool:
        """Write how an action stands now, under the old state and fence; say whether it was so."""
        touched: tuple[Value, ...] = (self._host.boot, self._host.now_ms())
        where = (old.tenant, old.key, old.state.value, old.fence)

        if new.state is ActionState.SENDING:
            values = (*standing(new), *touched, new.owner, *touched, *where)
            return connection.execute(_START, values).rowcount == 1

        values = (*standing(new), *touched, new.owner, *where)
        return connection.execute(_CHANGE, values).rowcount == 1

    def _is_held(self, row: Action) -> bool:
        """Return whether an owner is at it: while its lease runs and its process lives."""
        now_ms = self._host.now_ms()
        runs = now_ms < row.lease_until_ms <= now_ms + LONGEST_LEASE_S * 1000
        return row.owner is not None and runs and self._host.is_alive(row.owner)


def select_actions(
    connection: sqlite3.Connection,
    host: Host,
    condition: str,
    values: tuple[str | None, ...],
    limit: int,
    order: str = "place",
) -> Iterator[Action]:
    """Select by a condition and an order that this room wrote; values are always bound."""
    query = (
        f"SELECT {COLUMNS} FROM actions "  # noqa: S608  # no text of a caller gets in here
        f"WHERE {condition} ORDER BY {order} LIMIT ?"
    )
    return (read_action(row, host) for row in connection.execute(query, (*values, limit)))
