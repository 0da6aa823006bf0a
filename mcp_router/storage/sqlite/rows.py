"""An action as a row of the ledger's table, and back."""

import sqlite3
from typing import TypeAlias

from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.storage.owner import Host

Value: TypeAlias = str | int | None

IDENTITY = (
    "tenant, key, action_id, principal, tool, fingerprint, created_ms, marker, run_id, object_id, "
    "arguments, write"
)
STANDING = (
    "target, strategy, state, updated_ms, attempts, fence, owner, stamp, stamp_settled, ref_id, "
    "ref_url, error_code, decided_by, answer"
)
COLUMNS = f"{IDENTITY}, {STANDING}, lease_until_ms, sent_boot, sent_ms"


def identity(action: Action) -> tuple[Value, ...]:
    """Return what an action is, in the order of `IDENTITY`."""
    return (
        action.tenant,
        action.key,
        action.action_id,
        action.principal,
        action.tool,
        action.fingerprint,
        action.created_ms,
        action.marker,
        action.run_id,
        action.object_id,
        action.arguments_json,
        action.write_json,
    )


def standing(action: Action) -> tuple[Value, ...]:
    """Return how an action stands, in the order of `STANDING`."""
    held, ref = action.precondition, action.ref
    return (
        action.target,
        action.strategy.value,  # an enum's member costs the driver a search for an adapter
        action.state.value,
        action.updated_ms,
        action.attempts,
        action.fence,
        action.owner,
        held.stamp if held else None,
        int(held.settled) if held else None,
        ref.id if ref else None,
        ref.url if ref else None,
        action.error_code,
        action.decided_by,
        action.answer_json,
    )


def read_action(row: sqlite3.Row, host: Host) -> Action:
    """Return the frozen action of a row that has `COLUMNS`, as seen now on that host."""
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
        write_json=row["write"],
        answer_json=row["answer"],
        sent_ago_ms=_sent_ago_ms(row, host),
    )


def _read_stamp(row: sqlite3.Row) -> Precondition | None:
    """Return the precondition of a row."""
    if row["stamp"] is None:
        return None

    return Precondition(stamp=row["stamp"], settled=bool(row["stamp_settled"]))


def _sent_ago_ms(row: sqlite3.Row, host: Host) -> int | None:
    """Return how long ago the row was first sent, if it was in this boot."""
    if row["sent_ms"] is None or row["sent_boot"] != host.boot or not host.boot:
        return None

    ago_ms = host.now_ms() - int(row["sent_ms"])
    return ago_ms if ago_ms >= 0 else None
