"""What the router counts, and its Prometheus text. Names stay stable; labels stay few."""

import math
import threading
from collections import Counter
from collections.abc import Iterator

from mcp_router.domain.action import ActionState
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.decision import Decision
from mcp_router.domain.guardrails import CacheState
from mcp_router.domain.record import Record
from mcp_router.errors import BudgetExceeded

CALLS = "mcp_router_calls_total"
ATTEMPTS = "mcp_router_attempts_total"
COST = "mcp_router_cost_usd_total"
LATENCY = "mcp_router_call_latency_seconds"
UNDECIDED = "mcp_router_actions_undecided"
RECONCILED = "mcp_router_actions_reconciled_total"
BREAKER_OPEN = "mcp_router_breaker_open"
TOKENS = "mcp_router_tokens_total"
SERVED = "mcp_router_served_total"
CACHE = "mcp_router_cache_total"
ESCALATIONS = "mcp_router_escalations_total"
BUDGET_REFUSALS = "mcp_router_budget_refusals_total"
ARM_CALLS = "mcp_router_rollout_calls_total"
SPANS = "mcp_router_traced_calls_total"

HELP = {
    CALLS: ("counter", "Calls by tool and outcome."),
    ATTEMPTS: ("counter", "Sends to targets, by target and reason."),
    COST: ("counter", "What completions cost, by target."),
    LATENCY: ("histogram", "Time from a call's arrival to its record, by tool."),
    UNDECIDED: ("gauge", "Actions that are not decided now, by target and state."),
    RECONCILED: ("counter", "Actions looked at in the background, by target and new state."),
    BREAKER_OPEN: ("gauge", "1 while a target is left alone because it failed, by target."),
    TOKENS: ("counter", "Tokens as providers bill them, by target and direction."),
    SERVED: ("counter", "Calls that were served, by the decision's pool and by whom."),
    CACHE: ("counter", "Completions by what became of the answer cache."),
    ESCALATIONS: ("counter", "Completions that a person takes over, by the decision's pool."),
    BUDGET_REFUSALS: ("counter", "Calls that a budget did not cover, by tool."),
    ARM_CALLS: ("counter", "Calls within a rollout, by policy, arm and outcome."),
    SPANS: ("counter", "Calls whose spans were sent or lost, by state."),
}

DONE = frozenset({"ok", "incomplete", "succeeded"})
"""Outcomes of a call that a target, or a kept answer, has served."""

BUCKETS_S = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, math.inf)

_Labels = tuple[tuple[str, str], ...]


class _Latency:
    """The latencies of one tool. Every bucket is always told, as each scrape is compared."""

    def __init__(self) -> None:
        self._within = [0] * len(BUCKETS_S)
        self._total_ms = 0

    def add(self, latency_ms: int) -> None:
        self._total_ms += latency_ms

        for place, bound_s in enumerate(BUCKETS_S):
            self._within[place] += latency_ms <= bound_s * 1000

    def samples(self, tool: str) -> list[tuple[str, _Labels, str]]:
        labels = (("tool", tool),)
        return [
            *(
                (f"{LATENCY}_bucket", (*labels, ("le", _bound(bound_s))), str(count))
                for bound_s, count in zip(BUCKETS_S, self._within, strict=True)
            ),
            (f"{LATENCY}_sum", labels, f"{self._total_ms / 1000:.3f}"),
            (f"{LATENCY}_count", labels, str(self._within[-1])),
        ]


