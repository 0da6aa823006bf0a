"""What may be done with an action whose outcome is unknown, by its target's strategy."""

from typing import assert_never

from mcp_router.domain.action import Action, Strategy

MAX_SENDS = 3

NATIVE_KEY_MS = 110 * 60 * 1000
"""How long a target's own key is relied on: Zendesk keeps one for two hours (vendor's docs)."""


def can_probe(strategy: Strategy) -> bool:
    """Return whether the target can be asked if the write was applied."""
    return strategy is not Strategy.NONE


def may_resend(action: Action, now_ms: int) -> bool:
    """Return whether the same write may go to the same target again after a probe found nothing.

    Only where the target itself refuses the second of two: by its key while it keeps it, by a
    unique field, or by the version that the first one would have changed. A version counts only
    if it was settled: two changes within one second carry the same stamp.
    """
    if action.attempts >= MAX_SENDS:
        return False

    match action.strategy:
        case Strategy.NATIVE_KEY:
            return 0 <= now_ms - action.created_ms < NATIVE_KEY_MS
        case Strategy.UNIQUE_INDEX:
            return True
        case Strategy.CAS_MARKER:
            return action.precondition is not None and action.precondition.settled
        case Strategy.MARKER_PROBE | Strategy.NONE:
            return False
        case _:
            assert_never(action.strategy)
