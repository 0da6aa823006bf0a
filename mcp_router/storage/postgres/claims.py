"""How a key is claimed on one connection: inserted, or looked at and taken under a guard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import psycopg

from mcp_router.domain.action import Action, ActionState
from mcp_router.errors import IllegalTransition, RouterError, StorageUnavailable
from mcp_router.storage.postgres import rows
from mcp_router.storage.postgres.database import Connection

_MAX_ROUNDS = 20  # each lost round means that another caller has moved the row

Judge: TypeAlias = Callable[[Action, bool], Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A row that is wanted, and the keys of which a young row stands for its own."""

    wanted: Action
    lease_ms: int
    twins: tuple[str, ...] = ()
    since_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a claim has met: a row, whether its owner holds it, whether it is the caller's own."""

    row: Action
    held: bool
    ours: bool


async def insert(connection: Connection, batch: Sequence[Claim]) -> Sequence[Found | None]:
    """Write the rows that are new and read those that are not, in one statement."""
    items = rows.claimed((one.wanted, one.lease_ms) for one in batch)
    done = await connection.execute(rows.CLAIM, (items,))
    answers: list[Found | None] = []

    for one, row in zip(batch, await done.fetchall(), strict=True):
        if row["new_lease_until_ms"] is not None:
            new = _inserted(one.wanted, row["new_lease_until_ms"])
            answers.append(Found(row=new, held=True, ours=True))
        elif row["tenant"] is not None:
            answers.append(Found(row=rows.read_action(row), held=row["held"], ours=False))
        else:
            answers.append(None)

    return answers


def _inserted(wanted: Action, lease_until_ms: int) -> Action:
    """Return a new row as the database has it."""
    sent_ago_ms = 0 if wanted.state is ActionState.SENDING else None
    return replace(wanted, lease_until_ms=lease_until_ms, sent_ago_ms=sent_ago_ms)


async def insert_again(connection: Connection, claim: Claim) -> Found | RouterError | None:
    """Insert a row that an earlier try may have inserted: then its owner, one call, stands there.

    If that try is still being committed, this one waits for it, and sees it when it looks anew.
    """
    try:
        found = (await insert(connection, [claim]))[0] or (await insert(connection, [claim]))[0]
    except psycopg.IntegrityError:
        return refused()

    if found is None:
        return None

    return replace(found, ours=found.ours or _is_own(found.row, claim))


def _is_own(row: Action, claim: Claim) -> bool:
    """Return whether the row is what an earlier try of the claim has made of it."""
    return row.owner is not None and row.owner == claim.wanted.owner


async def settle(connection: Connection, claim: Claim, judge: Judge, *, again: bool) -> Action:
    """Insert the wanted row, or return the row of its key after `judge` has looked at it.

    The row is written only as it was when it was judged, down to its lease; else it is judged
    anew. That is what a lock would give, without holding one while the network is waited for.
    """
    for _ in range(_MAX_ROUNDS):
        found = await _meet(connection, claim)

        if found is None:
            continue

        if found.ours or (again and _is_own(found.row, claim)):
            return found.row

        judged = judge(found.row, found.held)

        if judged is found.row:
            return judged

        taken = await take(connection, judged, found.row, claim.lease_ms)

        if taken is not None:
            return taken

    raise StorageUnavailable("The action could not be looked at while others changed it.")


async def _meet(connection: Connection, claim: Claim) -> Found | None:
    """Insert the wanted row unless it or a twin is there, and return what is there then."""
    if not claim.twins:
        [found] = await insert(connection, [claim])
        return found

    wanted = claim.wanted
    names = sorted(f"mcp-router {wanted.tenant} {key}" for key in (wanted.key, *claim.twins))
    twins = list(claim.twins)

    # Of two callers of twins the second one begins to look after the first one has committed.
    # In one order, so that nobody waits in a circle.
    async with connection.transaction():
        await connection.execute(rows.LOCK_NEAR, (names,))
        near = await connection.execute(
            rows.LOOK_NEAR,
            (wanted.tenant, wanted.key, twins, claim.since_ms, wanted.key, twins),
        )
        row = await near.fetchone()

        if row is not None:
            return Found(row=rows.read_action(row), held=row["held"], ours=False)

        [found] = await insert(connection, [claim])
        return found


async def take(
    connection: Connection, judged: Action, existing: Action, lease_ms: int
) -> Action | None:
    """Write the judged row with a new lease, or return None if `existing` has changed by now."""
    done = await connection.execute(rows.TAKE, rows.taken(existing, judged, lease_ms))
    row = await done.fetchone()
    return None if row is None else rows.read_action(row)


def refused() -> IllegalTransition:
    """Return the error for what a trigger or a constraint refuses."""
    return IllegalTransition("The database refuses this change of an action.")
