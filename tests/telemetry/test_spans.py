"""Spans made from records: what is one, what is an event, and what counts as failed."""

import itertools
from dataclasses import replace

import pytest

from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.record import Record
from mcp_router.domain.trace import TraceContext
from mcp_router.telemetry import names
from mcp_router.telemetry.spans import Span, SpanEvent, SpanKind, TracedModel, spans_of
from mcp_router.testing.clock import NOON_MS
from tests.storage.rows import record

TRACE = TraceContext(trace_id="a" * 32, parent_span_id="b" * 16)
MODELS = {"nano": TracedModel(provider="openai", model="gpt-5-nano")}


def made(told: Record) -> tuple[Span, ...]:
    numbers = itertools.count(1)
    return spans_of(told, TRACE, MODELS, lambda: f"{next(numbers):016x}")


def attempt(target: str, reason: Reason, started_ms: int) -> Attempt:
    return Attempt(
        target=target,
        evidence=Evidence.UNKNOWN,
        reason=reason,
        latency_ms=3,
        started_ms=started_ms,
    )


def test_an_attempt_at_a_desk_is_told_whole() -> None:
    told = replace(record(latency_ms=9), attempts=(attempt("zendesk", Reason.TIMEOUT, 4),))

    router, sent = made(told)

    assert (router.span_id, router.parent_id) == ("0" * 15 + "1", "b" * 16)
    assert (router.start_ms, router.end_ms) == (NOON_MS, NOON_MS + 9)
    assert sent == Span(
        name="lookup_ticket zendesk",
        kind=SpanKind.CLIENT,
        span_id="0" * 15 + "2",
        parent_id=router.span_id,
        start_ms=NOON_MS + 4,
        end_ms=NOON_MS + 7,
        attributes=(
            (names.ROUTER_TARGET, "zendesk"),
            (names.ROUTER_ATTEMPT, 1),
            (names.ROUTER_EVIDENCE, "unknown"),
            (names.ROUTER_PURPOSE, "answer"),
        ),
        error="timeout",
    )


@pytest.mark.parametrize("reason", [Reason.OVER_BUDGET, Reason.BREAKER_OPEN])
def test_a_target_that_was_not_asked_is_an_event_and_no_span(reason: Reason) -> None:
    attempts = (attempt("nano", reason, 2), attempt("nano", Reason.OK, 4))

    router, sent = made(replace(record(), attempts=attempts))

    assert router.events == (
        SpanEvent(
            name="router.target.skipped",
            at_ms=NOON_MS + 2,
            attributes=((names.ROUTER_TARGET, "nano"), (names.ROUTER_REASON, reason.value)),
        ),
    )
    assert dict(router.attributes)[names.ROUTER_ATTEMPTS] == 1
    assert dict(sent.attributes)[names.ROUTER_ATTEMPT] == 1
    assert names.ROUTER_FALLBACK not in dict(sent.attributes)


@pytest.mark.parametrize(
    ("outcome", "code", "error"),
    [
        ("ok", None, None),
        ("succeeded", None, None),
        ("replayed", None, None),
        ("escalated", None, None),
        ("in_progress", None, None),
        ("cancelled", None, "cancelled"),
        ("failed", None, "failed"),
        ("incomplete", None, "incomplete"),
        ("outcome_unknown", "outcome_unknown", "outcome_unknown"),
        ("conflict", "key_conflict", "key_conflict"),
        ("error", "no_target", "no_target"),
    ],
)
def test_a_call_that_did_not_do_what_was_asked_is_an_error(
    outcome: str, code: str | None, error: str | None
) -> None:
    (router,) = made(replace(record(outcome=outcome), error_code=code))

    assert router.error == error


def test_advice_is_an_attempt_of_its_own_purpose_and_no_fallback() -> None:
    first = attempt("nano", Reason.OK, 0)
    second = replace(attempt("nano", Reason.OK, 4), purpose=Purpose.ADVICE)

    _, _, advice = made(replace(record(), attempts=(first, second)))

    assert dict(advice.attributes)[names.ROUTER_PURPOSE] == "advice"
    assert names.ROUTER_FALLBACK not in dict(advice.attributes)
