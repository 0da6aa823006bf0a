"""What outcomes have taught about a target: an estimate that a policy may let decide."""

from dataclasses import dataclass
from enum import StrEnum

MEMORY = 2_000.0
"""How much evidence an estimate rests on at most, counted in lessons of weight 1."""


class LearningMode(StrEnum):
    """What a policy does with what outcomes teach."""

    OFF = "off"  # nothing is estimated
    OBSERVE = "observe"  # estimated and noted in decisions, which it does not change
    ON = "on"  # the estimate chooses among the targets that every hard limit leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPlan:
    """A policy's adaptive weights; `exploration` is the share of calls spread evenly (0 to 0.5)."""

    mode: LearningMode = LearningMode.OFF
    exploration: float = 0.05
    min_quality: float = 0.0  # never a target below it, whatever was learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A Beta distribution over the reward (0 to 1) of a target for one intent.

    It starts at one success and one failure, which says nothing.
    """

    successes: float = 1.0
    failures: float = 1.0

    @property
    def mean(self) -> float:
        """Return the reward that is expected.

        >>> Estimate(successes=3.0, failures=1.0).mean
        0.75
        """
        return self.successes / (self.successes + self.failures)

    def after(self, successes: float, failures: float) -> "Estimate":
        """Return the estimate with this evidence added.

        What was learned weighs `MEMORY` at most: beyond that all of it shrinks alike, so that old
        outcomes fade as new ones come, and a target that has changed is seen to have changed.

        >>> Estimate(successes=1_501.0, failures=501.0).after(0.0, 2_000.0)
        Estimate(successes=751.0, failures=1251.0)
        """
        good, bad = self.successes - 1.0 + successes, self.failures - 1.0 + failures
        kept = min(1.0, MEMORY / (good + bad)) if good + bad else 1.0
        return Estimate(successes=1.0 + good * kept, failures=1.0 + bad * kept)


class LessonKind(StrEnum):
    """What an outcome was; each kind counts once for a decision and a target."""

    SERVED = "served"  # whether a target answered, how fast, for how much, and through its checks
    RESOLVED = "resolved"  # whether the host says that the customer's problem is solved
    REOPENED = "reopened"  # whether the customer came back with it
    CSAT = "csat"  # the customer's own rating


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One outcome of one target: its reward from 0 to 1, and how much it counts."""

    decision_id: str
    policy: str  # its name: what was learned under one version serves the next
    intent: str | None
    target: str
    kind: LessonKind
    reward: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeReport:
    """What a host tells of a decision afterwards; what it does not know is None."""

    decision_id: str
    resolved: bool | None = None
    reopened: bool | None = None
    csat: int | None = None  # the customer's rating, from 1 to 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What is known of a target for one intent of a policy."""

    policy: str
    intent: str | None
    target: str
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was drawn among the candidates of the rule's pool, for replays without bias.

    `draw` is the random number from 0 to 1 that chose `target`; each candidate's `propensity` is
    the exact probability that it would have been chosen. With `observe` the ranking stayed.
    """

    mode: LearningMode
    draw: float
    target: str
