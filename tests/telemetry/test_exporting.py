"""The thread that sends spans: bounded, patient with nobody, and done within its time."""

import logging
import os
import threading
from collections import Counter

import pytest

from mcp_router.domain.trace import TraceContext
from mcp_router.telemetry.exporting import QUEUE_CALLS, Batch, SpanSender
from tests.storage.rows import record

TRACE = TraceContext(trace_id="a" * 32)


class Slow:
    """An exporter that stays with its first batch until it is let go or stopped."""

    def __init__(self) -> None:
        self.begun, self.free, self.stopped = (threading.Event() for _ in range(3))
        self.sent = 0

    def export(self, batch: Batch) -> bool:
        self.begun.set()
        assert self.free.wait(20)
        self.sent += len(batch)
        return not self.stopped.is_set()

    def stop(self) -> None:
        self.stopped.set()
        self.free.set()


class Refusing(Slow):
    """An exporter whose receiver is down."""

    def export(self, batch: Batch) -> bool:
        self.sent += len(batch)
        return False


class Counts:
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def spans(self, state: str, calls: int) -> None:
        self.seen[state] += calls


def sender(exporter: Slow, counts: Counts) -> SpanSender:
    return SpanSender(exporter, entropy=os.urandom, ratio=1.0, models={}, gauge=counts)


def test_a_full_queue_loses_and_counts_and_never_waits() -> None:
    exporter, counts = Slow(), Counts()
    sending = sender(exporter, counts)
    sending.finished(record(), TRACE)
    assert exporter.begun.wait(10)

    for _ in range(QUEUE_CALLS + 7):
        sending.finished(record(), TRACE)

    assert counts.seen == {"lost": 7}
    exporter.free.set()
    sending.close()
    assert counts.seen == {"lost": 7, "sent": QUEUE_CALLS + 1}
    assert exporter.sent == QUEUE_CALLS + 1


def test_closing_gives_up_after_its_time(caplog: pytest.LogCaptureFixture) -> None:
    exporter = Slow()
    sending = sender(exporter, Counts())
    sending.finished(record(), TRACE)
    assert exporter.begun.wait(10)

    sending.close(timeout_s=0.05)

    assert exporter.stopped.is_set()
    assert caplog.messages == ["the last spans could not be sent in time and are lost"]


def test_a_trace_that_is_not_sampled_is_not_sent() -> None:
    exporter, counts = Slow(), Counts()
    exporter.free.set()
    sending = sender(exporter, counts)
    sending.finished(record(), TraceContext(trace_id="a" * 32, is_sampled=False))
    sending.close()

    assert (exporter.sent, counts.seen) == (0, {})


def test_a_receiver_that_is_down_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    exporter, counts = Refusing(), Counts()

    with caplog.at_level(logging.WARNING):
        sending = sender(exporter, counts)

        for _ in range(600):  # more than two batches
            sending.finished(record(), TRACE)

        sending.close()

    assert counts.seen == {"lost": 600}
    assert caplog.messages == ["spans cannot be sent"]
