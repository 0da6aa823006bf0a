"""Sums a decision log up, in one pass and in memory that does not grow with it.

What is said of a name is exact as long as there are not too many names: `MOST_GROUPS` of a kind,
and `MOST_SPENDERS` tickets or customers at a time. Latencies of a second and more are counted to
three digits.
"""

from collections import Counter
from collections.abc import Iterable

from mcp_router.audit.log import ESCALATED, OK
from mcp_router.domain.action import Outcome
from mcp_router.domain.attempt import Purpose
from mcp_router.domain.glance import Glance
from mcp_router.domain.guardrails import CacheState
from mcp_router.domain.log_report import (
    Comparison,
    ErrorCount,
    Group,
    IntentChange,
    LogReport,
    Span,
    Spender,
    Stage,
)
from mcp_router.domain.money import usd
from mcp_router.domain.percentile import percentile
from mcp_router.policy.routed import COMPLETION_TOOL

MOST_GROUPS = 200
MOST_SPENDERS = 50_000
MOST_SPANS = 72
TOP = 10
OTHERS = "(others)"
CACHE = "cache"

_SUCCESS = {OK, Outcome.SUCCEEDED, Outcome.REPLAYED, Outcome.DRY_RUN}
_MINUTE_MS = 60_000
_SPANS_MS = [minutes * _MINUTE_MS for minutes in (1, 5, 15, 60, 360, 1_440, 10_080, 40_320)]


def report(records: Iterable[Glance], *, compare: tuple[str, str] | None = None) -> LogReport:
    """Return the log in numbers; `compare` names two policy versions, the older one first."""
    books = _Books(compare)

    for record in records:
        books.add(record)

    return books.report()


class _Books:
    """Everything that is counted."""

    def __init__(self, compare: tuple[str, str] | None) -> None:
        self.compare = compare
        self.calls = self.changes = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self.whole = _Tally()
        self.intents, self.tenants, self.policies = _Groups(), _Groups(), _Groups()
        self.targets, self.tools = _Groups(), _Groups()
        self.compared = {policy: _Groups() for policy in compare or ()}
        self.stages: dict[str, _Tally] = {name: _Tally() for name in (*Purpose, CACHE)}
        self.tickets, self.customers = _Spenders(), _Spenders()
        self.errors: Counter[str] = Counter()
        self.spans = _Spans()

    def add(self, record: Glance) -> None:
        """Count one record."""
        at_ms = record.at_ms
        self.first_ms = at_ms if self.first_ms is None else min(self.first_ms, at_ms)
        self.last_ms = at_ms if self.last_ms is None else max(self.last_ms, at_ms)

        if record.event is not None:
            self.changes += 1
            return

        self.calls += 1
        self.tools.of(record.tool).add(record)

        if record.error_code is not None:
            self.errors[record.error_code] += 1

        if record.tool == COMPLETION_TOOL:
            self._completion(record)

    def _completion(self, record: Glance) -> None:
        decision = record.decision
        intent = decision.signals.intent.name if decision else None
        policy = decision.policy if decision else None

        for tally in (
            self.whole,
            self.intents.of(intent),
            self.tenants.of(record.tenant),
            self.policies.of(policy),
            self.targets.of(record.target),
            self.spans.of(record.at_ms),
        ):
            tally.add(record)

        if policy in self.compared:
            self.compared[policy].of(intent).add(record)

        for attempt in record.attempts:
            self.stages[attempt.purpose].count(attempt.latency_ms, attempt.cost_microusd)

        if record.cache is not None and record.cache.state is CacheState.HIT:
            self.stages[CACHE].count(record.latency_ms, 0)

        self.tickets.add(record, record.ticket_id)
        self.customers.add(record, record.customer_id)

    def report(self) -> LogReport:
        """Return all of it."""
        return LogReport(
            first_ms=self.first_ms,
            last_ms=self.last_ms,
            calls=self.calls,
            changes=self.changes,
            completions=self.whole.group(None),
            intents=self.intents.groups(),
            tenants=self.tenants.groups(),
            policies=self.policies.groups(),
            targets=self.targets.groups(),
            tools=self.tools.groups(),
            stages=self._stages(),
            tickets=self.tickets.top(),
            customers=self.customers.top(),
            errors=tuple(
                ErrorCount(code=code, times=times) for code, times in self.errors.most_common()
            ),
            span_ms=self.spans.length_ms,
            spans=self.spans.told(),
            comparison=self._comparison(),
        )

    def _stages(self) -> tuple[Stage, ...]:
        spent = sum(stage.cost_microusd for stage in self.stages.values())
        return tuple(
            Stage(
                name=name,
                times=stage.calls,
                cost_usd=usd(stage.cost_microusd),
                cost_per_1000_usd=_per_1000(stage.cost_microusd, self.whole.succeeded),
                share=_rate(stage.cost_microusd, spent),
                p50_ms=percentile(stage.latencies, 50),
                p95_ms=percentile(stage.latencies, 95),
            )
            for name, stage in self.stages.items()
        )

    def _comparison(self) -> Comparison | None:
        if self.compare is None:
            return None

        old, new = (self.compared[policy] for policy in self.compare)
        before = {one.name: one for one in old.groups()}
        after = {one.name: one for one in new.groups()}
        names = sorted(
            {*before, *after},
            key=lambda name: -sum(one[name].calls for one in (before, after) if name in one),
        )
        return Comparison(
            before=old.whole().group(self.compare[0]),
            after=new.whole().group(self.compare[1]),
            intents=tuple(
                IntentChange(intent=name, before=before.get(name), after=after.get(name))
                for name in names
            ),
        )


