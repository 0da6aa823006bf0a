"""A log is summed up in one pass, exactly, in bounded memory, and it says what it does not know."""

from dataclasses import replace

import pytest

from mcp_router import report as report_module
from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.attempt import Purpose, Reason
from mcp_router.domain.glance import Glance, glance
from mcp_router.domain.guardrails import CacheState
from mcp_router.domain.log_report import ErrorCount, Group, LogReport, Spender, Stage
from mcp_router.domain.rollout import PolicyChange, PolicyEvent
from mcp_router.report import MOST_SPANS, report
from mcp_router.storage.records import read_glance
from mcp_router.testing.clock import NOON_MS
from tests.audit.test_export import BARE, FULL
from tests.glances import DAY_MS, attempt, completion, days

HOUR_MS = 3_600_000


def named(groups: tuple[Group, ...]) -> dict[str | None, Group]:
    return {one.name: one for one in groups}


def test_a_glance_reads_what_a_whole_reading_would_show() -> None:
    for record in (FULL, BARE):
        assert read_glance(1, canonical_json(plain(record))) == glance(record)


def test_answers_failures_fallbacks_and_the_cache_are_told_apart() -> None:
    found = report(
        [
            completion(attempt(cost_microusd=1_000, latency_ms=100), cache=CacheState.MISS),
            completion(
                attempt("mini", reason=Reason.TIMEOUT, latency_ms=800),
                attempt(cost_microusd=2_000, latency_ms=200),
            ),
            completion(target="haiku", latency_ms=4, cache=CacheState.HIT),
            completion(attempt(cost_microusd=500), outcome="error", error_code="no_target"),
            completion(attempt(cost_microusd=500), outcome="escalated", cache=CacheState.BYPASS),
        ]
    )

    assert found.completions == Group(
        name=None,
        calls=5,
        succeeded=3,
        escalated=1,
        cost_usd=0.004,
        cost_per_1000_usd=1.333333,
        success_rate=0.6,
        p50_ms=100,
        p95_ms=1_000,
        fallback_rate=0.2,
        cache_rate=0.5,
    )
    assert found.errors == (ErrorCount(code="no_target", times=1),)


def test_stages_add_up_to_what_an_answer_costs() -> None:
    found = report(
        [
            completion(
                attempt(cost_microusd=1_000, latency_ms=10),
                attempt("opus", cost_microusd=2_000, latency_ms=30, purpose=Purpose.ADVICE),
                attempt(cost_microusd=1_000, latency_ms=20, purpose=Purpose.FINISH),
            ),
            completion(target="haiku", latency_ms=4, cache=CacheState.HIT),
        ]
    )

    def stage(name: str, cost_usd: float, share: float, ms: int) -> Stage:
        return Stage(
            name=name,
            times=1,
            cost_usd=cost_usd,
            cost_per_1000_usd=cost_usd * 500,
            share=share,
            p50_ms=ms,
            p95_ms=ms,
        )

    assert found.stages == (
        stage("answer", 0.001, 0.25, 10),
        stage("advice", 0.002, 0.5, 30),
        stage("finish", 0.001, 0.25, 20),
        stage("cache", 0.0, 0.0, 4),
    )
    assert sum(one.cost_per_1000_usd or 0 for one in found.stages) == 2.0
    assert found.completions.cost_per_1000_usd == 2.0


def test_groups_come_costliest_first_and_add_up() -> None:
    found = report(days(2_000))

    for groups in (found.intents, found.tenants, found.policies, found.targets):
        assert sum(one.calls for one in groups) == 2_000
        assert round(sum(one.cost_usd for one in groups), 6) == found.completions.cost_usd
        assert [one.cost_usd for one in groups] == sorted(
            (one.cost_usd for one in groups), reverse=True
        )

    assert sum(one.calls for one in found.spans) == 2_000


def test_writes_and_reads_are_calls_by_tool_and_no_completions() -> None:
    write = replace(
        completion(outcome="replayed"), tool="reply_to_ticket", decision=None, ticket_id="7"
    )

    found = report([write, replace(write, outcome="failed"), completion(attempt())])

    assert (found.calls, found.completions.calls) == (3, 1)
    assert named(found.tools)["reply_to_ticket"].success_rate == 0.5
    assert found.tickets == ()


