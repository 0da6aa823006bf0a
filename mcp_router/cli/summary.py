"""What became of a batch of questions, summed up by pool and intent in bounded memory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mcp_router.domain.money import usd
from mcp_router.domain.percentile import percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one question, without a word of it; `pool` is the one that answered.

    A failed question has its rule's pool, if a rule was found, and no model. `error` is its code,
    or `escalated` where a person has to answer.
    """

    line: int
    decision_id: str
    intent: str | None
    pool: str | None
    model: str | None
    cost_microusd: int
    latency_ms: int
    fell_back: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A group of questions in numbers.

    `cost_usd` is all that was paid, for failed ones too. The cost per 1,000 and the latencies, of
    the whole walk from question to answer, are those of answered questions.
    """

    questions: int
    answered: int
    cost_usd: float
    cost_per_1000_usd: float | None
    p50_ms: int | None
    p95_ms: int | None
    fallbacks: int
    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentFigures:
    """The questions of one intent within a pool; no name where none was recognised."""

    intent: str | None
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """The questions of one pool; no name where none was decided."""

    pool: str | None
    figures: Figures
    intents: tuple[IntentFigures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole batch; the largest pools and intents first. `errors_by_code` has the commonest first.

    `stopped` is the code of what ended the batch early, or "interrupted".
    """

    figures: Figures
    pools: tuple[PoolFigures, ...]
    errors_by_code: dict[str, int]
    blank_lines: int
    seconds: float
    questions_per_second: float
    stopped: str | None


class Summary:
    """Adds outcomes up; its size depends on the policy, not on how many there are."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.blank_lines = 0
        self.errors: Counter[str] = Counter()
        self._groups: dict[tuple[str | None, str | None], _Tally] = {}

    @property
    def questions(self) -> int:
        """Return how many outcomes were added."""
        return sum(group.questions for group in self._groups.values())

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self._groups.setdefault((outcome.pool, outcome.intent), _Tally()).add(outcome)

        if outcome.error is not None:
            self.errors[outcome.error] += 1

    def report(self, *, seconds: float, stopped: str | None) -> Report:
        """Return everything so far, which took that long."""
        figures = _sum(self._groups.values()).figures()
        return Report(
            figures=figures,
            pools=self._pools(),
            errors_by_code=dict(self.errors.most_common()),
            blank_lines=self.blank_lines,
            seconds=round(seconds, 3),
            questions_per_second=round(figures.questions / seconds, 1) if seconds > 0 else 0.0,
            stopped=stopped,
        )

    def _pools(self) -> tuple[PoolFigures, ...]:
        found: dict[str | None, dict[str | None, _Tally]] = {}

        for (pool, intent), tally in self._groups.items():
            found.setdefault(pool, {})[intent] = tally

        pools = (
            PoolFigures(
                pool=pool,
                figures=_sum(intents.values()).figures(),
                intents=tuple(
                    sorted(
                        (
                            IntentFigures(intent=intent, figures=tally.figures())
                            for intent, tally in intents.items()
                        ),
                        key=lambda one: (-one.figures.questions, one.intent or ""),
                    )
                ),
            )
            for pool, intents in found.items()
        )
        return tuple(sorted(pools, key=lambda one: (-one.figures.questions, one.pool or "")))


class _Tally:
    """The sums of one group; latencies are kept as how often each millisecond occurred."""

    def __init__(self) -> None:
        self.questions = 0
        self.cost_microusd = 0
        self.fallbacks = 0
        self.errors = 0
        self.latencies: Counter[int] = Counter()

    def add(self, outcome: Outcome) -> None:
        self.questions += 1
        self.cost_microusd += outcome.cost_microusd
        self.fallbacks += outcome.fell_back

        if outcome.error is None:
            self.latencies[outcome.latency_ms] += 1
        else:
            self.errors += 1

    def merge(self, other: "_Tally") -> None:
        self.questions += other.questions
        self.cost_microusd += other.cost_microusd
        self.fallbacks += other.fallbacks
        self.errors += other.errors
        self.latencies.update(other.latencies)

    def figures(self) -> Figures:
        answered = self.questions - self.errors
        per_thousand = usd(self.cost_microusd) * 1000 / answered if answered else None
        return Figures(
            questions=self.questions,
            answered=answered,
            cost_usd=usd(self.cost_microusd),
            cost_per_1000_usd=None if per_thousand is None else round(per_thousand, 6),
            p50_ms=percentile(self.latencies, 50),
            p95_ms=percentile(self.latencies, 95),
            fallbacks=self.fallbacks,
            errors=self.errors,
        )


def _sum(tallies: Iterable[_Tally]) -> _Tally:
    whole = _Tally()

    for tally in tallies:
        whole.merge(tally)

    return whole