class _Tally:
    """The sums of one group; latencies are kept as how often each occurred."""

    def __init__(self) -> None:
        self.calls = self.succeeded = self.escalated = self.cost_microusd = 0
        self.fallbacks = self.looks = self.hits = 0
        self.latencies: Counter[int] = Counter()

    def add(self, record: Glance) -> None:
        """Count one call."""
        self.calls += 1
        self.cost_microusd += record.cost_microusd
        self.escalated += record.outcome == ESCALATED
        self.fallbacks += _fell_back(record)

        if record.cache is not None and record.cache.state is not CacheState.BYPASS:
            self.looks += 1
            self.hits += record.cache.state is CacheState.HIT

        if record.outcome in _SUCCESS:
            self.succeeded += 1
            self.latencies[_rounded(record.latency_ms)] += 1

    def count(self, latency_ms: int, cost_microusd: int) -> None:
        """Count one send, or one look into the cache."""
        self.calls += 1
        self.cost_microusd += cost_microusd
        self.latencies[_rounded(latency_ms)] += 1

    def merge(self, other: "_Tally") -> None:
        """Count all that another one has counted."""
        self.calls += other.calls
        self.succeeded += other.succeeded
        self.escalated += other.escalated
        self.cost_microusd += other.cost_microusd
        self.fallbacks += other.fallbacks
        self.looks += other.looks
        self.hits += other.hits
        self.latencies.update(other.latencies)

    def group(self, name: str | None) -> Group:
        """Return the sums."""
        return Group(
            name=name,
            calls=self.calls,
            succeeded=self.succeeded,
            escalated=self.escalated,
            cost_usd=usd(self.cost_microusd),
            cost_per_1000_usd=_per_1000(self.cost_microusd, self.succeeded),
            success_rate=_rate(self.succeeded, self.calls),
            p50_ms=percentile(self.latencies, 50),
            p95_ms=percentile(self.latencies, 95),
            fallback_rate=_rate(self.fallbacks, self.calls),
            cache_rate=_rate(self.hits, self.looks),
        )


class _Groups:
    """Tallies by name; once there are too many names, the new ones share one tally."""

    def __init__(self) -> None:
        self._tallies: dict[str | None, _Tally] = {}

    def of(self, name: str | None) -> _Tally:
        """Return the tally of a name."""
        tally = self._tallies.get(name)

        if tally is None:
            name = name if len(self._tallies) < MOST_GROUPS else OTHERS
            tally = self._tallies.setdefault(name, _Tally())

        return tally

    def whole(self) -> _Tally:
        """Return all of them as one."""
        whole = _Tally()

        for tally in self._tallies.values():
            whole.merge(tally)

        return whole

    def groups(self) -> tuple[Group, ...]:
        """Return the groups, the costliest first."""
        found = (tally.group(name) for name, tally in self._tallies.items())
        return tuple(sorted(found, key=lambda one: (-one.cost_usd, -one.calls, one.name or "")))


