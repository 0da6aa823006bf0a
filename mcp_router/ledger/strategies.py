"""What may be done with an action whose outcome is unknown, by its target's strategy."""

from enum import StrEnum
from typing import assert_never

from mcp_router.domain.action import Action, Precondition, Strategy

NATIVE_KEY_MS = 110 * 60 * 1000
"""How long a target's own key is relied on: Zendesk keeps one for two hours (vendor's docs)."""

SETTLE_MS = 10 * 60 * 1000
"""How long a write under way may still land where nothing but its marker can be looked for."""


class Recourse(StrEnum):
    """What to do about a write that a probe has not found."""

    RESEND = "resend"  # the target refuses the second of two by itself
    WAIT = "wait"  # nothing is proved yet, and may be later
    NEVER = "never"  # it was not applied, and no send of it can land any more
    PERSON = "person"  # the target gives no way to know


def needs_version(strategy: Strategy) -> bool:
    """Return whether the version of what is changed must be read before the first send."""
    return strategy is Strategy.CAS_MARKER


def can_probe(strategy: Strategy) -> bool:
    """Return whether the target can be asked if the write was applied."""
    return strategy is not Strategy.NONE


def recourse(action: Action, version: Precondition | None) -> Recourse:
    """Return what may be done after a probe found nothing; it must have begun after `version`.

    `version` is what the target shows now, where it compares versions.
    """
    match action.strategy:
        case Strategy.NATIVE_KEY:
            # By the store's clock, which no wall clock's jump can move. Without one to tell, as
            # after a reboot, the key may be forgotten already.
            kept = action.sent_ago_ms is not None and action.sent_ago_ms < NATIVE_KEY_MS
            return Recourse.RESEND if kept else Recourse.PERSON
        case Strategy.UNIQUE_INDEX:
            return Recourse.RESEND
        case Strategy.CAS_MARKER:
            return _by_version(action.precondition, version)
        case Strategy.MARKER_PROBE:
            young = action.sent_ago_ms is not None and action.sent_ago_ms < SETTLE_MS
            return Recourse.WAIT if young else Recourse.PERSON
        case Strategy.NONE:
            return Recourse.PERSON
        case _:
            assert_never(action.strategy)


def _by_version(held: Precondition | None, version: Precondition | None) -> Recourse:
    """Return what the version says about sends that were based on `held`.

    A stamp has whole seconds. Two changes within one second carry the same one, so an equal stamp
    proves that nothing has changed only once the target's own clock has left that second; from
    then on every change moves it, and of two sends based on it at most one can land.
    """
    if held is None or version is None:
        return Recourse.PERSON

    if version.stamp != held.stamp:
        return Recourse.NEVER

    return Recourse.RESEND if version.settled else Recourse.WAIT
