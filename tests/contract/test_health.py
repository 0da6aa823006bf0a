"""What every store of health promises, the one in memory included."""

import asyncio
from dataclasses import replace

import pytest

from mcp_router.domain.health import Breaker, BreakerState, HealthMinute
from mcp_router.health.store import HealthStore
from tests.contract.opened import Opened

OPEN = Breaker(
    target="haiku",
    state=BreakerState.OPEN,
    until_ms=1_795_262_400_000,
    openings=3,
    probe=None,
    revision=1,
)
NONE = Breaker(target="haiku")


@pytest.fixture
def health(store: Opened) -> HealthStore:
    return store.health


def minute(number: int, process: str = "p1", *, tally: str = "t") -> HealthMinute:
    return HealthMinute(target="haiku", minute=number, process=process, tally=tally)


async def test_a_minute_of_a_process_is_replaced_by_itself_alone(health: HealthStore) -> None:
    await health.keep_minutes([minute(1), minute(2, "p2"), minute(2)])
    await health.keep_minutes([minute(2, tally="more"), minute(3)])

    assert await health.minutes(2) == (minute(2, tally="more"), minute(2, "p2"), minute(3))


async def test_old_minutes_are_pruned(health: HealthStore) -> None:
    await health.keep_minutes([minute(1), minute(2), minute(3)])
    await health.prune_minutes(3)

    assert await health.minutes(0) == (minute(3),)


async def test_a_breaker_changes_only_from_the_revision_that_was_seen(health: HealthStore) -> None:
    half = replace(OPEN, state=BreakerState.HALF_OPEN, probe="p#1", revision=2)

    assert await health.breaker("haiku") is None
    assert await health.change_breaker(NONE, OPEN)
    assert not await health.change_breaker(NONE, replace(OPEN, openings=9))
    assert await health.change_breaker(OPEN, half)
    assert not await health.change_breaker(OPEN, replace(OPEN, revision=2))
    assert await health.breaker("haiku") == half
    assert await health.breaker("sonnet") is None


async def test_breakers_are_told_by_name(health: HealthStore) -> None:
    sonnet = replace(OPEN, target="sonnet")
    await health.change_breaker(Breaker(target="sonnet"), sonnet)
    await health.change_breaker(NONE, OPEN)

    assert await health.breakers() == (OPEN, sonnet)


async def test_of_many_who_want_the_probe_one_gets_it(health: HealthStore) -> None:
    await health.change_breaker(NONE, OPEN)
    wanted = [
        replace(OPEN, state=BreakerState.HALF_OPEN, probe=f"p#{number}", revision=2)
        for number in range(40)
    ]

    won = await asyncio.gather(*(health.change_breaker(OPEN, one) for one in wanted))

    assert won.count(True) == 1
    assert await health.breaker("haiku") == wanted[won.index(True)]