class Metrics:
    """Counts records as they are written; safe to read from another thread."""

    def __init__(self) -> None:
        """Start at zero."""
        self._values: Counter[tuple[str, _Labels]] = Counter()
        self._micro: Counter[_Labels] = Counter()
        self._latency: dict[str, _Latency] = {}
        self._undecided: dict[_Labels, int] = {}
        self._breakers: dict[_Labels, int] = {}
        self._lock = threading.Lock()

    def observe(self, record: Record) -> None:
        """Count one record."""
        with self._lock:
            self._values[CALLS, (("tool", record.tool), ("outcome", record.outcome))] += 1
            self._latency.setdefault(record.tool, _Latency()).add(record.latency_ms)

            self._values.update(_decided(record))

            for attempt in record.attempts:
                target = ("target", attempt.target)
                self._values[ATTEMPTS, (target, ("reason", attempt.reason))] += 1
                self._micro[(target,)] += attempt.cost_microusd

                if attempt.usage is not None:
                    read, written = attempt.usage.input_tokens, attempt.usage.output_tokens
                    self._values[TOKENS, (target, ("direction", "input"))] += read
                    self._values[TOKENS, (target, ("direction", "output"))] += written

    def attempted(self, attempt: Attempt) -> None:
        """Count one send that no call made."""
        with self._lock:
            labels = (("target", attempt.target), ("reason", attempt.reason))
            self._values[ATTEMPTS, labels] += 1

    def reconciled(self, target: str, state: ActionState) -> None:
        """Count one action that the reconciler has looked at."""
        with self._lock:
            self._values[RECONCILED, (("target", target), ("state", state))] += 1

    def undecided(self, counts: tuple[tuple[str, ActionState, int], ...]) -> None:
        """Show how many actions of each target and state are open; one that is gone shows 0."""
        with self._lock:
            self._undecided = dict.fromkeys(self._undecided, 0)

            for target, state, number in counts:
                self._undecided[("target", target), ("state", state)] = number

    def breaker(self, target: str, *, is_open: bool) -> None:
        """Show whether a target is left alone now."""
        with self._lock:
            self._breakers[(("target", target),)] = int(is_open)

    def spans(self, state: str, calls: int) -> None:
        """Count calls whose spans were sent or lost."""
        with self._lock:
            self._values[SPANS, (("state", state),)] += calls

    def text(self) -> str:
        """Return everything in Prometheus' text format, version 0.0.4."""
        with self._lock:
            samples = sorted(
                [
                    *((name, labels, str(value)) for (name, labels), value in self._values.items()),
                    *((UNDECIDED, *one) for one in _numbers(self._undecided)),
                    *((BREAKER_OPEN, *one) for one in _numbers(self._breakers)),
                    *(
                        (COST, labels, f"{value / 1e6:.6f}")
                        for labels, value in self._micro.items()
                    ),
                ]
            )

            # Unsorted: a histogram's bounds must rise as numbers, not as text.
            for tool, latency in sorted(self._latency.items()):
                samples += latency.samples(tool)

        lines: list[str] = []

        for family, (kind, meaning) in HELP.items():
            lines += [f"# HELP {family} {meaning}", f"# TYPE {family} {kind}"]
            lines += [
                f"{name}{_labels(labels)} {value}"
                for name, labels, value in samples
                if name == family or name.rpartition("_")[0] == family
            ]

        return "\n".join(lines) + "\n"


def _decided(record: Record) -> Iterator[tuple[str, _Labels]]:
    """Yield what one call adds 1 to by its decision and by what became of that."""
    if record.cache is not None:
        yield CACHE, (("state", record.cache.state),)

    if record.error_code == BudgetExceeded.code:
        yield BUDGET_REFUSALS, (("tool", record.tool),)

    decision = record.decision

    if decision is None:
        return

    pool = ("pool", decision.pool)

    if record.escalation is not None:
        yield ESCALATIONS, (pool,)

    if record.outcome in DONE and record.target is not None:
        yield SERVED, (pool, ("by", _server(record, decision)))

    if decision.arm is not None:
        outcome = ("outcome", record.outcome)
        yield ARM_CALLS, (("policy", decision.policy), ("arm", decision.arm), outcome)


def _server(record: Record, decision: Decision) -> str:
    """Return whether a kept answer, the decision's first candidate or a later one has served."""
    if record.cache is not None and record.cache.state is CacheState.HIT:
        return "cache"

    first = decision.candidates[0].target if decision.candidates else None
    return "first" if record.target == first else "fallback"


def _numbers(values: dict[_Labels, int]) -> list[tuple[_Labels, str]]:
    """Return labels and values as the format writes them."""
    return [(labels, str(value)) for labels, value in values.items()]


def _bound(bound_s: float) -> str:
    """Return a bucket's bound as the format writes it."""
    return "+Inf" if math.isinf(bound_s) else f"{bound_s:g}"


def _labels(labels: _Labels) -> str:
    """Return labels as the format writes them."""
    inside = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    return f"{{{inside}}}"


def _escape(value: str) -> str:
    """Escape a label's value."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
