"""Decides recorded calls again, by another version of a policy, and says what would change.

Only what the log holds is used: each call's signals, what was known of every target at that moment
and what had been spent. Nothing is sent and nothing is guessed: a record that does not hold enough
is counted, and left out.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from mcp_router.canonical import canonical_json, plain
from mcp_router.decide.decide import again
from mcp_router.domain.decision import Candidate, Decision
from mcp_router.domain.evaluation import (
    REFUSED,
    Against,
    CacheFigures,
    CostFigures,
    Counts,
    LatencyFigures,
    LogRange,
    Move,
    OffPolicyFigures,
    ReplayReport,
)
from mcp_router.domain.guardrails import CacheState
from mcp_router.domain.health import UNKNOWN_HEALTH, TargetHealth
from mcp_router.domain.learning import LearningMode
from mcp_router.domain.policy import Policy
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.signals import Intent
from mcp_router.domain.target import TargetKind
from mcp_router.policy.routed import COMPLETION_TOOL
from mcp_router.trial import may_use_cache


def replay(policy: Policy, records: Iterable[StoredRecord]) -> ReplayReport:
    """Return what would change if `policy` had decided these calls, in one pass over them.

    Decisions of policies of other names are counted and left out.
    """
    run = Replay(policy)

    for stored in records:
        run.add(stored)

    return run.report()


class Replay:
    """Adds records up; its size depends on the policies, not on how many records there are."""

    def __init__(self, policy: Policy) -> None:
        """Start with no record."""
        self._policy = policy
        self._counts: Counter[str] = Counter()
        self._against: Counter[tuple[str, str]] = Counter()
        self._pools: Counter[tuple[str, str]] = Counter()
        self._targets: Counter[tuple[str, str]] = Counter()
        self._known: set[str] = set()
        self._kinds: set[TargetKind] = set()
        self._cache: Counter[str] = Counter()
        self._cost = _CostSum()
        self._latency = _LatencySum()
        self._off_policy = _OffPolicySum()
        self._lines = hashlib.sha256()
        self._first: StoredRecord | None = None
        self._last: StoredRecord | None = None

    def add(self, stored: StoredRecord) -> None:
        """Take one record in."""
        line = stored.line or canonical_json(plain(stored))
        self._lines.update(f"{line}\n".encode())
        self._first = self._first or stored
        self._last = stored
        self._counts["records"] += 1
        decision = stored.record.decision

        if decision is None:
            self._counts["without_decision"] += 1
        elif decision.policy.partition("@")[0] != self._policy.name:
            self._counts["of_other_policies"] += 1
        elif not decision.facts:
            self._counts["not_replayable"] += 1
        else:
            self._compare(stored.record, decision)

    def report(self) -> ReplayReport:
        """Return what has been added up so far."""
        listed = {
            one.target
            for pool in self._policy.pools
            if pool.kind in self._kinds  # a log of completions alone says nothing of any desk
            for one in pool.targets
        }
        return ReplayReport(
            policy=self._policy.label,
            digest=self._policy.digest,
            against=tuple(
                Against(policy=label, digest=digest, decisions=number)
                for (label, digest), number in self._against.most_common()
            ),
            log=self._range(),
            counts=self._counted(),
            pools=_moves(self._pools),
            targets=_moves(self._targets),
            cost=self._cost.figures(),
            latency=self._latency.figures(),
            cache=CacheFigures(
                completions=self._cache["completions"],
                used_before=self._cache["used_before"],
                hits_before=self._cache["hits_before"],
                may_use_after=self._cache["may_use_after"],
            ),
            off_policy=self._off_policy.figures(),
            unknown_targets=tuple(sorted(listed - self._known)),
        )

    def _compare(self, record: Record, before: Decision) -> None:
        """Decide one call again and count what is different."""
        known = self._known_intent(before)
        after = again(self._policy, known)
        old, new = _place(before), _place(after)
        self._counts["replayed"] += 1
        self._counts["unknown_intent"] += known is not before
        self._counts["moved"] += old != new
        self._counts["other_rule"] += before.rule != after.rule
        self._counts["refused_before"] += not before.candidates
        self._counts["refused_after"] += not after.candidates
        self._against[before.policy, before.policy_digest] += 1
        self._pools[old[0], new[0]] += 1
        self._targets[old[1], new[1]] += 1
        self._known.update(one.name for one in before.facts)
        self._kinds.update(one.kind for one in before.facts)

        if before.policy_digest == self._policy.digest:
            self._counts["same_document"] += 1
            self._counts["same_decision"] += before == after

        if before.signals.tool == COMPLETION_TOOL:
            self._weigh(record, before, after)

    def _weigh(self, record: Record, before: Decision, after: Decision) -> None:
        """Add what a completion cost and took, and what it would."""
        self._cost.add(record, before, after)
        self._latency.add(before, after)
        self._off_policy.add(record, before, after)
        state = record.cache.state if record.cache else CacheState.BYPASS
        self._cache["completions"] += 1
        self._cache["used_before"] += state is not CacheState.BYPASS
        self._cache["hits_before"] += state is CacheState.HIT
        self._cache["may_use_after"] += may_use_cache(self._policy, after.signals, after.rule)

    def _known_intent(self, before: Decision) -> Decision:
        """Return the decision without its intent if the policy has none of that name.

        The log keeps no text, so nobody can say which of the policy's own it would be.
        """
        intent = before.signals.intent.name

        if intent is None or self._policy.intent(intent) is not None:
            return before

        return replace(before, signals=replace(before.signals, intent=Intent(confidence=0.0)))

    def _range(self) -> LogRange | None:
        """Return which records were read."""
        if self._first is None or self._last is None:
            return None

        return LogRange(
            first_seq=self._first.seq,
            last_seq=self._last.seq,
            first_at_ms=self._first.record.at_ms,
            last_at_ms=self._last.record.at_ms,
            sha256=self._lines.hexdigest(),
        )

    def _counted(self) -> Counts:
        counted = self._counts
        return Counts(
            records=counted["records"],
            replayed=counted["replayed"],
            without_decision=counted["without_decision"],
            of_other_policies=counted["of_other_policies"],
            not_replayable=counted["not_replayable"],
            moved=counted["moved"],
            other_rule=counted["other_rule"],
            refused_before=counted["refused_before"],
            refused_after=counted["refused_after"],
            unknown_intent=counted["unknown_intent"],
            same_document=counted["same_document"],
            same_decision=counted["same_decision"],
        )


class _CostSum:
    """Adds up what completions cost; in whole micro-dollars, as they were paid."""

    def __init__(self) -> None:
        self._estimate_before = 0
        self._estimate_after = 0
        self._actual_before = 0
        self._actual_after = 0
        self._gained = 0  # the estimates of calls that nobody could serve before

    def add(self, record: Record, before: Decision, after: Decision) -> None:
        """Add one completion."""
        old, new = _estimate(before), _estimate(after)
        self._estimate_before += old or 0
        self._estimate_after += new or 0
        self._actual_before += record.cost_microusd

        if new is None:
            return

        if old is None:
            self._gained += new
        elif old == 0 or old == new:
            self._actual_after += record.cost_microusd + new - old
        else:
            self._actual_after += (2 * record.cost_microusd * new + old) // (2 * old)

    def figures(self) -> CostFigures:
        """Return the sums; what nobody served before costs as much of its estimate as the rest."""
        paid = self._actual_before / self._estimate_before if self._estimate_before else 1.0
        return CostFigures(
            estimate_before=self._estimate_before,
            estimate_after=self._estimate_after,
            actual_before=self._actual_before,
            actual_after=self._actual_after + round(self._gained * paid),
        )


class _LatencySum:
    """Adds up the latencies of first candidates that somebody has measured."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()

    def add(self, before: Decision, after: Decision) -> None:
        """Add one completion, if both sides are known."""
        old, new = _health(before), _health(after)

        if old.p50_ms is None or old.p95_ms is None or new.p50_ms is None or new.p95_ms is None:
            return

        self._sums["decisions"] += 1
        self._sums["p50_before"] += old.p50_ms
        self._sums["p50_after"] += new.p50_ms
        self._sums["p95_before"] += old.p95_ms
        self._sums["p95_after"] += new.p95_ms

    def figures(self) -> LatencyFigures:
        """Return the means."""
        return LatencyFigures(
            decisions=self._sums["decisions"],
            p50_before_ms=self._mean("p50_before"),
            p50_after_ms=self._mean("p50_after"),
            p95_before_ms=self._mean("p95_before"),
            p95_after_ms=self._mean("p95_after"),
        )

    def _mean(self, name: str) -> int | None:
        number = self._sums["decisions"]
        return round(self._sums[name] / number) if number else None


