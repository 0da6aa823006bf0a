"""Where a call stands in the trace of whoever made it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """The trace that a call belongs to, in the words of W3C Trace Context.

    `parent_span_id` is None where the trace begins with the call. `is_sampled` says whether spans
    of it are sent anywhere; `state` is the host's `tracestate`, handed on unread.
    """

    trace_id: str
    parent_span_id: str | None = None
    is_sampled: bool = True
    state: str = ""
