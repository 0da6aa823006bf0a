"""Two routers over one database: each alert is told by one of them, and lost by none."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from mcp_router.domain.alert import AlertKind
from mcp_router.domain.rollout import PolicyChange, PolicyEvent
from mcp_router.storage.store import Store, open_store
from mcp_router.testing.clock import NOON_MS, ManualClock
from tests.alerts.parts import alerting, webhook
from tests.alerts.receiver import HANG, Receiver
from tests.alerts.records import FELL_BACK, OVER, call, failed
from tests.storage.hosts import ManualHost
from tests.storage.postgres.clock import ServerClock
from tests.storage.postgres.server import fresh_url

Advance: TypeAlias = Callable[[float], None]
Opening: TypeAlias = Callable[[Path], AbstractAsyncContextManager[tuple[Store, Store, Advance]]]
TENANTS = 30


@asynccontextmanager
async def two_on_postgres(folder: Path) -> AsyncIterator[tuple[Store, Store, Advance]]:
    url = fresh_url()
    one, two = open_store(url), open_store(url)
    await one.database.check()  # the tables are there from the first use on
    clock = ServerClock(url)
    yield one, two, clock.advance
    clock.close()
    await one.aclose()
    await two.aclose()


@asynccontextmanager
async def two_on_sqlite(folder: Path) -> AsyncIterator[tuple[Store, Store, Advance]]:
    host = ManualHost()
    url = f"sqlite:///{folder / 'router.db'}"
    one, two = open_store(url, host=host), open_store(url, host=host)
    yield one, two, host.advance
    await one.aclose()
    await two.aclose()


KINDS: list[Opening] = [two_on_postgres, two_on_sqlite]


@pytest.mark.parametrize("opening", KINDS, ids=lambda kind: str(kind.__name__))
async def test_two_replicas_tell_everything_once(
    opening: Opening,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    clock = ManualClock()

    async with opening(tmp_path) as (first, second, _):
        event = PolicyEvent(
            change=PolicyChange.RELEASED, policy="support@2", who="maya", why="first use"
        )
        change = replace(call(), decision_id="evt_1", at_ms=NOON_MS, event=event, tool="policy")
        await first.stages.release("support", 2, "sha", change)
        both = [
            alerting(store.alerts, clock, webhook(receiver, "ops"), webhook(receiver, "pager"))
            for store in (first, second)
        ]

        for number in range(TENANTS):
            over = replace(failed("budget_exceeded", name=str(number)), tenant=f"t{number}")
            both[number % 2].observe(over)

        for _ in range(4):
            await asyncio.gather(*(alerts.work() for alerts in both))

        for alerts in both:
            await alerts.aclose()

    told = Counter(receiver.ids)
    assert len(told) == TENANTS + 1
    assert set(told.values()) == {2}  # once at each sink


@pytest.mark.parametrize("opening", KINDS, ids=lambda kind: str(kind.__name__))
async def test_one_key_is_told_once_in_five_minutes_by_both_together(
    opening: Opening,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    sink = replace(webhook(receiver), events=frozenset({AlertKind.FALLBACK_TRIGGERED}))

    async with opening(tmp_path) as (first, second, advance):
        clock = ManualClock()
        both = [alerting(one.alerts, clock, sink) for one in (first, second)]

        for number in range(20):
            both[number % 2].observe(replace(FELL_BACK, decision_id=f"dec_{number}"))
            await asyncio.gather(*(alerts.work() for alerts in both))

        advance(300)
        await asyncio.gather(*(alerts.work() for alerts in both))

        for alerts in both:
            await alerts.aclose()

    assert [json.loads(one.body)["data"]["count"] for one in receiver.arrived] == [1, 19]


@pytest.mark.parametrize("opening", KINDS, ids=lambda kind: str(kind.__name__))
async def test_what_a_replica_was_sending_when_it_died_is_sent_again_by_the_other(
    opening: Opening,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    receiver.answers += [HANG]
    clock = ManualClock()

    async with opening(tmp_path) as (first, second, advance):
        dying, other = (alerting(one.alerts, clock, webhook(receiver)) for one in (first, second))
        dying.observe(OVER)
        working = asyncio.create_task(dying.work())
        await asyncio.wait_for(receiver.came.wait(), 10)
        working.cancel()
        await asyncio.wait([working])

        await other.work()
        assert len(receiver.arrived) == 1  # the lease of the dead one still runs
        advance(60)
        await other.work()
        advance(60)
        await other.work()
        await dying.aclose()
        await other.aclose()

    assert len(receiver.ids) == 2
    assert receiver.ids[0] == receiver.ids[1]
