"""Traces: where a call's context comes from, whether it is sampled, and who makes its spans.

Spans are made from the finished record and not while a walk runs: the walks stay as they are, a
span can say nothing that the record does not keep, and making it costs no call any time.
"""

import re
from collections.abc import Mapping
from typing import Protocol

from mcp_router.domain.ids import Entropy
from mcp_router.domain.record import Record
from mcp_router.domain.trace import TraceContext

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

# W3C Trace Context: version, trace, parent, flags. A version after 00 may add more at the end.
_PARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-[!-~]*)?"
)
_STATE = re.compile(r"[ -~]{0,512}")
_MAX_PARENT = 512


class Tracer(Protocol):
    """Makes the spans of calls."""

    def root(self) -> TraceContext | None:
        """Return the context of a call that belongs to no trace yet; None where none is begun."""

    def finished(self, record: Record, trace: TraceContext) -> None:
        """Take note of a call that is over; never waits and never raises."""


class Untraced:
    """Begins no trace and makes no span."""

    def root(self) -> TraceContext | None:
        """Return None."""
        return None

    def finished(self, record: Record, trace: TraceContext) -> None:
        """Forget it."""


UNTRACED = Untraced()
"""What an installation without `telemetry:` runs with."""


def told_context(meta: Mapping[str, object], headers: Mapping[str, str]) -> TraceContext | None:
    """Return the context that a host tells in MCP's `_meta`, else in HTTP's headers.

    One that breaks the format is none: a trace is never a reason to refuse a call.
    """
    for carrier in (meta, headers):
        found = read_context(carrier.get(TRACEPARENT), carrier.get(TRACESTATE))

        if found is not None:
            return found

    return None


def read_context(parent: object, state: object = None) -> TraceContext | None:
    """Return the context that these two values tell; None where they tell none.

    >>> read_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").is_sampled
    False
    >>> read_context("a trace")
    """
    if not isinstance(parent, str) or len(parent) > _MAX_PARENT:
        return None

    found = _PARENT.fullmatch(parent)

    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None

    if not int(found["trace"], 16) or not int(found["span"], 16):
        return None

    return TraceContext(
        trace_id=found["trace"],
        parent_span_id=found["span"],
        is_sampled=bool(int(found["flags"], 16) & 1),
        state=state if isinstance(state, str) and _STATE.fullmatch(state) else "",
    )


def new_context(entropy: Entropy, ratio: float) -> TraceContext:
    """Return the context of a new trace; that share of all traces is sampled.

    By the id's last 64 bits, as OpenTelemetry's own sampler does it: every service of a trace
    comes to the same answer.
    """
    trace_id = entropy(16).hex()
    bound = round(ratio * 2**64)
    return TraceContext(trace_id=trace_id, is_sampled=int(trace_id[16:], 16) < bound)
