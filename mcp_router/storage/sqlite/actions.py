"""The ledger's table and its events."""

import sqlite3
from collections.abc import Callable

from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.errors import IllegalTransition
from mcp_router.storage.sqlite.database import Database

_COLUMNS = (
    "tenant, key, action_id, principal, tool, target, strategy, fingerprint, arguments, state, "
    "created_ms, updated_ms, attempts, fence, owner, lease_until_ms, marker, run_id, object_id, "
    "stamp, stamp_settled, ref_id, ref_url, error_code, decided_by"
)


class ActionTable:
    """Keeps actions; every change is one transaction with its event."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def claim(
        self,
        wanted: Action,
        judge: Callable[[Action], Action],
        *,
        twins: tuple[str, ...] = (),
        since_ms: int = 0,
    ) -> Action:
        """Insert `wanted`, or let `judge` look at the row that has its key, in one transaction.

        A row of one of `twins` that was created after `since_ms` stands for the key's own.
        Returns what the row is afterwards. `judge` returns the row as it is to leave it so, or
        the row as it shall be; it must be pure.
        """

        def job(connection: sqlite3.Connection) -> Action:
            found = _select(connection, wanted.tenant, wanted.key)
            near = (_select(connection, wanted.tenant, twin) for twin in twins)
            young = (row for row in near if row is not None and row.created_ms > since_ms)
            existing = found or next(young, None)

            if existing is None:
                _insert(connection, wanted)
                return wanted

            judged = judge(existing)

            if judged is not existing:
                _update(connection, judged, existing)

            return judged

        return await self._database.write(job)

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if the row still has `old`'s state and fence; say whether.

        Raises:
            IllegalTransition: the database itself refused, as it does for a terminal row.
            StorageUnavailable: the row stays as it was.
        """
        try:
            return await self._database.write(lambda connection: _update(connection, new, old))
        except sqlite3.IntegrityError as error:
            raise IllegalTransition("The database refuses this change of an action.") from error

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key, or None."""
        return await self._database.read(lambda connection: _select(connection, tenant, key))

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id, or None."""
        found = await self._where("tenant = ? AND action_id = ?", (tenant, action_id), 1)
        return found[0] if found else None

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order in which they were reserved."""
        found = await self._where("tenant = ? AND run_id = ?", (tenant, run_id), limit)
        return found[::-1]

    async def _where(
        self, condition: str, values: tuple[str, ...], limit: int
    ) -> tuple[Action, ...]:
        """Return rows of a fixed condition, newest first."""
        return await self._database.read(
            lambda connection: tuple(
                select_actions(connection, condition, values, limit, order="rowid DESC")
            )
        )


def select_actions(
    connection: sqlite3.Connection,
    condition: str,
    values: tuple[str | None, ...],
    limit: int,
    order: str = "rowid",
) -> "map[Action]":
    """Select by a condition and an order that this room wrote; values are always bound."""
    query = (
        f"SELECT {_COLUMNS} FROM actions "  # noqa: S608  # no text of a caller gets in here
        f"WHERE {condition} ORDER BY {order} LIMIT ?"
    )
    return map(_action, connection.execute(query, (*values, limit)))


def _select(connection: sqlite3.Connection, tenant: str, key: str) -> Action | None:
    """Return the row of a key."""
    return next(select_actions(connection, "tenant = ? AND key = ?", (tenant, key), 1), None)


def _insert(connection: sqlite3.Connection, action: Action) -> None:
    """Write a new row and its first event."""
    values = _values(action)
    marks = ", ".join("?" * len(values))
    connection.execute(
        f"INSERT INTO actions ({_COLUMNS}) VALUES ({marks})",  # noqa: S608  # our own columns
        values,
    )
    _event(connection, action)


def _update(connection: sqlite3.Connection, new: Action, old: Action) -> bool:
    """Write what may change, under the old state and fence, and the event."""
    done = connection.execute(
        """
        UPDATE actions SET target = ?, strategy = ?, state = ?, updated_ms = ?, attempts = ?,
            fence = ?, owner = ?, lease_until_ms = ?, stamp = ?, stamp_settled = ?, ref_id = ?,
            ref_url = ?, error_code = ?, decided_by = ?
        WHERE tenant = ? AND key = ? AND state = ? AND fence = ?
        """,
        (
            new.target,
            new.strategy,
            new.state,
            new.updated_ms,
            new.attempts,
            new.fence,
            new.owner,
            new.lease_until_ms,
            *_stamp(new),
            *_ref(new),
            new.error_code,
            new.decided_by,
            old.tenant,
            old.key,
            old.state,
            old.fence,
        ),
    )

    if done.rowcount != 1:
        return False

    _event(connection, new)
    return True


def _event(connection: sqlite3.Connection, action: Action) -> None:
    """Append what the action has become."""
    connection.execute(
        "INSERT INTO action_events (action_id, at_ms, state, fence, attempts, detail) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            action.action_id,
            action.updated_ms,
            action.state,
            action.fence,
            action.attempts,
            action.decided_by or action.error_code,
        ),
    )


def _values(action: Action) -> tuple[object, ...]:
    """Return the row in the order of the columns."""
    return (
        action.tenant,
        action.key,
        action.action_id,
        action.principal,
        action.tool,
        action.target,
        action.strategy,
        action.fingerprint,
        action.arguments_json,
        action.state,
        action.created_ms,
        action.updated_ms,
        action.attempts,
        action.fence,
        action.owner,
        action.lease_until_ms,
        action.marker,
        action.run_id,
        action.object_id,
        *_stamp(action),
        *_ref(action),
        action.error_code,
        action.decided_by,
    )


def _stamp(action: Action) -> tuple[str | None, bool | None]:
    """Return the precondition's two columns."""
    held = action.precondition
    return (held.stamp, held.settled) if held else (None, None)


def _ref(action: Action) -> tuple[str | None, str | None]:
    """Return the reference's two columns."""
    return (action.ref.id, action.ref.url) if action.ref else (None, None)


def _action(row: sqlite3.Row) -> Action:
    """Return the frozen action of a row."""
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


def _read_stamp(row: sqlite3.Row) -> Precondition | None:
    """Return the precondition of a row."""
    if row["stamp"] is None:
        return None

    return Precondition(stamp=row["stamp"], settled=bool(row["stamp_settled"]))
