"""What every store of alerts promises, the fakes included."""

import asyncio
from dataclasses import replace

from mcp_router.alerts.aggregate import WINDOW_MS, judge, merged
from mcp_router.domain.alert import (
    Alert,
    AlertKind,
    ClosedSink,
    DayCounts,
    Delivery,
    DeliveryState,
    Fact,
    Intake,
    KeptDay,
)
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import PolicyChange, PolicyEvent, PolicyStage
from tests.contract.opened import Opened

INTAKE = Intake(
    judge=judge,
    window_ms=WINDOW_MS,
    routes={
        AlertKind.ACTION_UNKNOWN: ("ops", "slack"),
        AlertKind.DRIFT_DETECTED: ("ops",),
        AlertKind.DAILY_DIGEST: (),
    },
)
LEASE_MS = 60_000
MINUTE_S = 60.0


def alert(name: str, *, kind: AlertKind = AlertKind.ACTION_UNKNOWN, key: str = "zendesk") -> Alert:
    return Alert(
        alert_id=f"alr_{name}",
        kind=kind,
        key=key,
        at_ms=1_000,
        tenant="acme",
        facts=(Fact(name="target", value="zendesk"), Fact(name="share", value=0.5)),
    )


async def due(store: Opened, sink: str) -> list[tuple[str, int]]:
    """Claim all that is due at a sink: ids and counts."""
    found = []

    while (delivery := await store.alerts.claim(sink, LEASE_MS)) is not None:
        found.append((delivery.alert.alert_id, delivery.alert.count))

    return found


async def test_an_alert_is_due_once_at_every_sink_that_wants_its_kind(store: Opened) -> None:
    await store.alerts.admit([alert("1")], INTAKE)

    first = await store.alerts.claim("ops", LEASE_MS)

    assert first == Delivery(alert=alert("1"), sink="ops", attempts=1, age_ms=0)
    assert await store.alerts.claim("ops", LEASE_MS) is None
    assert await due(store, "slack") == [("alr_1", 1)]
    assert await due(store, "nobody") == []


async def test_of_one_key_the_first_is_told_and_then_one_in_five_minutes(store: Opened) -> None:
    await store.alerts.admit([alert("1")], INTAKE)
    await store.alerts.admit([alert("2")], INTAKE)
    store.advance(4 * MINUTE_S)
    await store.alerts.admit([replace(alert("3"), count=7)], INTAKE)

    assert await due(store, "ops") == [("alr_1", 1)]
    store.advance(MINUTE_S)
    await store.alerts.admit([], INTAKE)
    assert await due(store, "slack") == [("alr_1", 1), ("alr_3", 8)]

    store.advance(5 * MINUTE_S)
    await store.alerts.admit([], INTAKE)
    assert await due(store, "slack") == [("alr_1", 1), ("alr_3", 8)]  # leases were over, no more
    await store.alerts.admit([alert("4")], INTAKE)
    assert await due(store, "slack") == [("alr_4", 1)]


async def test_keys_do_not_wait_for_each_other(store: Opened) -> None:
    other = alert("2", kind=AlertKind.DRIFT_DETECTED, key="gpt")
    await store.alerts.admit([alert("1"), other], INTAKE)

    assert sorted(await due(store, "ops")) == [("alr_1", 1), ("alr_2", 1)]
    assert await due(store, "slack") == [("alr_1", 1)]


async def test_the_same_alert_again_is_neither_told_nor_counted_again(store: Opened) -> None:
    await store.alerts.admit([alert("1")], INTAKE)
    await store.alerts.admit([alert("1")], INTAKE)
    await store.alerts.admit([alert("2")], INTAKE)
    await store.alerts.admit([alert("2")], INTAKE)
    store.advance(5 * MINUTE_S)
    await store.alerts.admit([alert("2")], INTAKE)
    await store.alerts.admit([], INTAKE)

    assert await due(store, "ops") == [("alr_1", 1), ("alr_2", 1)]


async def test_what_was_merged_is_known_when_another_replica_brings_it(store: Opened) -> None:
    await store.alerts.admit([merged(alert("1"), alert("2"))], INTAKE)
    await store.alerts.admit([merged(alert("3"), alert("4"))], INTAKE)
    await store.alerts.admit([alert("1"), alert("3")], INTAKE)
    store.advance(5 * MINUTE_S)
    await store.alerts.admit([alert("1"), merged(alert("2"), alert("3"))], INTAKE)
    await store.alerts.admit([], INTAKE)

    assert await due(store, "ops") == [("alr_2", 2), ("alr_4", 2)]


async def test_an_alert_that_nobody_wants_is_not_kept(store: Opened) -> None:
    await store.alerts.admit([alert("1", kind=AlertKind.DAILY_DIGEST)], INTAKE)
    await store.alerts.admit([alert("2", kind=AlertKind.ERROR_BURST)], INTAKE)

    assert await due(store, "ops") == []


