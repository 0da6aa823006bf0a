"""A change of a policy in sentences: what changed, for whom, by whom and why."""

from typing import assert_never

from mcp_router.decide.wording import listed, name
from mcp_router.domain.rollout import Guard, Metric, PolicyChange, PolicyEvent

_LONGEST = 400  # characters of a reason


def changes(event: PolicyEvent) -> tuple[str, ...]:
    """Return the change as lines."""
    why = name(event.why, longest=_LONGEST).rstrip(".") or "no reason was given"
    lines = [_change(event), f"By {name(event.who) or 'nobody in particular'}: {why}."]

    if event.guards:
        lines.append(f"It goes back by itself unless {listed([_guard(g) for g in event.guards])}.")

    if event.evidence:
        lines.append(
            f"What the guard has seen: {name(event.evidence, longest=_LONGEST).rstrip('.')}."
        )

    if event.digest:
        lines.append(f"The document's digest is {name(event.digest)}.")

    return tuple(lines)


def _change(event: PolicyEvent) -> str:
    """Return what happened to which version."""
    version = name(event.policy)
    before = name(event.before or "") or "nothing"

    match event.change:
        case PolicyChange.RELEASED:
            return f"{version} was used for the first time, and must not be edited any more."
        case PolicyChange.ROLLED_OUT:
            by = f"{event.by}s" if event.by else "calls"
            share = f"{event.percent or 0.0:g}% of {by}"
            return f"{version} serves {share} from now on, {before} the rest."
        case PolicyChange.PROMOTED:
            return f"{version} serves everybody from now on, in place of {before}."
        case PolicyChange.ROLLED_BACK:
            return f"{version} was taken back; {_after(event)} serves everybody from now on."
        case _:
            assert_never(event.change)


def _after(event: PolicyEvent) -> str:
    """Return who serves after a roll-back; a record of an older version does not always say."""
    if event.serving is None and event.before == event.policy:
        return "what was stable before it"

    return name(event.serving or event.before or "") or "nothing"


def _guard(guard: Guard) -> str:
    """Return what a guard asks."""
    match guard.metric:
        case Metric.SUCCESS:
            return f"at least {guard.bound * 100:g}% of its calls are answered"
        case Metric.P95:
            return f"95 of 100 of its calls take at most {guard.bound:g} s"
        case Metric.COST:
            return f"its calls cost at most {guard.bound * 100:g}% more than the others'"
        case _:
            assert_never(guard.metric)