class _Spenders:
    """The costliest names among any number of them.

    With twice as many as are kept, the cheaper half is forgotten. Whoever comes back may have been
    forgotten before, with at most as much as the costliest of those: that is what is missed.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[int]] = {}  # cost, calls, succeeded, missed
        self._forgotten_microusd = 0

    def add(self, record: Glance, name: str | None) -> None:
        """Count one call of a ticket or a customer, if it has one."""
        if name is None:
            return

        sums = self._found.get((record.tenant, name))

        if sums is None:
            if len(self._found) >= 2 * MOST_SPENDERS:
                self._forget()

            sums = self._found[record.tenant, name] = [0, 0, 0, self._forgotten_microusd]

        sums[0] += record.cost_microusd
        sums[1] += 1
        sums[2] += record.outcome in _SUCCESS

    def _forget(self) -> None:
        kept = sorted(self._found.items(), key=lambda one: -one[1][0])
        lost = (cost + missed for _, (cost, _, _, missed) in kept[MOST_SPENDERS:])
        self._forgotten_microusd = max(self._forgotten_microusd, *lost)
        self._found = dict(kept[:MOST_SPENDERS])

    def top(self) -> tuple[Spender, ...]:
        """Return the costliest, those that cost nothing left out."""
        costly = [one for one in self._found.items() if one[1][0]]
        return tuple(
            Spender(
                tenant=tenant,
                name=name,
                calls=calls,
                succeeded=succeeded,
                cost_usd=usd(cost),
                cost_per_1000_usd=_per_1000(cost, succeeded),
                missed_usd=usd(missed),
            )
            for (tenant, name), (cost, calls, succeeded, missed) in sorted(
                costly, key=lambda one: (-one[1][0], one[0])
            )[:TOP]
        )


class _Spans:
    """Tallies by time, in stretches that become longer when there would be too many."""

    def __init__(self) -> None:
        self._step = 0
        self._tallies: dict[int, _Tally] = {}

    @property
    def length_ms(self) -> int:
        """Return how long a stretch is now."""
        return _SPANS_MS[self._step]

    def of(self, at_ms: int) -> _Tally:
        """Return the tally of a moment."""
        while (
            at_ms // self.length_ms not in self._tallies
            and len(self._tallies) >= MOST_SPANS
            and self._step + 1 < len(_SPANS_MS)
        ):
            self._lengthen()

        return self._tallies.setdefault(at_ms // self.length_ms, _Tally())

    def _lengthen(self) -> None:
        old_ms, old = self.length_ms, self._tallies
        self._step += 1
        self._tallies = {}

        for number, tally in old.items():
            now = number * old_ms // self.length_ms
            self._tallies.setdefault(now, _Tally()).merge(tally)

    def told(self) -> tuple[Span, ...]:
        """Return the stretches in which something happened, in order."""
        return tuple(
            Span(
                at_ms=number * self.length_ms,
                calls=tally.calls,
                failed=tally.calls - tally.succeeded,
                cost_usd=usd(tally.cost_microusd),
                p50_ms=percentile(tally.latencies, 50),
                p95_ms=percentile(tally.latencies, 95),
            )
            for number, tally in sorted(self._tallies.items())
        )


def _fell_back(record: Glance) -> bool:
    """Return whether another target served the call than the first that was tried."""
    return bool(record.attempts) and record.target not in (None, record.attempts[0].target)


def _rounded(latency_ms: int) -> int:
    """Return the latency to three digits, which keeps few values apart.

    >>> _rounded(987), _rounded(1_234), _rounded(45_678)
    (987, 1230, 45700)
    """
    return latency_ms if latency_ms < 1_000 else int(float(f"{latency_ms:.3g}"))


def _per_1000(cost_microusd: int, succeeded: int) -> float | None:
    return round(usd(cost_microusd) * 1000 / succeeded, 6) if succeeded else None


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
