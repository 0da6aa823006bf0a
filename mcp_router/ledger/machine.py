"""What an action may become: a pure state machine, driven by the ledger and its storage.

    reserved -> sending -> succeeded | failed | unknown
    unknown  -> sending (same key or precondition) | succeeded | failed | needs_human
    needs_human -> succeeded | failed (by a person, or by the desk's own late word)

`sending -> reserved` needs proof that nothing was applied. A terminal state only ever expires.
The arrows themselves are `domain.action.ARROWS`, which every store refuses to leave as well.
"""

from dataclasses import replace

from mcp_router.domain.action import ARROWS, Action, ActionState, Precondition, Ref, Strategy
from mcp_router.errors import IllegalTransition


def take(action: Action, *, owner: str, now_ms: int) -> Action:
    """Return the action under a new owner and a higher fence.

    What its former owner was sending has an unknown outcome from now on; what was only reserved
    is still only reserved, because `sending` is on disk before the first byte leaves.
    """
    return replace(
        action,
        state=_allowed(action, _left_behind(action)),
        updated_ms=now_ms,
        owner=owner,
        fence=action.fence + 1,
    )


def start(
    action: Action,
    *,
    target: str,
    strategy: Strategy,
    precondition: Precondition | None,
    now_ms: int,
) -> Action:
    """Return the action as it must be on disk before the first byte leaves.

    `strategy` is the target's own: it decides later what may be done about a lost answer.
    """
    return replace(
        action,
        state=_allowed(action, ActionState.SENDING),
        updated_ms=now_ms,
        target=target,
        strategy=strategy,
        precondition=precondition,
        attempts=action.attempts + 1,
        sent_ago_ms=action.sent_ago_ms or 0,
    )


def succeed(action: Action, *, ref: Ref, now_ms: int) -> Action:
    """Return the action as applied exactly once, with what it made or changed."""
    return replace(
        action,
        state=_allowed(action, ActionState.SUCCEEDED),
        updated_ms=now_ms,
        ref=ref,
        owner=None,
        error_code=None,
    )


def fail(action: Action, *, error_code: str, now_ms: int) -> Action:
    """Return the action as never applied, which it never will be."""
    return replace(
        action,
        state=_allowed(action, ActionState.FAILED),
        updated_ms=now_ms,
        error_code=error_code,
        owner=None,
    )


def hold(action: Action, *, now_ms: int) -> Action:
    """Return the action as still its owner's to send: it was proved that nothing was applied."""
    return replace(
        action,
        state=_allowed(action, ActionState.RESERVED),
        updated_ms=now_ms,
        precondition=None,
    )


def release(action: Action, *, error_code: str, now_ms: int) -> Action:
    """Return the action as free for the next caller: it was proved that nothing was applied."""
    return replace(hold(action, now_ms=now_ms), error_code=error_code, owner=None)


def lose(action: Action, *, error_code: str, now_ms: int) -> Action:
    """Return the action as one that may have been applied."""
    return replace(
        action,
        state=_allowed(action, ActionState.UNKNOWN),
        updated_ms=now_ms,
        error_code=error_code,
    )


def leave(action: Action, *, error_code: str, now_ms: int) -> Action:
    """Return the action as nobody's, for whoever asks next: its owner's call is over.

    What was being sent may have been applied; what was only reserved never was.
    """
    state = _allowed(action, _left_behind(action))
    doubt = None if state is ActionState.RESERVED else error_code
    return replace(
        action,
        state=state,
        updated_ms=now_ms,
        owner=None,
        error_code=action.error_code or doubt,
    )


def hand_over(action: Action, *, now_ms: int) -> Action:
    """Return an unknown action as a person's to decide: the desk gives no way to know."""
    return replace(
        action,
        state=_allowed(action, ActionState.NEEDS_HUMAN),
        updated_ms=now_ms,
        owner=None,
    )


def resolve(action: Action, *, ref: Ref | None, decided_by: str, now_ms: int) -> Action:
    """Return an open action as a person has decided it: with `ref` it was applied, else never."""
    state = ActionState.FAILED if ref is None else ActionState.SUCCEEDED
    return replace(
        action,
        state=_allowed(action, state),
        updated_ms=now_ms,
        ref=ref,
        decided_by=decided_by,
        error_code=None,
        fence=action.fence + 1,
        owner=None,
    )


def _left_behind(action: Action) -> ActionState:
    """Return the state in which an owner leaves an action that goes to somebody else."""
    sent = action.state is not ActionState.RESERVED
    return ActionState.UNKNOWN if sent else ActionState.RESERVED


def _allowed(action: Action, state: ActionState) -> ActionState:
    """Return `state` if the action may go there.

    Raises:
        IllegalTransition: the machine has no such arrow.
    """
    if state not in ARROWS[action.state]:
        raise IllegalTransition(f"An action cannot go from {action.state} to {state}.")

    return state
