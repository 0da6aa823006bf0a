"""Ways through the ledger's states, as the database allows them."""

from dataclasses import replace

from mcp_router.domain.action import Action, ActionState
from mcp_router.storage.postgres.actions import ActionTable
from tests.storage.postgres.server import connect

_ON_THE_WAY = {
    ActionState.RESERVED: (),
    ActionState.SENDING: (ActionState.SENDING,),
    ActionState.UNKNOWN: (ActionState.SENDING, ActionState.UNKNOWN),
    ActionState.NEEDS_HUMAN: (
        ActionState.SENDING,
        ActionState.UNKNOWN,
        ActionState.NEEDS_HUMAN,
    ),
    ActionState.SUCCEEDED: (ActionState.SENDING, ActionState.SUCCEEDED),
    ActionState.FAILED: (ActionState.FAILED,),
}


def as_it_is(row: Action, held: bool) -> Action:
    return row


def never(row: Action, held: bool) -> Action:
    raise AssertionError(row)


async def walked(
    actions: ActionTable, row: Action, to: ActionState, *, lease_s: float = 60
) -> Action:
    """Claim `row` as reserved and lead it to a state; what is terminal has an answer."""
    now = await actions.claim(row, never, lease_s)

    for state in _ON_THE_WAY[to]:
        terminal = state in (ActionState.SUCCEEDED, ActionState.FAILED)
        new = replace(now, state=state, answer_json='{"ok":1}' if terminal else None)
        assert await actions.change(now, new)
        now = new

    return now


def timeless(row: Action | None) -> Action | None:
    """Return the row without what depends on when it was read."""
    return None if row is None else replace(row, sent_ago_ms=None)


def let_time_pass(url: str, by_ms: int) -> None:
    """Make everything in the ledger older than it is, behind the back of its triggers."""
    with connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE actions SET stored_ms = stored_ms - %(ms)s, sent_ms = sent_ms - %(ms)s, "
            "lease_until_ms = lease_until_ms - %(ms)s",
            {"ms": by_ms},
        )
