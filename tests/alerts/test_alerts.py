"""From a record to what a receiver gets: real sockets, TLS and signatures, a clock by hand."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from mcp_router.alerts.alerts import Alerts
from mcp_router.alerts.standard_webhooks import key_of, verify
from mcp_router.alerts_settings import AlertSettings, SinkSettings
from mcp_router.domain.alert import AlertKind, Delivery, DeliveryState
from mcp_router.domain.attempt import Reason
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import PolicyChange, PolicyEvent
from mcp_router.domain.secret import Secret
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.alerts import MemoryAlerts
from mcp_router.testing.clock import NOON_MS, ManualClock
from mcp_router.testing.stores import MemoryRecords
from tests.alerts.parts import SECRET, alerting, slack, webhook
from tests.alerts.receiver import DROP, HANG, Arrived, Receiver, receiving
from tests.alerts.records import FIRST, SECOND, attempt, call, failed

FELL_BACK = call(attempt(FIRST, Reason.TIMEOUT), attempt(SECOND))
OVER = failed("budget_exceeded")
DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class House:
    """A store in memory with its clock, for as many processes as a test wants."""

    clock: ManualClock
    records: MemoryRecords
    store: MemoryAlerts


@pytest.fixture
def house() -> House:
    clock, records = ManualClock(), MemoryRecords()
    return House(clock=clock, records=records, store=MemoryAlerts(clock, records))


@asynccontextmanager
async def running(house: House, *sinks: SinkSettings) -> AsyncIterator[Alerts]:
    alerts = alerting(house.store, house.clock, *sinks)
    yield alerts
    await alerts.aclose()


def body(arrived: Arrived) -> dict[str, object]:
    value: dict[str, object] = json.loads(arrived.body)
    return value


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
    assert verify(
        [key_of(SECRET)],
        message_id=arrived.headers["webhook-id"],
        timestamp=arrived.headers["webhook-timestamp"],
        signatures=arrived.headers["webhook-signature"],
        body=arrived.body,
        now_s=NOON_MS // 1000,
    )


async def test_what_a_receiver_refuses_is_tried_again_with_the_same_id_and_body(
    house: House, receiver: Receiver
) -> None:
    receiver.answers += ["500", DROP, "302\nlocation: https://localhost/", "429"]

    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(FELL_BACK)

        for pause_s in (0.0, 5.0, 10.0, 20.0, 40.0, 80.0):
            house.clock.advance(pause_s)
            await alerts.work()

    assert len(receiver.arrived) == 5
    assert {(one.headers["webhook-id"], one.body) for one in receiver.arrived} == {
        (receiver.ids[0], receiver.arrived[0].body)
    }
    stamps = [int(one.headers["webhook-timestamp"]) for one in receiver.arrived]
    assert [later - stamps[0] for later in stamps] == [0, 5, 15, 35, 75]


async def test_a_receiver_that_hangs_holds_up_no_other(
    house: House, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with receiving(tmp_path_factory.mktemp("other")) as other:
        receiver.answers += [HANG]

        async with running(house, webhook(receiver, "slow"), webhook(other, "quick")) as alerts:
            alerts.observe(FELL_BACK)
            working = asyncio.create_task(alerts.work())
            await asyncio.wait_for(asyncio.gather(receiver.came.wait(), other.came.wait()), 10)
            assert not working.done()
            await asyncio.wait_for(working, 10)
            house.clock.advance(5)
            await alerts.work()

    assert len(receiver.arrived) == 2
    assert len(other.arrived) == 1


async def test_a_receiver_that_is_gone_gets_nothing_more_until_it_has_another_url(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers += ["410"]

    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(FELL_BACK)
        alerts.observe(OVER)
        await alerts.work()
        house.clock.advance(DAY_S)
        alerts.observe(replace(OVER, decision_id="dec_2"))
        await alerts.work()

    assert len(receiver.arrived) == 1
    assert [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR] == [
        "alerts are not sent to ops any more: it has answered 410; give it another url to go on"
    ]

    async with running(house, webhook(receiver)) as restarted:
        restarted.observe(replace(OVER, decision_id="dec_3"))
        await restarted.work()

    assert len(receiver.arrived) == 1
    moved = replace(webhook(receiver), url=Secret(f"{receiver.url}&moved"))

    async with running(house, moved) as renewed:
        house.clock.advance(301)
        renewed.observe(replace(OVER, decision_id="dec_4"))
        await renewed.work()

    assert len(receiver.arrived) == 2


async def test_after_three_days_an_alert_is_given_up_and_the_log_says_so(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers += ["503"] * 100

    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(FELL_BACK)

        for _ in range(100):
            await alerts.work()
            house.clock.advance(3600)

    # Digests of the days between are on their way as well.
    tries = [one for one in receiver.arrived if body(one)["type"] == "router.fallback_triggered"]
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert 10 <= len(tries) <= 30
    assert errors[0] == (
        f"alert router.fallback_triggered {tries[0].headers['webhook-id']} was never taken by ops "
        "and is given up: status 503"
    )
    assert receiver.url not in caplog.text


async def test_an_address_inside_is_not_asked_and_the_log_says_why(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(house, replace(webhook(receiver), allow_private=False)) as alerts:
        alerts.observe(FELL_BACK)
        await alerts.work()

    assert receiver.arrived == []
    assert "its address is not one that alerts may be sent to" in caplog.text
    assert "s3cret" not in caplog.text


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


class Forgetful(MemoryAlerts):
    """Loses, while `dying`, the note of what was sent: as a process does that is killed then."""

    dying = False

    async def settle(self, delivery: Delivery, state: DeliveryState, pause_ms: int = 0) -> bool:
        if self.dying:
            raise StorageUnavailable("The process is gone.")

        return await super().settle(delivery, state, pause_ms)


async def test_a_process_that_dies_between_send_and_note_is_followed_by_another(
    receiver: Receiver,
) -> None:
    clock, records = ManualClock(), MemoryRecords()
    store = Forgetful(clock, records)
    house = House(clock=clock, records=records, store=store)

    async with running(house, webhook(receiver)) as dying, running(house, webhook(receiver)) as two:
        dying.observe(OVER)
        store.dying = True

        with pytest.raises(StorageUnavailable):
            await dying.work()

        store.dying = False
        await two.work()
        assert len(receiver.arrived) == 1
        clock.advance(60)
        await two.work()
        clock.advance(60)
        await two.work()

    assert len(receiver.arrived) == 2
    assert receiver.ids[0] == receiver.ids[1]
