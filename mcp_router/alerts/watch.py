"""Turns the records of one process into alerts: what one says by itself, and what many say."""

from collections import defaultdict
from collections.abc import Iterator

from mcp_router.alerts.burst import MINUTES, Burst, BurstWatch
from mcp_router.alerts.drift import Drift, LevelWatch, RateWatch
from mcp_router.alerts.reading import (
    BUDGET,
    ERROR,
    FAILURES,
    Reading,
    facts_of,
    fallback,
    over_budget,
    policy_change,
    unknown_action,
)
from mcp_router.domain.alert import Alert, AlertKind, alert_id
from mcp_router.domain.attempt import Attempt, Reason
from mcp_router.domain.record import Record

_DIGITS = 3  # of a drift's figures: more would look better known than they are


class Watch:
    """Remembers, for each target and tenant, only what bursts and drifts need."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._bursts: defaultdict[str, BurstWatch] = defaultdict(BurstWatch)
        self._levels: defaultdict[tuple[str, str, str], LevelWatch] = defaultdict(LevelWatch)
        self._rates: defaultdict[str, RateWatch] = defaultdict(RateWatch)

    def read(self, reading: Reading) -> Iterator[Alert]:
        """Yield what the record says, and what it completes."""
        record = reading.record

        if record.event is not None:
            yield policy_change(record, record.event)
            return

        yield from filter(None, (fallback(reading), over_budget(record), unknown_action(record)))
        yield from self._bursts_of(record)
        yield from self._drifts_of(reading)

    def _bursts_of(self, record: Record) -> Iterator[Alert]:
        """Yield the bursts of targets, and of the tenant."""
        at_ms = record.at_ms + record.latency_ms

        for attempt in record.attempts:
            if attempt.reason is Reason.OK or attempt.reason in FAILURES:
                failed = attempt.reason in FAILURES
                burst = self._bursts[f"target {attempt.target}"].feed(at_ms, failed=failed)

                if burst is not None:
                    yield _burst(record, burst, target=attempt.target, reason=attempt.reason.value)

        # A budget's refusal is an alert of its own.
        failed = record.outcome == ERROR and record.error_code != BUDGET
        burst = self._bursts[f"tenant {record.tenant}"].feed(at_ms, failed=failed)

        if burst is not None:
            yield _burst(record, burst, target=None, reason=record.error_code)

    def _drifts_of(self, reading: Reading) -> Iterator[Alert]:
        """Yield the drifts of targets: of latency and cost by answer, of fallbacks by call."""
        for attempt in reading.answers:
            if attempt.reason is Reason.OK:
                yield from self._levels_of(reading.record, attempt)

        if reading.wanted is not None:
            drift = self._rates[reading.wanted].feed(reading.fell_back)

            if drift is not None:
                record, target = reading.record, reading.wanted
                yield _drift(record, drift, target=target, metric="fallback_rate")

    def _levels_of(self, record: Record, attempt: Attempt) -> Iterator[Alert]:
        """Yield the drifts that an answer completes; those of different tools differ always."""
        measured = {"latency_ms": attempt.latency_ms, "cost_microusd": attempt.cost_microusd}

        for metric, value in measured.items():
            if value > 0:
                drift = self._levels[attempt.target, record.tool, metric].feed(value)

                if drift is not None:
                    yield _drift(record, drift, target=attempt.target, metric=metric)


def _burst(record: Record, burst: Burst, *, target: str | None, reason: str | None) -> Alert:
    """Return the alert of a burst: of a target, or else of the record's tenant."""
    kind = AlertKind.ERROR_BURST
    tenant = record.tenant if target is None else None
    subject = f"target {target}" if tenant is None else f"tenant {tenant}"
    return Alert(
        alert_id=alert_id(kind, record.decision_id, subject),
        kind=kind,
        key=f"{kind.value} {subject}",
        at_ms=record.at_ms + record.latency_ms,
        tenant=tenant,
        facts=facts_of(
            ("target", target),
            ("reason", reason),
            ("errors", burst.failures),
            ("tries", burst.tries),
            ("minutes", MINUTES),
            ("decision_id", record.decision_id),
        ),
    )


def _drift(record: Record, drift: Drift, *, target: str, metric: str) -> Alert:
    """Return the alert of a drift."""
    kind = AlertKind.DRIFT_DETECTED
    return Alert(
        alert_id=alert_id(kind, record.decision_id, target, metric),
        kind=kind,
        key=f"{kind.value} {target} {record.tool} {metric}",
        at_ms=record.at_ms + record.latency_ms,
        facts=facts_of(
            ("target", target),
            ("tool", record.tool),
            ("metric", metric),
            ("usual", _rounded(drift.usual)),
            ("now", _rounded(drift.now)),
            ("answers", drift.values),
        ),
    )


def _rounded(value: float) -> float:
    """Return the value with as many digits as are known.

    >>> _rounded(1234.5), _rounded(0.01234)
    (1230.0, 0.0123)
    """
    return float(f"{value:.{_DIGITS}g}")
