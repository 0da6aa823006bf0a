"""Ways through the ledger's states, as every store allows them."""

from dataclasses import replace

from mcp_router.domain.action import Action, ActionState
from mcp_router.ledger.ledger import ActionStore

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
    actions: ActionStore, row: Action, to: ActionState, *, lease_s: float = 60
) -> Action:
    """Claim `row` as reserved and lead it to a state; what is terminal has an answer and no owner.

    The way to `expired` makes tombstones of everything else that is settled by then.
    """
    now = await actions.claim(row, never, lease_s)

    if to is ActionState.EXPIRED:
        now = await _moved(actions, now, ActionState.FAILED)
        assert await actions.expire(0, 100) == 1
        expired = await actions.by_key(row.tenant, row.key)
        assert expired is not None
        return expired

    for state in _ON_THE_WAY[to]:
        now = await _moved(actions, now, state)

    return now


async def _moved(actions: ActionStore, now: Action, state: ActionState) -> Action:
    """Write one state after another, as the ledger would."""
    terminal = state in (ActionState.SUCCEEDED, ActionState.FAILED)
    new = replace(
        now,
        state=state,
        attempts=now.attempts + (state is ActionState.SENDING),
        answer_json='{"ok":1}' if terminal else None,
        owner=None if terminal else now.owner,
    )
    assert await actions.change(now, new)
    return new


def timeless(row: Action | None) -> Action | None:
    """Return the row without what only its store knows: its lease, and when it was sent."""
    return None if row is None else replace(row, lease_until_ms=0, sent_ago_ms=None)
