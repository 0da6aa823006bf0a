"""What outcomes have taught about a target: an estimate that a policy may let decide."""

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was drawn among the candidates of the rule's pool, for replays without bias.

    `draw` is the random number from 0 to 1 that chose `target`; each candidate's `propensity` is
    the exact probability that it would have been chosen. With `observe` the ranking stayed.
    """

    mode: LearningMode
    draw: float
    target: str
