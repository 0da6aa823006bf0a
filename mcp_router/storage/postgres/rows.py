"""The ledger's columns and statements, and what a row says in the words of the domain.

Nothing here runs a statement; every value is bound, and every name stands in this file.
"""

import json
from collections.abc import Iterable
from typing import TypeAlias

from psycopg.rows import DictRow

from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy

Value: TypeAlias = str | int | bool | None

_TEXT, _NUMBER, _FLAG = "text", "bigint", "boolean"
_IDENTITY = {
    "tenant": _TEXT,
    "key": _TEXT,
    "action_id": _TEXT,
    "principal": _TEXT,
    "tool": _TEXT,
    "fingerprint": _TEXT,
    "arguments": _TEXT,
    "write": _TEXT,
    "created_ms": _NUMBER,
    "marker": _TEXT,
    "run_id": _TEXT,
    "object_id": _TEXT,
}
_STANDING = {
    "target": _TEXT,
    "strategy": _TEXT,
    "state": _TEXT,
    "updated_ms": _NUMBER,
    "attempts": _NUMBER,
    "fence": _NUMBER,
    "owner": _TEXT,
    "stamp": _TEXT,
    "stamp_settled": _FLAG,
    "ref_id": _TEXT,
    "ref_url": _TEXT,
    "error_code": _TEXT,
    "decided_by": _TEXT,
    "answer": _TEXT,
}
_WRITTEN = _IDENTITY | _STANDING

_LEASE = {"lease_ms": _NUMBER}
_BELIEF = {"tenant": _TEXT, "key": _TEXT, "old_state": _TEXT, "old_fence": _NUMBER}

_MOST_DOUBLINGS = 7  # a pause of 5 s between two looks at a row grows to 11 minutes
_NOW = "mcp_router_now_ms()"


def _read_columns(row: str) -> str:
    """Return what is selected to read a whole action from `row`."""
    names = ", ".join(f"{row}.{name}" for name in (*_WRITTEN, "lease_until_ms"))
    # The server's clock may have been set back since: then nobody can tell.
    ago = f"CASE WHEN {row}.sent_ms <= {_NOW} THEN {_NOW} - {row}.sent_ms END AS sent_ago_ms"
    return f"{names}, {ago}"


def _items(more: dict[str, str], row: str) -> str:
    """Return a bound JSON list of objects as rows that are counted from 1.

    One value however many columns and rows there are: a third of the time of an array a column
    (measured with psycopg 3.3).
    """
    columns = more | _STANDING
    kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    names = ", ".join(columns)
    return (
        f"ROWS FROM (json_to_recordset(%s::json) AS ({kinds})) WITH ORDINALITY AS {row}({names}, n)"
    )


def _is_held(row: str) -> str:
    """Return the condition that an owner still holds a row, by the database's clock."""
    return f"({row}.owner IS NOT NULL AND {row}.lease_until_ms > {_NOW})"


def _moved(item: str) -> str:
    """Return the assignments that make a row stand as the values of `item` say."""
    names = ", ".join(_STANDING)
    values = ", ".join(f"{item}.{name}" for name in _STANDING)
    return (
        f"({names}) = ROW({values}), stored_ms = {_NOW}, "
        f"sent_ms = CASE {item}.state WHEN 'sending' THEN coalesce(a.sent_ms, {_NOW}) "
        "ELSE a.sent_ms END"
    )


# Every word of these stands in this file: values are always bound, and no text of a caller gets in.
READ = f"SELECT {_read_columns('a')}, {_is_held('a')} AS held FROM actions a"  # noqa: S608  # our words

LOOK = f"{READ} WHERE a.tenant = %s AND a.key = %s"

LOOK_NEAR = f"""
    {READ} WHERE a.tenant = %s
        AND (a.key = %s OR (a.key = ANY(%s::text[]) AND a.created_ms > %s))
    ORDER BY a.key = %s DESC, array_position(%s::text[], a.key) LIMIT 1
"""
"""The row of a key, else the first of its twins that is young enough."""

LOCK_NEAR = """
    SELECT pg_advisory_xact_lock(hashtextextended(near.name, 0))
    FROM unnest(%s::text[]) AS near(name)
"""

CLAIM = f"""
    WITH item AS MATERIALIZED (SELECT * FROM {_items(_IDENTITY | _LEASE, "item")}),
    added AS (
        INSERT INTO actions ({", ".join(_WRITTEN)}, lease_until_ms, stored_ms, sent_ms)
        SELECT {", ".join(_WRITTEN)}, CASE WHEN owner IS NULL THEN 0 ELSE {_NOW} + lease_ms END,
            {_NOW}, CASE state WHEN 'sending' THEN {_NOW} END
        FROM item ORDER BY tenant, key
        ON CONFLICT (tenant, key) DO NOTHING
        RETURNING tenant, key, lease_until_ms
    )
    SELECT item.n, added.lease_until_ms AS new_lease_until_ms, {_read_columns("a")},
        {_is_held("a")} AS held
    FROM item
    LEFT JOIN added ON added.tenant = item.tenant AND added.key = item.key
    LEFT JOIN LATERAL (
        SELECT * FROM actions WHERE tenant = item.tenant AND key = item.key LIMIT 1
    ) AS a ON true
    ORDER BY item.n
"""  # noqa: S608  # our words
"""Insert what has no row yet, and read the rows that were there before.

In one order, so that two batches with the same keys wait for each other and not in a circle. A
row that another transaction has inserted meanwhile is neither new nor read.
"""

