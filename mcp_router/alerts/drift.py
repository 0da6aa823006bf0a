"""Tells when a target has changed for good: pure, one value after the other.

One-sided CUSUMs: what lies above the usual adds up, what lies below takes away, and only a rise
that lasts reaches the threshold. How seldom they are wrong and how soon they are right is measured
by `python -m benchmarks.drift`; the figures are in `docs/alerts.md`.
"""

import math
from collections import deque
from dataclasses import dataclass
from statistics import median

REFERENCE = 500
"""How many values make the usual level; until then nothing is judged."""

LONGEST_RISE = 1_000
"""How many values of a rise are kept to tell its level."""

_SPREAD = 1.4826  # times the median deviation is a standard deviation, where values are normal
_LEAST_SPREAD = 0.05  # of logarithms: a change of less than a twentieth is none
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A rise that lasts: the usual level, the level since it began, and how long ago that was."""

    usual: float
    now: float
    values: int  # that have come since, as far as can be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How much of a rise is let pass, in spreads; how much must add up; what one value can add."""

    slack: float = 0.35
    threshold: float = 40.0
    clip: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTuning:
    """Which share would be a drift, and how much evidence for it must add up, as log-likelihood."""

    ratio: float = 2.0
    rise: float = 0.05
    threshold: float = 12.0


PLAIN = Tuning()
PLAIN_RATE = RateTuning()


class LevelWatch:
    """Watches positive values whose ratios matter, such as latencies and costs.

    Median and median deviation of logarithms, and a limit on what one value counts, keep outliers
    from making the level or the alarm. After an alarm the new level is learnt.
    """

    def __init__(self, tuning: Tuning = PLAIN) -> None:
        """Start with nothing known."""
        self._tuning = tuning
        self._learning: list[float] = []
        self._rise: deque[float] = deque(maxlen=LONGEST_RISE)
        self._center = self._spread = self._sum = 0.0

    def feed(self, value: float) -> Drift | None:
        """Take a value above zero; return the drift that it completes."""
        taken = math.log(value)

        if self._spread == 0:
            self._learn(taken)
            return None

        z = (taken - self._center) / self._spread
        clip = self._tuning.clip
        self._sum = max(0.0, self._sum + min(max(z, -clip), clip) - self._tuning.slack)

        if self._sum == 0:
            self._rise.clear()
            return None

        self._rise.append(taken)

        if self._sum <= self._tuning.threshold:
            return None

        level = math.exp(median(self._rise))
        drift = Drift(usual=math.exp(self._center), now=level, values=len(self._rise))
        self._spread = self._sum = 0.0
        self._rise.clear()
        return drift

    def _learn(self, taken: float) -> None:
        """Add to the reference; the last value of it fixes the usual level."""
        self._learning.append(taken)

        if len(self._learning) == REFERENCE:
            self._center = median(self._learning)
            deviation = median(abs(one - self._center) for one in self._learning)
            self._spread = max(_SPREAD * deviation, _LEAST_SPREAD)
            self._learning.clear()


class RateWatch:
    """Watches how often something happens, such as that another target had to answer."""

    def __init__(self, tuning: RateTuning = PLAIN_RATE) -> None:
        """Start with nothing known."""
        self._tuning = tuning
        self._seen = self._hits = 0
        self._rise_seen = self._rise_hits = 0
        self._usual = self._sum = 0.0

    def feed(self, hit: bool) -> Drift | None:
        """Take one case; return the drift that it completes."""
        if self._seen < REFERENCE:
            self._learn(hit)
            return None

        usual = self._usual
        wanted = max(usual * self._tuning.ratio, usual + self._tuning.rise)
        wanted = min(wanted, (1 + usual) / 2)
        step = math.log(wanted / usual) if hit else math.log((1 - wanted) / (1 - usual))
        self._sum = max(0.0, self._sum + step)

        if self._sum == 0:
            self._rise_seen = self._rise_hits = 0
            return None

        self._rise_seen += 1
        self._rise_hits += hit

        if self._sum <= self._tuning.threshold:
            return None

        drift = Drift(usual=usual, now=self._rise_hits / self._rise_seen, values=self._rise_seen)
        self._seen = self._hits = self._rise_seen = self._rise_hits = 0
        self._sum = 0.0
        return drift

    def _learn(self, hit: bool) -> None:
        """Add to the reference; the last case of it fixes the usual share, which is never none."""
        self._seen += 1
        self._hits += hit
        self._usual = max(_LEAST_SHARE, (self._hits + 1) / (self._seen + 2))