async def test_a_claim_that_nobody_settles_comes_back_after_its_lease(store: Opened) -> None:
    await store.alerts.admit([alert("1")], INTAKE)
    lost = await store.alerts.claim("ops", LEASE_MS)
    store.advance(LEASE_MS / 1000)
    again = await store.alerts.claim("ops", LEASE_MS)

    assert lost is not None
    assert again == replace(lost, attempts=2, age_ms=LEASE_MS)
    assert not await store.alerts.settle(lost, DeliveryState.WAITING, 1)
    assert not await store.alerts.settle(lost, DeliveryState.GIVEN_UP)
    assert await store.alerts.settle(lost, DeliveryState.DELIVERED)  # it had arrived after all
    assert not await store.alerts.settle(again, DeliveryState.WAITING, 1)
    assert not await store.alerts.settle(again, DeliveryState.DELIVERED)


async def test_what_waits_is_due_after_its_pause_and_what_is_done_never(store: Opened) -> None:
    await store.alerts.admit([alert("1")], INTAKE)
    first = await store.alerts.claim("ops", LEASE_MS)
    assert first is not None
    assert await store.alerts.settle(first, DeliveryState.WAITING, 5_000)
    assert await store.alerts.claim("ops", LEASE_MS) is None
    store.advance(5)

    second = await store.alerts.claim("ops", LEASE_MS)
    assert second == replace(first, attempts=2, age_ms=5_000)
    assert await store.alerts.settle(second, DeliveryState.GIVEN_UP)
    store.advance(3600)
    assert await store.alerts.claim("ops", LEASE_MS) is None


async def test_what_is_due_longest_comes_first(store: Opened) -> None:
    await store.alerts.admit([alert("1", key="a")], INTAKE)
    store.advance(1)
    await store.alerts.admit([alert("2", key="b")], INTAKE)
    first = await store.alerts.claim("ops", LEASE_MS)
    assert first is not None
    await store.alerts.settle(first, DeliveryState.WAITING, 2_000)
    store.advance(3)

    assert await due(store, "ops") == [("alr_2", 1), ("alr_1", 1)]


async def test_of_many_that_ask_at_once_one_gets_it(store: Opened) -> None:
    await store.alerts.admit([alert("1")], INTAKE)

    found = await asyncio.gather(*(store.alerts.claim("ops", LEASE_MS) for _ in range(10)))

    assert sum(one is not None for one in found) == 1


async def test_a_closed_sink_gives_up_what_waits_for_it(store: Opened) -> None:
    gone = ClosedSink(sink="ops", mark="abc")
    await store.alerts.admit([alert("1")], INTAKE)
    await store.alerts.close_sink(gone)
    await store.alerts.close_sink(gone)

    assert await store.alerts.closed_sinks() == {gone}
    assert await due(store, "ops") == []
    assert await due(store, "slack") == [("alr_1", 1)]


async def test_what_is_old_goes_and_what_is_young_stays(store: Opened) -> None:
    await store.alerts.admit([alert("1", key="a")], INTAKE)
    store.advance(10)
    await store.alerts.admit([alert("2", key="b")], INTAKE)
    await store.alerts.prune(5_000)

    assert await due(store, "ops") == [("alr_2", 1)]
    await store.alerts.admit([alert("3", key="a")], INTAKE)
    assert await due(store, "ops") == [("alr_3", 1)]  # the key's window went with it


def change(name: str, version: int) -> Record:
    return Record(
        decision_id=f"evt_{name}{version}",
        at_ms=version,
        tenant="local",
        principal="maya",
        transport="cli",
        tool="policy",
        outcome="ok",
        latency_ms=0,
        event=PolicyEvent(
            change=PolicyChange.PROMOTED, policy=f"{name}@{version}", who="maya", why="it is good"
        ),
    )


async def test_changes_of_policies_are_news_until_somebody_has_seen_them(store: Opened) -> None:
    first, second = change("a", 1), change("b", 2)
    assert await store.alerts.news(10) == ()
    await store.stages.change(None, PolicyStage(name="a", stable=1, revision=1), first)
    await store.records.append(replace(change("c", 9), decision_id="dec_1", event=None))
    await store.stages.release("b", 2, "sha", second)

    assert [one.record for one in await store.alerts.news(10)] == [first, second]
    (oldest,) = await store.alerts.news(1)
    assert await store.alerts.seen(oldest.seq)
    assert not await store.alerts.seen(oldest.seq)
    (newest,) = await store.alerts.news(10)
    assert newest.record == second
    assert await store.alerts.seen(newest.seq)
    assert not await store.alerts.seen(oldest.seq)
    assert await store.alerts.news(10) == ()


def day(number: int, process: str, calls: int) -> KeptDay:
    return KeptDay(day=number, process=process, counts=DayCounts(calls=calls, cost_microusd=5))


async def test_days_are_the_sum_of_all_processes_until_they_are_forgotten(store: Opened) -> None:
    await store.alerts.keep_days([day(1, "a", 1), day(2, "a", 10)])
    await store.alerts.keep_days([day(1, "b", 2), day(3, "b", 100)])
    await store.alerts.keep_days([day(1, "a", 4)])

    assert await store.alerts.days(3) == (
        (1, DayCounts(calls=6, cost_microusd=10)),
        (2, DayCounts(calls=10, cost_microusd=5)),
    )
    await store.alerts.forget_days(3)
    assert await store.alerts.days(9) == ((3, DayCounts(calls=100, cost_microusd=5)),)
