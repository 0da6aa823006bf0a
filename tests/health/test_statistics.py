"""The last minutes of every target, as the board of each process shows them."""

import time
from collections.abc import Callable

import pytest

from mcp_router.domain.health import UNKNOWN_HEALTH, TargetHealth
from mcp_router.health.breaker import BreakerPace
from tests.health.attempts import attempt
from tests.health.worlds import World


@pytest.fixture
def world() -> World:
    return World()


async def test_of_a_target_that_was_never_asked_nothing_is_known(world: World) -> None:
    assert world.board().of("haiku") == UNKNOWN_HEALTH


async def test_all_processes_see_the_last_minutes_of_all(world: World) -> None:
    one, two = world.board("one"), world.board("two")
    await one.observe(attempt(latency_ms=100, cost_microusd=10))
    await two.observe(attempt(latency_ms=100, cost_microusd=30))
    await one.refresh()
    await two.refresh()
    await one.refresh()

    expected = TargetHealth(
        attempts=2, success=1.0, passed=1.0, p50_ms=105, p95_ms=105, cost_microusd=20
    )
    assert one.of("haiku") == two.of("haiku") == expected


async def test_what_is_older_than_the_window_is_not_shown(world: World) -> None:
    board = world.board()
    await board.observe(attempt())
    await board.refresh()

    world.clock.advance(14 * 60)
    await board.refresh()
    assert board.of("haiku").attempts == 1
    world.clock.advance(60)
    await board.refresh()
    assert board.of("haiku").attempts == 0


async def test_a_process_that_tells_late_is_heard_within_a_minute(world: World) -> None:
    one, two = world.board("one"), world.board("two")
    await two.observe(attempt())
    world.clock.advance(180)
    await one.refresh()
    await two.refresh()
    await one.refresh()
    assert one.of("haiku").attempts == 0

    world.clock.advance(60)
    await one.refresh()
    assert one.of("haiku").attempts == 1


async def test_minutes_are_kept_for_two_days(world: World) -> None:
    board = world.board()
    await board.observe(attempt())
    await board.refresh()
    assert len(await world.store.minutes(0)) == 1

    world.clock.advance(2 * 86_400 + 120)
    await board.refresh()
    assert await world.store.minutes(0) == ()


async def test_a_minute_that_another_version_has_kept_is_left_out(world: World) -> None:
    board = world.board("two")
    await board.observe(attempt())
    await board.refresh()
    (row,) = await world.store.minutes(0)
    one = world.board()
    newer = type(row)(target="haiku", minute=row.minute, process="next", tally="9 x")
    await world.store.keep_minutes([newer])

    await one.refresh()

    assert one.of("haiku").attempts == 1


async def test_reading_what_has_not_changed_costs_next_to_nothing(world: World) -> None:
    board = world.board()
    await board.observe(attempt())
    board.of("haiku")

    def read() -> None:
        for _ in range(1000):
            board.of("haiku")

    assert fastest_s(read) < 0.01  # ten times the aim of 1 us each, for a busy machine


def fastest_s(work: Callable[[], None]) -> float:
    """Return the shortest of several runs."""
    times: list[float] = []

    for _ in range(5):
        started_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_s)

    return min(times)


def test_paces_are_documented_defaults() -> None:
    assert BreakerPace() == BreakerPace(
        in_a_row=5,
        share=0.5,
        enough=10,
        window_s=30,
        pause_s=5.0,
        longest_pause_s=60.0,
        longest_limit_s=600.0,
        probe_s=60.0,
    )
