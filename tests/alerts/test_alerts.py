"""From a record to what a receiver gets: real sockets, TLS and signatures, a clock by hand."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mcp_router.alerts.alerts import Alerts
from mcp_router.alerts.standard_webhooks import key_of, sign
from mcp_router.alerts_settings import AlertSettings
from mcp_router.domain.alert import Alert, AlertKind, Intake
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import PolicyChange, PolicyEvent
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.alerts import MemoryAlerts
from mcp_router.testing.clock import NOON_MS, ManualClock
from mcp_router.testing.stores import MemoryRecords
from tests.alerts.parts import SECRET, House, body, running, slack, webhook
from tests.alerts.receiver import Receiver, receiving
from tests.alerts.records import FELL_BACK, FIRST, OVER, SECOND, call
from tests.storage.rows import action

DAY_S = 86_400.0


def kinds(receiver: Receiver) -> list[object]:
    return [body(one)["type"] for one in receiver.arrived]


async def test_a_fallback_arrives_signed_with_its_facts(house: House, receiver: Receiver) -> None:
    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(FELL_BACK)
        await alerts.work()
        await alerts.work()

    (arrived,) = receiver.arrived
    assert body(arrived) == {
        "type": "router.fallback_triggered",
        "timestamp": "2026-11-21T12:00:00.010Z",
        "data": {
            "target": FIRST,
            "answered_by": SECOND,
            "reason": "timeout",
            "pool": "cost",
            "policy": "support@3",
            "decision_id": "dec_1",
            "count": 1,
        },
    }
    assert arrived.headers["webhook-id"].startswith("alr_")
    assert arrived.headers["webhook-timestamp"] == str(NOON_MS // 1000)
    assert arrived.headers["webhook-signature"] == sign(
        [key_of(SECRET)],
        message_id=arrived.headers["webhook-id"],
        timestamp_s=NOON_MS // 1000,
        body=arrived.body,
    )


async def test_a_hundred_of_a_kind_are_two_messages(house: House, receiver: Receiver) -> None:
    async with running(house, webhook(receiver)) as alerts:
        for number in range(100):
            alerts.observe(replace(FELL_BACK, decision_id=f"dec_{number}"))
            await alerts.work()

        house.clock.advance(300)
        await alerts.work()

    counts = [body(one)["data"] for one in receiver.arrived if "fallback" in str(body(one))]
    told = [one["count"] for one in counts if isinstance(one, dict) and "answered_by" in one]
    assert told == [1, 99]


async def test_a_sink_gets_the_events_that_it_names(
    house: House, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with receiving(tmp_path_factory.mktemp("other")) as other:
        money = replace(webhook(other, "money"), events=frozenset({AlertKind.BUDGET_EXCEEDED}))

        async with running(house, webhook(receiver), money) as alerts:
            alerts.observe(FELL_BACK)
            alerts.observe(OVER)
            await alerts.work()

        assert sorted(map(str, kinds(receiver))) == [
            "router.budget_exceeded",
            "router.fallback_triggered",
        ]
        assert kinds(other) == ["router.budget_exceeded"]


async def test_slack_gets_one_message_a_second(house: House, receiver: Receiver) -> None:
    async with running(house, slack(receiver)) as alerts:
        alerts.observe(FELL_BACK)
        alerts.observe(OVER)
        alerts.verification_failed(source="store", seq=7, problem="broken_link")
        await alerts.work()

    messages = [body(one) for one in receiver.arrived]
    assert sorted(str(one["text"]).partition(":")[0] for one in messages) == [
        "A budget refused a call",
        "A fallback answered",
        "The decision log does not verify",
    ]
    assert all("webhook-id" not in one.headers for one in receiver.arrived)
    assert house.clock.slept_s == [1.0, 1.0]


async def test_a_log_that_does_not_verify_names_its_first_broken_row(
    house: House, receiver: Receiver
) -> None:
    async with running(house, webhook(receiver)) as alerts:
        alerts.verification_failed(source="export", seq=None, problem="bad signature")
        alerts.verification_failed(source="store", seq=7, problem="broken_link")
        await alerts.work()

    data = sorted((body(one)["data"] for one in receiver.arrived), key=str)
    assert data == [
        {"source": "export", "problem": "(withheld)", "count": 1},
        {"source": "store", "seq": 7, "problem": "broken_link", "count": 1},
    ]


async def test_a_write_that_its_caller_has_left_open_is_told_once_by_all_replicas(
    house: House, receiver: Receiver
) -> None:
    lost = action("lost", owner=None)

    async with running(house, webhook(receiver)) as one, running(house, webhook(receiver)) as two:
        for alerts in (one, two, one):
            alerts.action_unknown(lost)
            await alerts.work()

        house.clock.advance(300)
        await asyncio.gather(one.work(), two.work())

    (arrived,) = receiver.arrived
    assert body(arrived)["type"] == "action.unknown"
    assert body(arrived)["data"] == {
        "target": lost.target,
        "tool": lost.tool,
        "tenant": lost.tenant,
        "action_id": "act_lost",
        "count": 1,
    }


def change(name: str, at_ms: int = NOON_MS) -> Record:
    event = PolicyEvent(change=PolicyChange.PROMOTED, policy=name, who="maya", why="it is better")
    return replace(call(), decision_id=f"evt_{name}", at_ms=at_ms, event=event, tool="policy")


async def test_changes_of_policies_are_told_once_whoever_made_them(
    house: House, receiver: Receiver
) -> None:
    house.records.add(change("old@1", NOON_MS - round(4 * DAY_S * 1000)))
    house.records.add(change("support@2"))

    async with running(house, webhook(receiver)) as one, running(house, webhook(receiver)) as two:
        await asyncio.gather(one.work(), two.work())
        await one.work()

    (arrived,) = receiver.arrived
    assert body(arrived)["data"] == {
        "change": "promoted",
        "policy": "support@2",
        "who": "maya",
        "decision_id": "evt_support@2",
        "count": 1,
    }


async def test_the_digest_adds_up_all_processes_and_is_told_once(
    house: House, receiver: Receiver
) -> None:
    only = replace(webhook(receiver), events=frozenset({AlertKind.DAILY_DIGEST}))

    async with running(house, only) as one, running(house, only) as two:
        for number in range(3):
            one.observe(replace(FELL_BACK, decision_id=f"dec_{number}"))
            two.observe(OVER)

        house.records.add(change("support@2"))
        await asyncio.gather(one.work(), two.work())
        house.clock.advance(19 * 3600)  # 07:00 of the next day
        await asyncio.gather(one.work(), two.work())
        assert receiver.arrived == []
        house.clock.advance(60)
        await asyncio.gather(one.work(), two.work())
        house.clock.advance(DAY_S)
        await one.work()

    first, second = (body(one)["data"] for one in receiver.arrived)
    assert first == {
        "since": "2026-11-21T07:00:00.000Z",
        "until": "2026-11-22T07:00:00.000Z",
        "calls": 6,
        "succeeded": 3,
        "cost_microusd": 600,
        "fallbacks": 3,
        "budget_refusals": 3,
        "unknown_actions": 0,
        "policy_changes": 1,
        "count": 1,
    }
    assert isinstance(second, dict)
    assert (second["since"], second["calls"]) == ("2026-11-22T07:00:00.000Z", 0)


async def test_while_the_store_is_away_alerts_wait_in_memory(
    house: House, receiver: Receiver
) -> None:
    async with running(house, webhook(receiver)) as alerts:
        house.store.broken = True

        for number in range(3):
            alerts.observe(replace(OVER, decision_id=f"dec_{number}"))

            with pytest.raises(StorageUnavailable):
                await alerts.work()

        house.store.broken = False
        await alerts.work()

    (arrived,) = receiver.arrived
    assert isinstance(data := body(arrived)["data"], dict)
    assert (data["decision_id"], data["count"]) == ("dec_2", 3)


async def test_what_was_noted_is_kept_at_the_end_for_another_process(
    house: House, receiver: Receiver
) -> None:
    async with running(house, webhook(receiver)) as ending:
        ending.observe(OVER)

    assert receiver.arrived == []

    async with running(house, webhook(receiver)) as next_one:
        await next_one.work()

    assert kinds(receiver) == ["router.budget_exceeded"]


async def test_an_end_without_a_store_says_what_is_lost(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(OVER)
        house.store.broken = True

    assert "1 alerts are lost" in caplog.text


async def test_without_sinks_nothing_is_noted_read_or_sent(house: House) -> None:
    alerts = Alerts(AlertSettings(), house.store, house.clock, bytes, jitter=lambda: 1.0)
    house.store.broken = True
    alerts.observe(OVER)
    await alerts.work()
    await alerts.aclose()


class Stubborn(MemoryAlerts):
    """Takes nothing in while it is `full`."""

    full = True

    async def admit(self, alerts: Sequence[Alert], intake: Intake) -> None:
        if self.full:
            raise StorageUnavailable("The store is full.")

        await super().admit(alerts, intake)


async def test_what_could_not_be_kept_is_kept_with_what_came_meanwhile(receiver: Receiver) -> None:
    clock, records = ManualClock(), MemoryRecords()
    store = Stubborn(clock, records)

    async with running(House(clock=clock, records=records, store=store), webhook(receiver)) as one:
        one.observe(OVER)

        with pytest.raises(StorageUnavailable):
            await one.work()

        one.observe(replace(OVER, decision_id="dec_2"))
        store.full = False
        await one.work()

    (arrived,) = receiver.arrived
    assert isinstance(data := body(arrived)["data"], dict)
    assert (data["decision_id"], data["count"]) == ("dec_2", 2)


async def test_the_sinks_of_the_settings_are_opened_as_they_say(
    house: House, receiver: Receiver
) -> None:
    settings = AlertSettings(sinks=(webhook(receiver), slack(receiver)))
    alerts = Alerts(settings, house.store, house.clock, bytes, jitter=lambda: 1.0)
    alerts.observe(OVER)
    await alerts.work()
    await alerts.aclose()

    assert len(receiver.arrived) == 2
