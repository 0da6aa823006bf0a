"""The ledger's table; its events are written by the database itself, in the same transaction.

Every write is one statement in a transaction of its own, guarded by what it was decided from:
no lock is held while the network is waited for, and a repetition after a lost connection cannot
apply twice.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias, TypeVar

import psycopg
from psycopg.rows import DictRow

from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.errors import IllegalTransition, StorageUnavailable
from mcp_router.storage.postgres.database import Connection, Database, Job

T = TypeVar("T")

_MAX_ROUNDS = 20  # each lost round means that another caller has moved the row

_IDENTITY = (
    "tenant, key, action_id, principal, tool, fingerprint, arguments, write, created_ms, marker, "
    "run_id, object_id"
)
_STANDING = (
    "target, strategy, state, updated_ms, attempts, fence, owner, stamp, stamp_settled, ref_id, "
    "ref_url, error_code, decided_by"
)
COLUMNS = f"{_IDENTITY}, {_STANDING}, answer, lease_until_ms"

_MARKS = ", ".join(["%s"] * len(f"{_IDENTITY}, {_STANDING}, answer".split(", ")))
_SETS = ", ".join(f"{name} = %s" for name in _STANDING.split(", "))
_LEASE = "CASE WHEN %s::text IS NULL THEN 0 ELSE mcp_router_now_ms() + %s END"
_HELD = "(owner IS NOT NULL AND lease_until_ms > mcp_router_now_ms())"

_LOOK = (
    f"SELECT {COLUMNS}, {_HELD} AS held FROM actions "  # noqa: S608  # every word stands above
    "WHERE tenant = %s AND key = %s"
)
_INSERT = f"""
    INSERT INTO actions ({_IDENTITY}, {_STANDING}, answer, lease_until_ms, stored_ms)
    VALUES ({_MARKS}, {_LEASE}, mcp_router_now_ms())
    ON CONFLICT (tenant, key) DO NOTHING RETURNING lease_until_ms
"""  # noqa: S608  # every word of it stands above
_TAKE = f"""
    UPDATE actions SET {_SETS}, lease_until_ms = {_LEASE}, stored_ms = mcp_router_now_ms()
    WHERE tenant = %s AND key = %s AND state = %s AND fence = %s AND attempts = %s
        AND updated_ms = %s AND owner IS NOT DISTINCT FROM %s AND lease_until_ms = %s
    RETURNING lease_until_ms
"""  # noqa: S608  # every word of it stands above
_CHANGE = f"""
    UPDATE actions SET {_SETS}, stored_ms = mcp_router_now_ms(),
        lease_until_ms = CASE WHEN %s::text IS NULL THEN 0 ELSE lease_until_ms END
    WHERE tenant = %s AND key = %s AND state = %s AND fence = %s
"""  # noqa: S608  # every word of it stands above
_RENEW = """
    UPDATE actions SET lease_until_ms = mcp_router_now_ms() + %s
    WHERE owner COLLATE "C" >= %s AND owner COLLATE "C" < %s
        AND state NOT IN ('succeeded', 'failed', 'expired')
