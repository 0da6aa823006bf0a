"""What a call meets under its key: pure rules, run inside the storage's transaction."""

from collections.abc import Callable
from enum import StrEnum

from mcp_router.domain.action import Action, ActionState
from mcp_router.ledger import machine


class Admission(StrEnum):
    """What the caller does next."""

    PROCEED = "proceed"  # the action is mine and was never sent
    RECONCILE = "reconcile"  # the action is mine and may have been applied
    REPLAY = "replay"  # it is decided: answer with what is known
    CONFLICT = "conflict"  # the key was used for something else
    IN_PROGRESS = "in_progress"  # another caller is at it
    WAITS_FOR_PERSON = "waits_for_person"


def same_intent(existing: Action, wanted: Action) -> bool:
    """Return whether the key was used for the same thing."""
    return existing.tool == wanted.tool and existing.fingerprint == wanted.fingerprint


def is_held(action: Action, *, now_ms: int, is_alive: Callable[[str], bool]) -> bool:
    """Return whether an owner is at it: while its process lives and its lease runs."""
    return bool(action.owner) and now_ms < action.lease_until_ms and is_alive(action.owner or "")


def judge(
    existing: Action, wanted: Action, *, now_ms: int, is_alive: Callable[[str], bool]
) -> Action:
    """Return `existing` under the owner of `wanted` if nobody holds it any more, else as it is.

    The new owner may reconcile what was sent, never send it blindly.
    """
    if not same_intent(existing, wanted):
        return existing

    if existing.state not in (ActionState.RESERVED, ActionState.SENDING, ActionState.UNKNOWN):
        return existing

    if is_held(existing, now_ms=now_ms, is_alive=is_alive):
        return existing

    return machine.take(
        existing,
        owner=wanted.owner or "",
        lease_until_ms=wanted.lease_until_ms,
        now_ms=now_ms,
    )


def admit(row: Action, wanted: Action) -> Admission:
    """Return what the caller who wants `wanted` may do, given the row after `judge`."""
    if not same_intent(row, wanted):
        return Admission.CONFLICT

    if row.state in (ActionState.SUCCEEDED, ActionState.FAILED):
        return Admission.REPLAY

    if row.state is ActionState.NEEDS_HUMAN:
        return Admission.WAITS_FOR_PERSON

    if row.owner != wanted.owner:
        return Admission.IN_PROGRESS

    return Admission.PROCEED if row.state is ActionState.RESERVED else Admission.RECONCILE
