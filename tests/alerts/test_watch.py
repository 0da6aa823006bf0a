"""What records say that an operator is told."""

import random
from dataclasses import replace

import pytest

from mcp_router.alerts import reading
from mcp_router.alerts.reading import counts_of
from mcp_router.alerts.watch import Watch
from mcp_router.alerts.webhook import body_of
from mcp_router.domain.alert import Alert, AlertKind, DayCounts, Fact
from mcp_router.domain.attempt import Attempt, Purpose, Reason
from mcp_router.domain.budget import Account, Balance, BudgetScope
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import PolicyChange, PolicyEvent
from mcp_router.testing.clock import NOON_MS
from tests.alerts.records import FELL_BACK, FIRST, SECOND, attempt, call, failed

ADVISED = call(attempt(FIRST), replace(attempt(SECOND), purpose=Purpose.ADVICE))
MINUTE_MS = 60_000


def read(*records: Record) -> list[Alert]:
    watch = Watch()
    return [alert for record in records for alert in watch.read(reading.read(record))]


def told(alert: Alert) -> dict[str, object]:
    return {fact.name: fact.value for fact in alert.facts}


def test_a_call_that_its_first_target_answers_is_nothing_to_tell() -> None:
    assert read(call(attempt())) == []


def test_a_fallback_names_both_targets_and_why() -> None:
    assert read(FELL_BACK) == [
        Alert(
            alert_id="alr_932f721d810e80944829d6d9",
            kind=AlertKind.FALLBACK_TRIGGERED,
            key=f"router.fallback_triggered {FIRST}",
            at_ms=NOON_MS + 10,
            facts=(
                Fact(name="target", value=FIRST),
                Fact(name="answered_by", value=SECOND),
                Fact(name="reason", value="timeout"),
                Fact(name="pool", value="cost"),
                Fact(name="policy", value="support@3"),
                Fact(name="decision_id", value="dec_1"),
            ),
        )
    ]


def test_the_same_record_makes_the_same_alert_in_every_process() -> None:
    assert read(FELL_BACK) == read(FELL_BACK)
    assert read(FELL_BACK)[0].alert_id != read(replace(FELL_BACK, decision_id="dec_2"))[0].alert_id


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (call(attempt(FIRST, Reason.TIMEOUT), attempt(FIRST)), False),  # asked again
        (call(attempt(FIRST, Reason.BREAKER_OPEN), attempt(SECOND)), True),
        (call(attempt(SECOND)), True),
        (replace(ADVISED, target=FIRST), False),
        (call(attempt("zendesk"), attempt(FIRST)), False),  # another desk was read first
        (call(), False),  # from the cache
        (failed("targets_exhausted", attempt(FIRST, Reason.RESET), attempt(SECOND)), False),
        (replace(FELL_BACK, decision=None), False),
        (replace(FELL_BACK, outcome="cancelled"), False),
    ],
)
def test_what_a_fallback_is(record: Record, expected: bool) -> None:
    assert reading.read(record).fell_back is expected
    kinds = [alert.kind for alert in read(record)]
    assert kinds == ([AlertKind.FALLBACK_TRIGGERED] if expected else [])


def balance(scope: BudgetScope, limit: int | None, spent: int) -> Balance:
    account = Account(scope=scope, key="ticket 4711", limit_microusd=limit)
    return Balance(account=account, spent_microusd=spent)


def test_a_budgets_refusal_names_the_tightest_account_but_not_its_key() -> None:
    budgets = (
        balance(BudgetScope.TICKET, None, 9),
        balance(BudgetScope.TENANT, 900, 200),
        balance(BudgetScope.RUN, 100, 95),
    )
    (alert,) = read(replace(failed("budget_exceeded"), budgets=budgets))

    assert (alert.kind, alert.tenant) == (AlertKind.BUDGET_EXCEEDED, "acme")
    assert told(alert) == {
        "tool": "route_completion",
        "scope": "run",
        "limit_microusd": 100,
        "spent_microusd": 95,
        "decision_id": "dec_1",
    }
    (bare,) = read(failed("budget_exceeded"))
    assert told(bare) == {"tool": "route_completion", "decision_id": "dec_1"}


def test_a_write_that_nobody_knows_of_names_its_action() -> None:
    record = replace(call(outcome="outcome_unknown"), action_id="act_1", target="zendesk")
    (alert,) = read(record)

    assert (alert.kind, alert.tenant) == (AlertKind.ACTION_UNKNOWN, "acme")
    assert told(alert) == {
        "target": "zendesk",
        "tool": "route_completion",
        "action_id": "act_1",
        "decision_id": "dec_1",
    }


def test_a_change_of_a_policy_says_what_and_who_but_not_the_reason_in_words() -> None:
    event = PolicyEvent(
        change=PolicyChange.ROLLED_OUT,
        policy="support@2",
        who="maya",
        why="Ms Miller of Acme complained",
        before="support@1",
        percent=12.5,
    )
    (alert,) = read(replace(call(), event=event))

    assert alert.kind is AlertKind.POLICY_CHANGED
    assert alert.key == "router.policy_changed support@2 rolled_out"
    assert told(alert) == {
        "change": "rolled_out",
        "policy": "support@2",
        "before": "support@1",
        "percent": 12.5,
        "who": "maya",
        "decision_id": "dec_1",
    }


