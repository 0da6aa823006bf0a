"""Prometheus' text, byte for byte, and its counting under threads."""

import threading
from dataclasses import replace

from mcp_router.domain.action import ActionState
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.completion import Usage
from mcp_router.domain.decision import Candidate, Decision
from mcp_router.domain.guardrails import CacheState, CacheUse
from mcp_router.domain.rollout import Arm
from mcp_router.domain.signals import Signals
from mcp_router.telemetry.metrics import (
    ARM_CALLS,
    ATTEMPTS,
    BREAKER_OPEN,
    BUCKETS_S,
    BUDGET_REFUSALS,
    CACHE,
    CALLS,
    ESCALATIONS,
    RECONCILED,
    SERVED,
    SPANS,
    TOKENS,
    UNDECIDED,
    Metrics,
)
from tests.decide.examples import LIMITS
from tests.storage.rows import record


def attempt(target: str, reason: Reason, cost_microusd: int = 0) -> Attempt:
    return Attempt(
        target=target,
        evidence=Evidence.UNKNOWN,
        reason=reason,
        latency_ms=5,
        cost_microusd=cost_microusd,
    )


def test_nothing_counted_is_headings_alone() -> None:
    assert Metrics().text() == (
        "# HELP mcp_router_calls_total Calls by tool and outcome.\n"
        "# TYPE mcp_router_calls_total counter\n"
        "# HELP mcp_router_attempts_total Sends to targets, by target and reason.\n"
        "# TYPE mcp_router_attempts_total counter\n"
        "# HELP mcp_router_cost_usd_total What completions cost, by target.\n"
        "# TYPE mcp_router_cost_usd_total counter\n"
        "# HELP mcp_router_call_latency_seconds Time from a call's arrival to its record, by tool."
        "\n"
        "# TYPE mcp_router_call_latency_seconds histogram\n"
        "# HELP mcp_router_actions_undecided Actions that are not decided now, by target and state."
        "\n"
        "# TYPE mcp_router_actions_undecided gauge\n"
        "# HELP mcp_router_actions_reconciled_total Actions looked at in the background, by target "
        "and new state.\n"
        "# TYPE mcp_router_actions_reconciled_total counter\n"
        "# HELP mcp_router_breaker_open 1 while a target is left alone because it failed, by "
        "target.\n"
        "# TYPE mcp_router_breaker_open gauge\n"
        "# HELP mcp_router_tokens_total Tokens as providers bill them, by target and direction.\n"
        "# TYPE mcp_router_tokens_total counter\n"
        "# HELP mcp_router_served_total Calls that were served, by the decision's pool and by whom."
        "\n"
        "# TYPE mcp_router_served_total counter\n"
        "# HELP mcp_router_cache_total Completions by what became of the answer cache.\n"
        "# TYPE mcp_router_cache_total counter\n"
        "# HELP mcp_router_escalations_total Completions that a person takes over, by the "
        "decision's pool.\n"
        "# TYPE mcp_router_escalations_total counter\n"
        "# HELP mcp_router_budget_refusals_total Calls that a budget did not cover, by tool.\n"
        "# TYPE mcp_router_budget_refusals_total counter\n"
        "# HELP mcp_router_rollout_calls_total Calls within a rollout, by policy, arm and outcome."
        "\n"
        "# TYPE mcp_router_rollout_calls_total counter\n"
        "# HELP mcp_router_traced_calls_total Calls whose spans were sent or lost, by state.\n"
        "# TYPE mcp_router_traced_calls_total counter\n"
    )


