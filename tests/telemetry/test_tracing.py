"""Trace contexts: what a host may tell, what is ignored, and which traces are sampled."""

import pytest

from mcp_router.domain.trace import TraceContext
from mcp_router.telemetry.tracing import new_context, read_context, told_context

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
TOLD = TraceContext(trace_id=TRACE, parent_span_id=SPAN)


def test_a_context_is_read() -> None:
    assert read_context(PARENT) == TOLD
    assert read_context(PARENT, "acme=1").state == "acme=1"  # type: ignore[union-attr]  # it is there
    assert read_context(f"00-{TRACE}-{SPAN}-00") == TraceContext(
        trace_id=TRACE, parent_span_id=SPAN, is_sampled=False
    )
    assert read_context(f"01-{TRACE}-{SPAN}-01-more") == TOLD


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "",
        "00",
        PARENT.upper(),
        f" {PARENT}",
        f"{PARENT}\n",
        f"{PARENT}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-{'x' * 600}",
    ],
)
def test_what_breaks_the_format_is_no_context(broken: object) -> None:
    assert read_context(broken) is None


@pytest.mark.parametrize("state", [None, 7, "a\nb", "é", "x" * 513])
def test_a_state_that_breaks_the_format_is_dropped_alone(state: object) -> None:
    assert read_context(PARENT, state) == TOLD


def test_the_call_goes_before_the_headers_and_a_broken_one_counts_for_nothing() -> None:
    other = f"00-{'a' * 32}-{SPAN}-01"

    assert told_context({"traceparent": PARENT}, {"traceparent": other}) == TOLD
    assert told_context({"traceparent": "?"}, {"traceparent": PARENT}) == TOLD
    assert told_context({"traceparent": "?"}, {"traceparent": "?"}) is None
    assert told_context({}, {}) is None


@pytest.mark.parametrize(
    ("low", "ratio", "sampled"),
    [
        ("00" * 8, 0.0, False),
        ("ff" * 8, 1.0, True),
        ("7f" + "ff" * 7, 0.5, True),
        ("80" + "00" * 7, 0.5, False),
    ],
)
def test_a_share_of_new_traces_is_sampled_by_their_id(
    low: str, ratio: float, sampled: bool
) -> None:
    trace_id = "ab" * 8 + low

    assert new_context(lambda _: bytes.fromhex(trace_id), ratio) == TraceContext(
        trace_id=trace_id, is_sampled=sampled
    )
