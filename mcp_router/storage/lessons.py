"""Lessons as every kind of database counts them."""

from collections.abc import Iterable, Sequence

from mcp_router.domain.learning import Lesson


def distinct(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """Return the lessons without those that one before them has taught already."""
    first = {(one.decision_id, one.target, one.kind): one for one in reversed(lessons)}
    return tuple(one for one in lessons if first[one.decision_id, one.target, one.kind] is one)


def added(lessons: Iterable[Lesson]) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return the evidence for and against, by policy, intent ("" for none) and target.

    In the order of these, so that two replicas never wait for each other in a circle.
    """
    found: dict[tuple[str, str, str], tuple[float, float]] = {}

    for one in (one for one in lessons if one.weight > 0):
        place = one.policy, one.intent or "", one.target
        good, bad = found.get(place, (0.0, 0.0))
        found[place] = good + one.weight * one.reward, bad + one.weight * (1.0 - one.reward)

    return dict(sorted(found.items()))
