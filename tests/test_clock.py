"""Real time moves forward; a test's time moves when it is told to."""

import asyncio
import time

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.clock import Clock, SystemClock, since_ms
from mcp_router.testing.clock import NOON_MS, ManualClock


async def test_the_system_clock_tells_real_time_and_waits_for_it() -> None:
    clock = SystemClock()
    before_s, before_ms = clock.monotonic_s(), clock.now_ms()

    await clock.sleep(0.01)

    assert clock.monotonic_s() - before_s >= 0.01
    assert clock.now_ms() - before_ms >= 9  # the wall clock is cut to whole milliseconds
    assert abs(clock.now_ms() - time.time() * 1000) < 1000


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()], ids=["system", "manual"])
async def test_sleeping_can_be_cancelled(clock: Clock) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await clock.sleep(3600)

    assert scope.cancelled_caught


async def test_a_manual_clock_moves_by_sleep_advance_and_jump_alone() -> None:
    clock = ManualClock()
    assert (clock.now_ms(), clock.monotonic_s()) == (NOON_MS, 0.0)

    await clock.sleep(1.5)
    clock.advance(0.5)
    assert (clock.now_ms(), clock.monotonic_s()) == (NOON_MS + 2000, 2.0)

    clock.jump(-3600)
    assert (clock.now_ms(), clock.monotonic_s()) == (NOON_MS + 2000 - 3_600_000, 2.0)
    assert clock.slept_s == [1.5]


async def test_a_manual_sleep_lets_other_tasks_run() -> None:
    clock, seen = ManualClock(), []

    async def other() -> None:
        seen.append("other")

    task = asyncio.create_task(other())
    await clock.sleep(1)
    await task

    assert seen == ["other"]


@given(
    begins_s=st.floats(0, 1e6),
    parts_s=st.lists(st.tuples(st.floats(0, 2), st.floats(0, 0.01)), min_size=1, max_size=6),
)
def test_the_parts_of_a_call_follow_each_other_and_lie_within_it(
    begins_s: float, parts_s: list[tuple[float, float]]
) -> None:
    clock = ManualClock()
    clock.advance(begins_s)
    call_s, ends_ms = clock.monotonic_s(), 0

    for lasts_s, told_after_s in parts_s:
        part_s = clock.monotonic_s()
        clock.advance(lasts_s)
        lasts_ms = since_ms(clock, part_s)
        clock.advance(told_after_s)  # as long as its end takes to be noted
        part_ms = since_ms(clock, call_s) - lasts_ms

        assert abs(lasts_ms - lasts_s * 1000) < 1.01
        assert part_ms >= ends_ms
        ends_ms = part_ms + lasts_ms

    assert ends_ms <= since_ms(clock, call_s)
