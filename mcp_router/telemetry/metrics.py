"""What the router counts, and its Prometheus text. Names stay stable; labels stay few."""

import threading
from collections import Counter

from mcp_router.domain.record import Record

CALLS = "mcp_router_calls_total"
ATTEMPTS = "mcp_router_attempts_total"
COST = "mcp_router_cost_usd_total"
LATENCY = "mcp_router_call_latency_seconds"

HELP = {
    CALLS: ("counter", "Calls by tool and outcome."),
    ATTEMPTS: ("counter", "Sends to targets, by target and reason."),
    COST: ("counter", "What completions cost, by target."),
    LATENCY: ("histogram", "Time from a call's arrival to its record, by tool."),
}

BUCKETS_S = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts records as they are written; safe to read from another thread."""

    def __init__(self) -> None:
        """Start at zero."""
        self._values: Counter[tuple[str, _Labels]] = Counter()
        self._micro: Counter[_Labels] = Counter()
        self._seconds: Counter[_Labels] = Counter()
        self._lock = threading.Lock()

    def observe(self, record: Record) -> None:
        """Count one record."""
        tool = (("tool", record.tool),)

        with self._lock:
            self._values[CALLS, (*tool, ("outcome", record.outcome))] += 1
            self._seconds[tool] += record.latency_ms
            self._values[f"{LATENCY}_count", tool] += 1

            for bound in BUCKETS_S:
                if record.latency_ms <= bound * 1000:
                    self._values[f"{LATENCY}_bucket", (*tool, ("le", f"{bound:g}"))] += 1

            self._values[f"{LATENCY}_bucket", (*tool, ("le", "+Inf"))] += 1

            for attempt in record.attempts:
                target = ("target", attempt.target)
                self._values[ATTEMPTS, (target, ("reason", attempt.reason))] += 1
                self._micro[(target,)] += attempt.cost_microusd

    def text(self) -> str:
        """Return everything in Prometheus' text format, version 0.0.4."""
        with self._lock:
            samples = [
                *((name, labels, str(value)) for (name, labels), value in self._values.items()),
                *((COST, labels, f"{value / 1e6:.6f}") for labels, value in self._micro.items()),
                *(
                    (f"{LATENCY}_sum", labels, f"{value / 1000:.3f}")
                    for labels, value in self._seconds.items()
                ),
            ]

        lines: list[str] = []

        for family, (kind, meaning) in HELP.items():
            lines += [f"# HELP {family} {meaning}", f"# TYPE {family} {kind}"]
            lines += [
                f"{name}{_labels(labels)} {value}"
                for name, labels, value in sorted(samples)
                if name == family or name.rpartition("_")[0] == family
            ]

        return "\n".join(lines) + "\n"


def _labels(labels: _Labels) -> str:
    """Return labels as the format writes them."""
    inside = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    return f"{{{inside}}}"


def _escape(value: str) -> str:
    """Escape a label's value."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
