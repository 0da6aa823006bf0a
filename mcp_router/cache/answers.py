"""Answers that may be given again, in memory: a partition is a wall that nothing crosses."""

from dataclasses import dataclass

from mcp_router.clock import Clock
from mcp_router.domain.completion import Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Whose answers these are, and by which rule of which document they were made."""

    tenant: str
    locale: str | None
    policy: str
    digest: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer with the model that gave it and the decision that led to it."""

    completion: Completion
    target: str
    decision_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kept answer, and how like the two questions are (0 to 1)."""

    similarity: float
    answer: KeptAnswer


class AnswerCache:
    """Keeps at most `entries` answers, the oldest go first."""

    def __init__(self, clock: Clock, *, entries: int = 10_000) -> None:
        """Start empty."""
        self._clock = clock
        self._entries = entries
        self._kept: dict[tuple[Partition, str], tuple[float, KeptAnswer]] = {}

    def nearest(self, partition: Partition, question: str) -> Found | None:
        """Return the valid answer to the same question, or None."""
        kept = self._kept.get((partition, _folded(question)))

        if kept is None or kept[0] <= self._clock.monotonic_s():
            return None

        return Found(similarity=1.0, answer=kept[1])

    def keep(
        self, partition: Partition, question: str, answer: KeptAnswer, *, ttl_s: float
    ) -> None:
        """Keep an answer for `ttl_s` seconds."""
        self._kept[partition, _folded(question)] = (self._clock.monotonic_s() + ttl_s, answer)

        while len(self._kept) > self._entries:
            del self._kept[next(iter(self._kept))]


def _folded(question: str) -> str:
    words = "".join(one if one.isalnum() else " " for one in question.casefold())
    return " ".join(words.split())
