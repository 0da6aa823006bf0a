"""What a call meets under its key: pure rules, run inside the storage's transaction."""

from enum import StrEnum

from mcp_router.domain.action import Action, ActionState
from mcp_router.ledger import machine

ASKABLE = frozenset({ActionState.SENDING, ActionState.UNKNOWN})
"""What may have been applied, and can still be found out about without a person."""


class Admission(StrEnum):
    """What the caller does next."""

    PROCEED = "proceed"  # the action is mine and was never sent
    RECONCILE = "reconcile"  # the action is mine and may have been applied
    REPLAY = "replay"  # it is decided: answer with what is known
    CONFLICT = "conflict"  # the key was used for something else
    EXPIRED = "expired"  # the key was used so long ago that its answer is gone
    IN_PROGRESS = "in_progress"  # another caller is at it
    WAITS_FOR_PERSON = "waits_for_person"


def same_intent(existing: Action, wanted: Action) -> bool:
    """Return whether the key was used for the same thing."""
    return existing.tool == wanted.tool and existing.fingerprint == wanted.fingerprint


def judge(existing: Action, wanted: Action, *, held: bool, now_ms: int) -> Action:
    """Return `existing` under the owner of `wanted` if nobody holds it any more, else as it is.

    The new owner may reconcile what was sent, never send it blindly.
    """
    if not same_intent(existing, wanted):
        return existing

    if held or existing.state not in ASKABLE | {ActionState.RESERVED}:
        return existing

    return machine.take(existing, owner=wanted.owner or "", now_ms=now_ms)


def admit(row: Action, wanted: Action) -> Admission:
    """Return what the caller who wants `wanted` may do, given the row after `judge`."""
    if row.state is ActionState.EXPIRED:
        return Admission.EXPIRED

    if not same_intent(row, wanted):
        return Admission.CONFLICT

    if row.state in (ActionState.SUCCEEDED, ActionState.FAILED):
        return Admission.REPLAY

    if row.state is ActionState.NEEDS_HUMAN:
        return Admission.WAITS_FOR_PERSON

    if row.owner != wanted.owner:
        return Admission.IN_PROGRESS

    # A row of our own making may stand at `sending` before anything has left.
    fresh = row.action_id == wanted.action_id or row.state is ActionState.RESERVED
    return Admission.PROCEED if fresh else Admission.RECONCILE