def test_the_text_of_three_calls() -> None:
    metrics = Metrics()
    paid = (attempt("claude", Reason.TIMEOUT), attempt("gpt", Reason.OK, 1_500))
    metrics.observe(replace(record(tool="route_completion", latency_ms=640), attempts=paid))
    metrics.observe(record(latency_ms=5))
    metrics.observe(record(latency_ms=31_000, outcome="error"))

    assert [line for line in metrics.text().splitlines() if not line.startswith("#")] == [
        'mcp_router_calls_total{tool="lookup_ticket",outcome="error"} 1',
        'mcp_router_calls_total{tool="lookup_ticket",outcome="ok"} 1',
        'mcp_router_calls_total{tool="route_completion",outcome="ok"} 1',
        'mcp_router_attempts_total{target="claude",reason="timeout"} 1',
        'mcp_router_attempts_total{target="gpt",reason="ok"} 1',
        'mcp_router_cost_usd_total{target="claude"} 0.000000',
        'mcp_router_cost_usd_total{target="gpt"} 0.001500',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="0.005"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="0.025"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="0.1"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="0.5"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="1"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="2.5"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="5"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="10"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="30"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="lookup_ticket",le="+Inf"} 2',
        'mcp_router_call_latency_seconds_sum{tool="lookup_ticket"} 31.005',
        'mcp_router_call_latency_seconds_count{tool="lookup_ticket"} 2',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="0.005"} 0',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="0.025"} 0',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="0.1"} 0',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="0.5"} 0',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="1"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="2.5"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="5"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="10"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="30"} 1',
        'mcp_router_call_latency_seconds_bucket{tool="route_completion",le="+Inf"} 1',
        'mcp_router_call_latency_seconds_sum{tool="route_completion"} 0.640',
        'mcp_router_call_latency_seconds_count{tool="route_completion"} 1',
    ]


def values(metrics: Metrics, family: str) -> list[str]:
    """Return the samples of a family, without its headings."""
    return [line for line in metrics.text().splitlines() if line.startswith(f"{family}{{")]


def test_what_is_open_now_is_a_gauge_that_comes_down_to_nothing() -> None:
    metrics = Metrics()
    metrics.undecided(
        (
            ("zendesk", ActionState.SENDING, 2),
            ("zendesk", ActionState.UNKNOWN, 1),
            ("salesforce", ActionState.NEEDS_HUMAN, 3),
        )
    )

    assert values(metrics, UNDECIDED) == [
        'mcp_router_actions_undecided{target="salesforce",state="needs_human"} 3',
        'mcp_router_actions_undecided{target="zendesk",state="sending"} 2',
        'mcp_router_actions_undecided{target="zendesk",state="unknown"} 1',
    ]

    metrics.undecided((("zendesk", ActionState.UNKNOWN, 2),))

    # One that is gone is told as 0: a series that ends would be read as its last value for a while.
    assert values(metrics, UNDECIDED) == [
        'mcp_router_actions_undecided{target="salesforce",state="needs_human"} 0',
        'mcp_router_actions_undecided{target="zendesk",state="sending"} 0',
        'mcp_router_actions_undecided{target="zendesk",state="unknown"} 2',
    ]


def test_what_is_looked_at_in_the_background_is_counted_by_what_it_has_become() -> None:
    metrics = Metrics()

    for state in (ActionState.SUCCEEDED, ActionState.UNKNOWN, ActionState.SUCCEEDED):
        metrics.reconciled("zendesk", state)

    metrics.reconciled("salesforce", ActionState.NEEDS_HUMAN)

    assert values(metrics, RECONCILED) == [
        'mcp_router_actions_reconciled_total{target="salesforce",state="needs_human"} 1',
        'mcp_router_actions_reconciled_total{target="zendesk",state="succeeded"} 2',
        'mcp_router_actions_reconciled_total{target="zendesk",state="unknown"} 1',
    ]


def test_a_send_in_the_background_is_an_attempt_of_no_call() -> None:
    metrics = Metrics()

    metrics.attempted(attempt("zendesk", Reason.OK))

    assert values(metrics, ATTEMPTS) == [
        'mcp_router_attempts_total{target="zendesk",reason="ok"} 1'
    ]
    assert values(metrics, CALLS) == []


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    metrics = Metrics()
    metrics.observe(record(tool='a"b\\c\nd'))

    assert 'mcp_router_calls_total{tool="a\\"b\\\\c\\nd",outcome="ok"} 1\n' in metrics.text()


def test_every_record_is_counted_once_whichever_thread_tells_of_it() -> None:
    metrics = Metrics()

    def observe() -> None:
        for _ in range(200):
            metrics.observe(record())

    workers = [threading.Thread(target=observe) for _ in range(4)]

    for worker in workers:
        worker.start()

    for worker in workers:
        worker.join()

    assert 'mcp_router_calls_total{tool="lookup_ticket",outcome="ok"} 800\n' in metrics.text()
    assert len(BUCKETS_S) == metrics.text().count("_bucket{")


