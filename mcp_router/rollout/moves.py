"""What may follow what: how a policy stands after a promotion or a roll-back, or why it may not."""

from collections.abc import Iterable
from dataclasses import replace

from mcp_router.domain.policy import Policy
from mcp_router.domain.record import StoredRecord
from mcp_router.domain.rollout import PolicyChange, PolicyEvent, PolicyStage
from mcp_router.errors import PolicyEdited, RolloutRefused


def check_unedited(policy: Policy, used: str | None) -> None:
    """Refuse a document that is not the one of its version's first use; None if it has had none.

    Raises:
        PolicyEdited: it was changed since.
    """
    if used not in (None, policy.digest):
        raise PolicyEdited(f"{policy.label} was changed after its first use.")


def stable_beside(old: PolicyStage | None, serving: int | None, candidate: int) -> int:
    """Return the version that serves beside a candidate; `serving` where nothing was rolled out.

    Raises:
        RolloutRefused: there is none, or the candidate is it, or another one is rolled out.
    """
    found = old.stable if old else serving

    if found is None:
        raise RolloutRefused("The policy has no other version that could serve the rest.")

    if candidate == found:
        raise RolloutRefused("That version is stable: it serves everybody already.")

    if old is not None and old.rollout is not None and old.rollout.version != candidate:
        raise RolloutRefused("Another version is being rolled out; promote it or roll it back.")

    return found


def promoted(old: PolicyStage | None, version: int | None) -> PolicyStage:
    """Return how a policy stands when its candidate serves everybody; None is whichever it is.

    Raises:
        RolloutRefused: nothing is being rolled out, or another version is.
    """
    if old is None or old.rollout is None:
        raise RolloutRefused("No version of this policy is being rolled out.")

    if version not in (None, old.rollout.version):
        raise RolloutRefused(f"The version that is being rolled out is {_leaving(old)}.")

    return PolicyStage(
        name=old.name,
        stable=old.rollout.version,
        previous=old.stable,
        revision=old.revision + 1,
    )


def rolled_back(old: PolicyStage | None, version: int | None) -> PolicyStage:
    """Return how a policy stands without its candidate, or else without its stable version.

    None takes out whichever it is.

    Raises:
        RolloutRefused: the version is not the one to go, or nothing else can serve.
    """
    if old is None:
        raise RolloutRefused(_NO_WAY_BACK)

    if old.rollout is not None:
        if version == old.stable:
            told = f"{_leaving(old)} is being rolled out; promote it or roll it back first."
            raise RolloutRefused(told)

        _check_named(old, version, old.rollout.version)
        return replace(old, rollout=None, revision=old.revision + 1)

    _check_named(old, version, old.stable)

    if old.previous is None:
        raise RolloutRefused(_NO_WAY_BACK)

    return PolicyStage(name=old.name, stable=old.previous, revision=old.revision + 1)


def check_first_step_back(old: PolicyStage, events: Iterable[StoredRecord]) -> None:
    """Refuse to take the stable version out unnamed after a roll-back; `events` newest first.

    Of two people, or a person and a guard, the second means what the first has done already.
    Where the log no longer tells the newest change, it may have been a roll-back.
    """
    found = (one.record.event for one in events)
    changes = (one.change for one in found if one and one.change is not PolicyChange.RELEASED)
    last = next(changes, None)

    if last in (None, PolicyChange.ROLLED_BACK):
        named = f"`mcp-router policy rollback {stable(old)}`"
        told = "was a roll-back already" if last else "is not in the log any more"
        raise RolloutRefused(
            f"The last change {told}; {stable(old)} serves everybody.",
            next_step=f"To take that version out as well, name it: {named}.",
        )


def taken_back(
    old: PolicyStage, new: PolicyStage, *, who: str, why: str, evidence: str | None = None
) -> PolicyEvent:
    """Return the event of a roll-back."""
    rollout = old.rollout
    return PolicyEvent(
        change=PolicyChange.ROLLED_BACK,
        policy=_leaving(old),
        who=who,
        why=why,
        before=stable(old),
        serving=stable(new),
        percent=rollout.percent if rollout else None,
        by=rollout.by if rollout else None,
        guards=rollout.guards if rollout else (),
        evidence=evidence,
    )


def stable(stage: PolicyStage) -> str:
    """Return `name@version` of the stable version."""
    return f"{stage.name}@{stage.stable}"


_NO_WAY_BACK = "There is no rollout to end and no stable version before."


def _leaving(old: PolicyStage) -> str:
    """Return the version that a roll-back takes out."""
    return f"{old.name}@{old.rollout.version}" if old.rollout else stable(old)


def _check_named(old: PolicyStage, version: int | None, leaving: int) -> None:
    """Refuse a version that is not the one to go: somebody was faster, or it never served."""
    if version not in (None, leaving):
        share = "is being rolled out" if old.rollout else "serves everybody"
        raise RolloutRefused(f"That version serves nobody: {_leaving(old)} {share}.")