def many(count: int, *attempts: Attempt, start: int = 0, every_ms: int = 1_000) -> list[Record]:
    return [
        call(*attempts, name=f"{start + n}", at_ms=NOON_MS + (start + n) * every_ms)
        for n in range(count)
    ]


def bursts(*records: Record) -> list[dict[str, object]]:
    return [told(one) for one in read(*records) if one.kind is AlertKind.ERROR_BURST]


def test_ten_failures_of_a_target_are_a_burst_and_the_next_ten_another_one() -> None:
    broken = many(25, attempt(FIRST, Reason.SERVER_ERROR), attempt(SECOND))

    assert bursts(*broken[:9]) == []
    assert bursts(*broken) == [
        {
            "target": FIRST,
            "reason": "server_error",
            "errors": 10,
            "tries": 10,
            "minutes": 5,
            "decision_id": f"dec_{last}",
        }
        for last in (9, 19)
    ]


def test_failures_that_are_few_among_many_or_spread_over_time_are_no_burst() -> None:
    good = many(100, attempt())
    bad = many(15, attempt(FIRST, Reason.TIMEOUT), attempt(SECOND), start=100)
    slow = many(40, attempt(FIRST, Reason.TIMEOUT), attempt(SECOND), every_ms=MINUTE_MS)

    assert bursts(*good, *bad) == []
    assert bursts(*slow) == []


def test_a_target_is_not_blamed_for_what_was_asked_of_it() -> None:
    asked = many(30, attempt(FIRST, Reason.NOT_FOUND), attempt(FIRST, Reason.REJECTED))

    assert bursts(*asked) == []


def test_ten_errors_of_a_tenant_are_a_burst_of_the_tenant() -> None:
    calls = [failed("invalid_arguments", name=f"{n}", at_ms=NOON_MS + n) for n in range(10)]
    (alert,) = read(*calls)

    assert (alert.kind, alert.tenant) == (AlertKind.ERROR_BURST, "acme")
    assert told(alert)["reason"] == "invalid_arguments"
    assert bursts(*(failed("budget_exceeded", name=f"{n}") for n in range(20))) == []


def drifts(records: list[Record]) -> list[dict[str, object]]:
    return [told(one) for one in read(*records) if one.kind is AlertKind.DRIFT_DETECTED]


def test_a_target_that_becomes_slower_is_told_once_with_both_levels() -> None:
    draw = random.Random(7)
    calls = [
        call(attempt(latency_ms=round(draw.lognormvariate(6.7, 0.4) * (2 if n >= 800 else 1))))
        for n in range(900)
    ]
    (drift,) = drifts(calls)

    assert (drift["target"], drift["tool"], drift["metric"]) == (
        FIRST,
        "route_completion",
        "latency_ms",
    )
    assert 750 <= float(str(drift["usual"])) <= 880
    assert 1_300 <= float(str(drift["now"])) <= 2_000
    assert 20 <= int(str(drift["answers"])) <= 60


def test_a_target_that_becomes_dearer_is_told() -> None:
    calls = [call(attempt(cost_microusd=100 if n < 600 else 120)) for n in range(700)]
    (drift,) = drifts(calls)

    assert (drift["metric"], drift["usual"], drift["now"]) == ("cost_microusd", 100.0, 120.0)


def test_a_target_that_falls_back_more_often_is_told() -> None:
    draw = random.Random(7)
    calls = [
        FELL_BACK if draw.random() < (0.02 if n < 1_000 else 0.3) else call(attempt())
        for n in range(1_100)
    ]
    (drift,) = drifts(calls)

    assert (drift["target"], drift["metric"]) == (FIRST, "fallback_rate")
    assert float(str(drift["now"])) > 0.15


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (call(attempt()), DayCounts(calls=1, succeeded=1, cost_microusd=100)),
        (FELL_BACK, DayCounts(calls=1, succeeded=1, cost_microusd=200, fallbacks=1)),
        (failed("budget_exceeded"), DayCounts(calls=1, budget_refusals=1)),
        (call(outcome="outcome_unknown"), DayCounts(calls=1, unknown_actions=1)),
        (call(outcome="escalated"), DayCounts(calls=1)),
    ],
)
def test_what_a_call_adds_to_its_day(record: Record, expected: DayCounts) -> None:
    assert counts_of(reading.read(record)) == expected


def test_no_text_that_a_customer_wrote_can_be_in_an_alert() -> None:
    text = "My card 4111 was charged twice"
    spoilt = replace(
        failed("budget_exceeded", attempt(text, Reason.TIMEOUT)),
        tool=text,
        principal=text,
        run_id=text,
        ticket_id=text,
        action_id=text,
        escalation=text,
        client=text,
    )
    unknown = replace(spoilt, outcome="outcome_unknown", error_code=None, target=text)
    slow = [replace(spoilt, attempts=(attempt(text, Reason.TIMEOUT),)) for _ in range(12)]
    alerts = read(spoilt, unknown, *slow)

    assert {one.kind for one in alerts} == {
        AlertKind.BUDGET_EXCEEDED,
        AlertKind.ACTION_UNKNOWN,
        AlertKind.ERROR_BURST,
    }
    assert [one for one in alerts if b"card" in body_of(one)] == []