def test_a_change_of_a_policy_is_no_call() -> None:
    event = PolicyEvent(change=PolicyChange.PROMOTED, policy="support@2", who="ana", why="cheaper")

    found = report([replace(completion(), tool="policy", event=event)])

    assert (found.calls, found.changes, found.tools) == (0, 1, ())


def test_two_versions_are_compared_on_what_each_decided() -> None:
    def calls(policy: str, intent: str, cost: int) -> Glance:
        return completion(attempt(cost_microusd=cost), policy=policy, intent=intent)

    found = report(
        [
            calls("support@1", "refund", 400),
            calls("support@1", "password", 200),
            calls("support@2", "refund", 100),
            calls("support@3", "refund", 999),
        ],
        compare=("support@1", "support@2"),
    ).comparison

    assert found is not None
    assert (found.before.name, found.before.cost_per_1000_usd) == ("support@1", 0.3)
    assert (found.after.name, found.after.cost_per_1000_usd) == ("support@2", 0.1)
    assert [
        (
            one.intent,
            one.before and one.before.cost_per_1000_usd,
            one.after and one.after.cost_per_1000_usd,
        )
        for one in found.intents
    ] == [("refund", 0.4, 0.1), ("password", 0.2, None)]


def test_the_costliest_tickets_and_customers_are_told_with_their_tenant() -> None:
    def asked(cost: int, customer: str, tenant: str = "acme") -> Glance:
        sent = attempt(cost_microusd=cost)
        return completion(sent, tenant=tenant, customer_id=customer, ticket_id=f"{customer}-1")

    found = report(
        [asked(10, "a"), asked(500, "b"), asked(30, "b", "other"), asked(15, "a"), asked(0, "c")]
    )

    assert found.customers[1:] == (
        Spender(
            tenant="other",
            name="b",
            calls=1,
            succeeded=1,
            cost_usd=0.00003,
            cost_per_1000_usd=0.03,
            missed_usd=0.0,
        ),
        Spender(
            tenant="acme",
            name="a",
            calls=2,
            succeeded=2,
            cost_usd=0.000025,
            cost_per_1000_usd=0.0125,
            missed_usd=0.0,
        ),
    )
    assert [one.name for one in found.tickets] == ["b-1", "b-1", "a-1"]


def test_with_more_customers_than_are_kept_the_costly_stay_and_the_doubt_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_module, "MOST_SPENDERS", 20)
    true: dict[str, int] = {}
    calls = []

    for number in range(2_000):
        customer, cost = ("big", 50) if number % 10 == 0 else (f"c{number * 7 % 997}", 3)
        true[customer] = true.get(customer, 0) + cost
        calls.append(completion(attempt(cost_microusd=cost), customer_id=customer))

    found = report(calls).customers

    assert (found[0].name, found[0].cost_usd, found[0].missed_usd) == ("big", 0.01, 0.0)

    for one in found:
        spent = true[one.name] / 1e6
        assert one.cost_usd <= spent <= one.cost_usd + one.missed_usd + 1e-12


def test_too_many_names_share_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "MOST_GROUPS", 3)

    found = report([completion(attempt(), tenant=str(number)) for number in range(10)])

    assert {one.name: one.calls for one in found.tenants} == {"0": 1, "1": 1, "2": 1, "(others)": 7}


@pytest.mark.parametrize(
    ("long_ms", "span_ms"),
    [(60_000, 60_000), (2 * HOUR_MS, 300_000), (2 * DAY_MS, HOUR_MS), (300 * DAY_MS, 7 * DAY_MS)],
)
def test_stretches_of_time_fit_the_log(long_ms: int, span_ms: int) -> None:
    found = report(
        completion(attempt(cost_microusd=1), at_ms=NOON_MS + number * long_ms // 999)
        for number in range(1_000)
    )

    assert found.span_ms == span_ms
    assert len(found.spans) <= MOST_SPANS
    assert sum(one.calls for one in found.spans) == 1_000
    assert all(one.at_ms % span_ms == 0 for one in found.spans)


def test_an_empty_log_is_told_as_one() -> None:
    found = report([])

    assert isinstance(found, LogReport)
    assert (found.first_ms, found.calls, found.spans, found.intents) == (None, 0, (), ())
    assert found.completions.cost_per_1000_usd is None
