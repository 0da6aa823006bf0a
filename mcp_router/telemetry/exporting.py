"""Sends spans in a thread of its own, so that a receiver that is slow or down costs no call.

The queue is bounded: what does not fit is lost and counted, never waited for.
"""

import logging
import queue
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from mcp_router.domain.ids import Entropy
from mcp_router.domain.record import Record
from mcp_router.domain.trace import TraceContext
from mcp_router.telemetry.spans import Span, TracedModel, spans_of
from mcp_router.telemetry.tracing import new_context

QUEUE_CALLS = 2048
BATCH_CALLS = 256
GATHER_S = 0.5
"""How long a span waits at most for others to travel with."""

CLOSE_S = 5.0
"""How long a router that stops waits for its last spans to be sent."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporting:
    """Where spans go and as whose; `headers` may hold credentials."""

    endpoint: str
    service_name: str
    service_version: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Batch = tuple[tuple[TraceContext, tuple[Span, ...]], ...]


class SpanExporter(Protocol):
    """Sends spans to a receiver."""

    def export(self, batch: Batch) -> bool:
        """Return whether the receiver has taken them; may take seconds, and never raises."""

    def stop(self) -> None:
        """Give up what is being sent, from another thread."""


class SpanGauge(Protocol):
    """Shows what becomes of calls' spans."""

    def spans(self, state: str, calls: int) -> None:
        """Count the spans of that many calls as `sent` or `lost`."""


class SpanSender:
    """A `Tracer` that makes and sends the spans of finished calls in the background."""

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        entropy: Entropy,
        ratio: float,
        models: Mapping[str, TracedModel],
        gauge: SpanGauge,
    ) -> None:
        """Start the thread."""
        self._exporter = exporter
        self._entropy = entropy
        self._ratio = ratio
        self._models = models
        self._gauge = gauge
        self._calls: queue.Queue[tuple[Record, TraceContext] | None] = queue.Queue(QUEUE_CALLS)
        self._ends = threading.Event()
        self._gives_up = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="mcp-router-spans", daemon=True)
        self._thread.start()

    def root(self) -> TraceContext:
        """Return the context of a new trace."""
        return new_context(self._entropy, self._ratio)

    def finished(self, record: Record, trace: TraceContext) -> None:
        """Queue a call that is over, where its trace is sampled."""
        if not trace.is_sampled:
            return

        try:
            self._calls.put_nowait((record, trace))
        except queue.Full:
            self._gauge.spans("lost", 1)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Send what is queued, for at most that long; what is left then is lost."""
        self._ends.set()

        with suppress(queue.Full):  # then the thread does not wait for anything
            self._calls.put_nowait(None)

        self._thread.join(timeout_s)

        if self._thread.is_alive():
            _logger.warning("the last spans could not be sent in time and are lost")
            self._gives_up.set()

        self._exporter.stop()

    def _run(self) -> None:
        """Send batch after batch until closed and empty, or out of time."""
        while not self._gives_up.is_set():
            calls = self._gathered()

            if calls:
                self._send(calls)
            elif self._ends.is_set():
                break

    def _gathered(self) -> list[tuple[Record, TraceContext]]:
        """Return the next calls, as many as come within a moment; closing ends the wait."""
        calls: list[tuple[Record, TraceContext]] = []
        until_s = time.monotonic() + GATHER_S

        while len(calls) < BATCH_CALLS:
            left_s = 0.0 if self._ends.is_set() else until_s - time.monotonic()

            try:
                one = self._calls.get(timeout=max(0.0, left_s))
            except queue.Empty:
                break

            if one is not None:
                calls.append(one)

        return calls

    def _send(self, calls: list[tuple[Record, TraceContext]]) -> None:
        """Make the spans of some calls and send them; say it once where that begins to fail."""
        batch = tuple(
            (trace, spans_of(record, trace, self._models, lambda: self._entropy(8).hex()))
            for record, trace in calls
        )
        is_sent = self._exporter.export(batch)
        self._gauge.spans("sent" if is_sent else "lost", len(calls))

        if self._is_failing == is_sent:
            self._is_failing = not is_sent
            _logger.warning("spans %s", "are sent again" if is_sent else "cannot be sent")