class _OffPolicySum:
    """Adds up the calls whose target was drawn, each by its weight."""

    def __init__(self) -> None:
        self._decisions = 0
        self._answered = 0
        self._weights = 0.0
        self._squares = 0.0
        self._weighed = 0.0

    def add(self, record: Record, before: Decision, after: Decision) -> None:
        """Add one completion, if the log says how likely its target was."""
        choice = before.choice

        if choice is None or choice.mode is not LearningMode.ON:
            return

        likely = _likelihood(before, choice.target)

        if not likely:
            return

        weight = _likelihood(after, choice.target) / likely
        answered = record.outcome == "ok"
        self._decisions += 1
        self._answered += answered
        self._weights += weight
        self._squares += weight * weight
        self._weighed += weight * answered

    def figures(self) -> OffPolicyFigures | None:
        """Return the estimate, None where nothing was drawn."""
        if not self._decisions:
            return None

        return OffPolicyFigures(
            decisions=self._decisions,
            effective=round(self._weights**2 / self._squares, 1) if self._squares else 0.0,
            success_before=round(self._answered / self._decisions, 6),
            success_after=round(self._weighed / self._weights, 6) if self._weights else None,
        )


def _likelihood(decision: Decision, target: str) -> float:
    """Return how likely the decision was to choose the target first."""
    choice = decision.choice

    if choice is not None and choice.mode is LearningMode.ON:
        return next(
            (one.propensity or 0.0 for one in decision.candidates if one.target == target), 0.0
        )

    first = _first(decision)
    return 1.0 if first is not None and first.target == target else 0.0


def _first(decision: Decision) -> Candidate | None:
    return decision.candidates[0] if decision.candidates else None


def _place(decision: Decision) -> tuple[str, str]:
    """Return the pool and the target that are asked first."""
    first = _first(decision)
    return (REFUSED, REFUSED) if first is None else (first.pool, first.target)


def _estimate(decision: Decision) -> int | None:
    first = _first(decision)
    return None if first is None else first.estimated_microusd


def _health(decision: Decision) -> TargetHealth:
    """Return how the first candidate had been doing."""
    first = _first(decision)
    found = (one.health for one in decision.facts if first and one.name == first.target)
    return next(found, UNKNOWN_HEALTH)


def _moves(counted: "Counter[tuple[str, str]]") -> tuple[Move, ...]:
    """Return how many decisions went from where to where, the most first."""
    return tuple(
        Move(before=before, after=after, decisions=number)
        for (before, after), number in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    )
