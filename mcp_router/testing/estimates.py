"""Estimates in memory for tests; they pass the same contract suite as the databases."""

from collections.abc import Sequence

from anyio.lowlevel import checkpoint

from mcp_router.domain.learning import Estimate, Learned, Lesson, LessonKind
from mcp_router.errors import StorageUnavailable


class MemoryEstimates:
    """A store of estimates in memory. While `broken`, learning raises StorageUnavailable."""

    def __init__(self) -> None:
        """Start empty."""
        self._counted: set[tuple[str, str, LessonKind]] = set()
        self._learned: dict[tuple[str, str, str], Estimate] = {}
        self.broken = False

    async def learn(self, lessons: Sequence[Lesson], at_ms: int) -> tuple[bool, ...]:
        """Count each lesson whose decision, target and kind are new; say of each whether."""
        await checkpoint()

        if self.broken:
            raise StorageUnavailable("The store is broken for a test.")

        new = tuple(self._count(one) for one in lessons)
        evidence: dict[tuple[str, str, str], tuple[float, float]] = {}

        for one in (one for one, is_new in zip(lessons, new, strict=True) if is_new):
            place = one.policy, one.intent or "", one.target
            good, bad = evidence.get(place, (0.0, 0.0))
            evidence[place] = (
                good + one.weight * one.reward,
                bad + one.weight * (1.0 - one.reward),
            )

        for place, (good, bad) in evidence.items():
            self._learned[place] = self._learned.get(place, Estimate()).after(good, bad)

        return new

    async def learned(self) -> tuple[Learned, ...]:
        """Return every estimate, by policy, intent and target."""
        await checkpoint()
        return tuple(
            Learned(policy=policy, intent=intent or None, target=target, estimate=estimate)
            for (policy, intent, target), estimate in sorted(
                self._learned.items(), key=lambda item: item[0]
            )
        )

    def _count(self, lesson: Lesson) -> bool:
        """Note that a lesson counts; say whether that is new."""
        key = lesson.decision_id, lesson.target, lesson.kind
        is_new = key not in self._counted
        self._counted.add(key)
        return is_new