"""
_EXPIRE = """
    UPDATE actions SET state = 'expired', arguments = '', write = '', answer = NULL,
        updated_ms = mcp_router_now_ms(), stored_ms = mcp_router_now_ms()
    WHERE (tenant, key) IN (
        SELECT tenant, key FROM actions
        WHERE state IN ('succeeded', 'failed') AND stored_ms <= mcp_router_now_ms() - %s
        ORDER BY stored_ms LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""

Judge: TypeAlias = Callable[[Action, bool], Action]
Value: TypeAlias = str | int | bool | None


class ActionTable:
    """Keeps actions; every change is one transaction with its event."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def claim(self, wanted: Action, judge: Judge, lease_s: float) -> Action:
        """Insert `wanted`, or let `judge` look at the row that has its key.

        `judge` also learns whether the row's owner still holds it by the database's clock. It
        returns the row as it is to leave it so, or the row as it shall be, which then has a new
        lease; it must be pure. Returns what the row is afterwards.

        Raises:
            StorageUnavailable: nothing was reserved, as far as can be known.
        """
        lease_ms = round(lease_s * 1000)

        async def job(connection: Connection, again: bool) -> Action:
            inserted = await _insert(connection, wanted, lease_ms)

            if inserted is not None:
                return inserted

            return await _judge(connection, wanted, judge, lease_ms, again=again)

        return await self._lawfully(job)

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if the row still has `old`'s state and fence; say whether.

        Raises:
            IllegalTransition: the database itself refused, as it does for a terminal row.
            StorageUnavailable: the row stays as it was, unless the message says that nobody knows.
        """

        async def job(connection: Connection, again: bool) -> bool:
            if again and await _stands(connection, new):
                return True

            done = await connection.execute(
                _CHANGE,
                (*_standing(new), new.owner, old.tenant, old.key, old.state, old.fence),
            )
            return done.rowcount == 1 or (again and await _stands(connection, new))

        return await self._lawfully(job)

    async def renew(self, owner_process: str, lease_s: float) -> int:
        """Give everything that calls of this process own a new lease; return how many rows."""

        async def job(connection: Connection, again: bool) -> int:
            first, end = f"{owner_process}#", f"{owner_process}$"  # "$" comes right after "#"
            done = await connection.execute(_RENEW, (round(lease_s * 1000), first, end))
            return done.rowcount

        return await self._lawfully(job)

    async def keep_answer(self, action: Action, answer_json: str) -> None:
        """Keep the answer of an action that has succeeded, unless it has one."""

        async def job(connection: Connection, again: bool) -> None:
            await connection.execute(
                "UPDATE actions SET answer = %s WHERE tenant = %s AND key = %s "
                "AND action_id = %s AND state = 'succeeded' AND answer IS NULL",
                (answer_json, action.tenant, action.key, action.action_id),
            )

        await self._lawfully(job)

    async def expire(self, older_than_s: float, limit: int) -> int:
        """Make tombstones of at most `limit` rows that were settled so long ago; say how many."""

        async def job(connection: Connection, again: bool) -> int:
            done = await connection.execute(_EXPIRE, (round(older_than_s * 1000), limit))
            return done.rowcount

        return await self._lawfully(job)

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key, or None."""
        found = await self._where("tenant = %s AND key = %s", (tenant, key), limit=1)
        return found[0] if found else None

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id, or None."""
        found = await self._where("tenant = %s AND action_id = %s", (tenant, action_id), limit=1)
        return found[0] if found else None

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order in which they were reserved."""
        found = await self._where(
            "tenant = %s AND run_id = %s", (tenant, run_id), limit=limit, order="place DESC"
        )
        return found[::-1]

    async def unsettled(self, limit: int) -> tuple[Action, ...]:
        """Return what may have been applied and nobody holds by now, oldest first."""
        return await self._where(
            f"state IN ('sending', 'unknown') AND NOT {_HELD}",
            (),
            limit=limit,
            order="created_ms, place",
        )

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many actions each target has in each state."""

        async def job(
            connection: Connection, again: bool
        ) -> tuple[tuple[str, ActionState, int], ...]:
            found = await connection.execute(
                "SELECT target, state, count(*) AS number FROM actions "
                "GROUP BY target, state ORDER BY target, state"
            )
            return tuple(
                (row["target"], ActionState(row["state"]), row["number"])
                for row in await found.fetchall()
            )

        return await self._database.run(job)

    async def _where(
        self, condition: str, values: tuple[str, ...], *, limit: int, order: str = "place"
    ) -> tuple[Action, ...]:
        """Select by a condition and an order that this file wrote; values are always bound."""

        async def job(connection: Connection, again: bool) -> tuple[Action, ...]:
            query = (
                f"SELECT {COLUMNS} FROM actions WHERE {condition} "  # noqa: S608  # no caller's text
                f"ORDER BY {order} LIMIT %s"
            )
            found = await connection.execute(query, (*values, limit))
            return tuple(map(read_action, await found.fetchall()))

        return await self._database.run(job)

    async def _lawfully(self, job: Job[T]) -> T:
        """Run a job that writes.

        Raises:
            IllegalTransition: a trigger or a constraint refused what it wrote.
        """
        try:
            return await self._database.run(job)
        except psycopg.IntegrityError:
            # `from None`: the server's text names the values that it refuses.
            raise IllegalTransition("The database refuses this change of an action.") from None


async def _insert(connection: Connection, wanted: Action, lease_ms: int) -> Action | None:
    """Write a new row, or return None where the key is taken."""
    added = await connection.execute(
        _INSERT,
        (*_identity(wanted), *_standing(wanted), _answer_json(wanted), wanted.owner, lease_ms),
    )
    row = await added.fetchone()
    return None if row is None else replace(wanted, lease_until_ms=row["lease_until_ms"])


async def _judge(
    connection: Connection, wanted: Action, judge: Judge, lease_ms: int, *, again: bool
) -> Action:
    """Return the row of a key that is taken, after `judge` has looked at it.

    The row is written only as it was when it was judged, down to its lease; else it is judged
    anew. That is what a lock would give, without holding one while the network is waited for.
    """
    for _ in range(_MAX_ROUNDS):
        found = await connection.execute(_LOOK, (wanted.tenant, wanted.key))
        row = await found.fetchone()

        if row is None:
            break

        existing = read_action(row)

        if again and wanted.owner is not None and existing.owner == wanted.owner:
            return existing  # the former try has committed: an owner is one call

        judged = judge(existing, row["held"])

        if judged is existing:
            return existing

        taken = await _take(connection, judged, existing, lease_ms)

        if taken is not None:
            return taken

    raise StorageUnavailable("The action could not be looked at while others changed it.")


async def _take(
    connection: Connection, judged: Action, existing: Action, lease_ms: int
) -> Action | None:
    """Write the judged row with a new lease, or return None if `existing` has changed by now."""
    taken = await connection.execute(
        _TAKE,
        (
            *_standing(judged),
            judged.owner,
            lease_ms,
            existing.tenant,
            existing.key,
            existing.state,
            existing.fence,
            existing.attempts,
            existing.updated_ms,
            existing.owner,
            existing.lease_until_ms,
        ),
    )
    row = await taken.fetchone()
    return None if row is None else replace(judged, lease_until_ms=row["lease_until_ms"])


async def _stands(connection: Connection, new: Action) -> bool:
    """Return whether the row is what an earlier try of `change` was to make of it."""
    found = await connection.execute(_LOOK, (new.tenant, new.key))
    row = await found.fetchone()
    return row is not None and _standing(read_action(row)) == _standing(new)


def _identity(action: Action) -> tuple[Value, ...]:
    """Return what an action is, in the order of the columns."""
    return (
        action.tenant,
        action.key,
        action.action_id,
        action.principal,
        action.tool,
        action.fingerprint,
        action.arguments_json,
        _write_json(action),
        action.created_ms,
        action.marker,
        action.run_id,
        action.object_id,
    )


def _standing(action: Action) -> tuple[Value, ...]:
    """Return how an action stands, in the order of the columns."""
    held, ref = action.precondition, action.ref
    return (
        action.target,
        action.strategy,
        action.state,
        action.updated_ms,
        action.attempts,
        action.fence,
        action.owner,
        held.stamp if held else None,
        held.settled if held else None,
        ref.id if ref else None,
        ref.url if ref else None,
        action.error_code,
        action.decided_by,
    )


def read_action(row: DictRow) -> Action:
    """Return the frozen action of a row that has `COLUMNS`."""
    return Action(
        tenant=row["tenant"],
        key=row["key"],
        action_id=row["action_id"],
        principal=row["principal"],
        tool=row["tool"],
        target=row["target"],
        strategy=Strategy(row["strategy"]),
        fingerprint=row["fingerprint"],
        arguments_json=row["arguments"],
        state=ActionState(row["state"]),
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
        attempts=row["attempts"],
        fence=row["fence"],
        owner=row["owner"],
        lease_until_ms=row["lease_until_ms"],
        marker=row["marker"],
        run_id=row["run_id"],
        object_id=row["object_id"],
        error_code=row["error_code"],
        decided_by=row["decided_by"],
        precondition=_read_stamp(row),
        ref=None if row["ref_id"] is None else Ref(id=row["ref_id"], url=row["ref_url"]),
    )


def _read_stamp(row: DictRow) -> Precondition | None:
    """Return the precondition of a row."""
    if row["stamp"] is None:
        return None

    return Precondition(stamp=row["stamp"], settled=row["stamp_settled"])


def _write_json(action: Action) -> str:
    """Return the write that a reconciler rebuilds."""
    return ""


def _answer_json(action: Action) -> str | None:
    """Return the answer that a replay gives."""
    return None