def test_a_breaker_shows_until_it_closes_and_as_closed_from_then_on() -> None:
    metrics = Metrics()
    metrics.breaker("haiku", is_open=True)
    assert f'{BREAKER_OPEN}{{target="haiku"}} 1\n' in metrics.text()

    metrics.breaker("haiku", is_open=False)
    assert f'{BREAKER_OPEN}{{target="haiku"}} 0\n' in metrics.text()


def candidate(target: str) -> Candidate:
    return Candidate(
        target=target,
        pool="cost",
        provider="p",
        family="f",
        score=1.0,
        factors=(),
        estimated_microusd=1,
    )


DECISION = Decision(
    policy="support@2",
    policy_digest="d",
    rule="rest",
    why="Everything else.",
    pool="cost",
    signals=Signals(tool="route_completion", tenant="acme"),
    candidates=(candidate("nano"), candidate("flash")),
    rejections=(),
    limits=LIMITS,
)
DECIDED = replace(record(tool="route_completion"), decision=DECISION)


def test_tokens_are_counted_by_target_and_direction() -> None:
    metrics = Metrics()
    used = replace(attempt("nano", Reason.OK), usage=Usage(input_tokens=30, output_tokens=4))
    metrics.observe(replace(DECIDED, attempts=(used, used, attempt("flash", Reason.TIMEOUT))))

    assert values(metrics, TOKENS) == [
        'mcp_router_tokens_total{target="nano",direction="input"} 60',
        'mcp_router_tokens_total{target="nano",direction="output"} 8',
    ]


def test_a_served_call_is_counted_by_whether_the_first_choice_has_served_it() -> None:
    metrics = Metrics()
    hit = CacheUse(state=CacheState.HIT, reason="asked before")
    miss = CacheUse(state=CacheState.MISS, reason="nothing alike")
    metrics.observe(replace(DECIDED, target="nano", cache=miss))
    metrics.observe(replace(DECIDED, target="flash", cache=miss))
    metrics.observe(replace(DECIDED, target="nano", cache=hit))
    metrics.observe(replace(DECIDED, outcome="error", error_code="targets_exhausted"))
    metrics.observe(replace(DECIDED, outcome="escalated", escalation="not sure enough"))

    assert values(metrics, SERVED) == [
        'mcp_router_served_total{pool="cost",by="cache"} 1',
        'mcp_router_served_total{pool="cost",by="fallback"} 1',
        'mcp_router_served_total{pool="cost",by="first"} 1',
    ]
    assert values(metrics, CACHE) == [
        'mcp_router_cache_total{state="hit"} 1',
        'mcp_router_cache_total{state="miss"} 2',
    ]
    assert values(metrics, ESCALATIONS) == ['mcp_router_escalations_total{pool="cost"} 1']


def test_a_call_that_no_budget_covers_is_counted() -> None:
    metrics = Metrics()
    metrics.observe(replace(DECIDED, outcome="error", error_code="budget_exceeded"))
    metrics.observe(replace(DECIDED, outcome="error", error_code="no_target"))

    assert values(metrics, BUDGET_REFUSALS) == [
        'mcp_router_budget_refusals_total{tool="route_completion"} 1'
    ]


def test_both_arms_of_a_rollout_are_counted_and_nothing_else() -> None:
    metrics = Metrics()

    for arm in (Arm.STABLE, Arm.CANDIDATE, None):
        metrics.observe(replace(DECIDED, decision=replace(DECISION, arm=arm)))

    head = 'mcp_router_rollout_calls_total{policy="support@2",arm='
    assert values(metrics, ARM_CALLS) == [
        f'{head}"candidate",outcome="ok"}} 1',
        f'{head}"stable",outcome="ok"}} 1',
    ]


def test_calls_whose_spans_are_lost_are_counted() -> None:
    metrics = Metrics()
    metrics.spans("sent", 3)
    metrics.spans("lost", 2)

    assert values(metrics, SPANS) == [
        'mcp_router_traced_calls_total{state="lost"} 2',
        'mcp_router_traced_calls_total{state="sent"} 3',
    ]