CHANGE = f"""
    UPDATE actions a SET {_moved("item")},
        lease_until_ms = CASE WHEN item.owner IS NULL THEN 0 ELSE a.lease_until_ms END
    FROM {_items(_BELIEF, "item")}
    WHERE a.tenant = item.tenant AND a.key = item.key AND a.state = item.old_state
        AND a.fence = item.old_fence
    RETURNING item.n
"""  # noqa: S608  # our words

TAKE = f"""
    UPDATE actions a SET {_moved("item")},
        lease_until_ms = CASE WHEN item.owner IS NULL THEN 0 ELSE {_NOW} + %s END
    FROM {_items({}, "item")}
    WHERE a.tenant = %s AND a.key = %s AND a.state = %s AND a.fence = %s AND a.attempts = %s
        AND a.updated_ms = %s AND a.owner IS NOT DISTINCT FROM %s AND a.lease_until_ms = %s
    RETURNING {_read_columns("a")}
"""  # noqa: S608  # our words

BY_ID = f"{READ} WHERE a.tenant = %s AND a.action_id = %s"

OF_RUN = f"{READ} WHERE a.tenant = %s AND a.run_id = %s ORDER BY a.place DESC LIMIT %s"

RENEW = f"""
    UPDATE actions SET lease_until_ms = {_NOW} + %s
    WHERE owner COLLATE "C" >= %s AND owner COLLATE "C" < %s
        AND state IN ('reserved', 'sending', 'unknown', 'needs_human')
"""  # noqa: S608  # our words

EXPIRE = f"""
    UPDATE actions SET state = 'expired', arguments = '', write = '', answer = NULL,
        updated_ms = {_NOW}, stored_ms = {_NOW}
    WHERE (tenant, key) IN (
        SELECT tenant, key FROM actions
        WHERE state IN ('succeeded', 'failed') AND stored_ms <= {_NOW} - %s
        ORDER BY stored_ms LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""  # noqa: S608  # our words

UNSETTLED = f"""
    {READ} WHERE a.target = %s AND a.state IN ('sending', 'unknown') AND NOT {_is_held("a")}
        AND a.stored_ms + (%s::bigint << least(a.fence - 1, {_MOST_DOUBLINGS})::int) <= {_NOW}
    ORDER BY a.stored_ms, a.place LIMIT %s
"""

COUNTS = """
    SELECT target, state, count(*) AS number FROM actions
    WHERE state IN ('sending', 'unknown', 'needs_human')
    GROUP BY target, state ORDER BY target, state
"""


def claimed(batch: Iterable[tuple[Action, int]]) -> str:
    """Return what `CLAIM` binds: the wanted rows, each with its lease in milliseconds."""
    return json.dumps(
        [
            _identity(wanted) | {"lease_ms": lease_ms} | standing(wanted)
            for wanted, lease_ms in batch
        ]
    )


def changed(batch: Iterable[tuple[Action, Action]]) -> str:
    """Return what `CHANGE` binds: rows as they are believed to be, and as they shall be."""
    return json.dumps(
        [
            {"tenant": old.tenant, "key": old.key, "old_state": old.state, "old_fence": old.fence}
            | standing(new)
            for old, new in batch
        ]
    )


def taken(old: Action, new: Action, lease_ms: int) -> tuple[Value, ...]:
    """Return what `TAKE` binds: the lease, the row as it shall be, the row as it was judged."""
    return (
        lease_ms,
        json.dumps([standing(new)]),
        old.tenant,
        old.key,
        old.state,
        old.fence,
        old.attempts,
        old.updated_ms,
        old.owner,
        old.lease_until_ms,
    )


def _identity(action: Action) -> dict[str, Value]:
    """Return what an action is, by column."""
    return {
        "tenant": action.tenant,
        "key": action.key,
        "action_id": action.action_id,
        "principal": action.principal,
        "tool": action.tool,
        "fingerprint": action.fingerprint,
        "arguments": action.arguments_json,
        "write": action.write_json,
        "created_ms": action.created_ms,
        "marker": action.marker,
        "run_id": action.run_id,
        "object_id": action.object_id,
    }


def standing(action: Action) -> dict[str, Value]:
    """Return how an action stands, by column."""
    held, ref = action.precondition, action.ref
    return {
        "target": action.target,
        "strategy": action.strategy,
        "state": action.state,
        "updated_ms": action.updated_ms,
        "attempts": action.attempts,
        "fence": action.fence,
        "owner": action.owner,
        "stamp": held.stamp if held else None,
        "stamp_settled": held.settled if held else None,
        "ref_id": ref.id if ref else None,
        "ref_url": ref.url if ref else None,
        "error_code": action.error_code,
        "decided_by": action.decided_by,
        "answer": action.answer_json,
    }


def read_action(row: DictRow) -> Action:
    """Return the frozen action of a row that `READ` or a statement of this file has found."""
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
        write_json=row["write"],
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
        answer_json=row["answer"],
        precondition=_read_stamp(row),
        ref=None if row["ref_id"] is None else Ref(id=row["ref_id"], url=row["ref_url"]),
        sent_ago_ms=row["sent_ago_ms"],
    )


def _read_stamp(row: DictRow) -> Precondition | None:
    """Return the precondition of a row."""
    if row["stamp"] is None:
        return None

    return Precondition(stamp=row["stamp"], settled=row["stamp_settled"])
