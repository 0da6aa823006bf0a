"""Virtual time: what waits by the loop waits for nothing, what the machine does is waited for."""

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.inline import InlineDatabase
from mcp_router.testing.clock import NOON_MS
from mcp_router.testing.virtual_time import VirtualClock, VirtualHost, VirtualTimeLoop

T = TypeVar("T")

DAY_S = 86_400.0
A_MOMENT_S = 5.0
"""No test here waits so long in real time; each lets much more of it pass on the loop."""


def played(story: Coroutine[object, object, T]) -> T:
    """Return what the story comes to on virtual time, within a moment of real time."""
    started_s = time.monotonic()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        result = runner.run(story)

    assert time.monotonic() - started_s < A_MOMENT_S
    return result


def virtual_loop() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


def test_a_day_of_sleep_takes_a_moment() -> None:
    async def story() -> float:
        await anyio.sleep(DAY_S)
        return virtual_loop().time()

    assert played(story()) == DAY_S


def test_sleepers_wake_in_the_order_of_their_time() -> None:
    woken: list[tuple[float, float]] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((seconds, virtual_loop().time()))

    async def story() -> None:
        async with anyio.create_task_group() as tasks:
            for seconds in (3.0, 1.0, 60.0, 2.0):
                tasks.start_soon(sleep, seconds)

    played(story())
    assert woken == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (60.0, 60.0)]


def test_no_time_passes_while_anything_can_run() -> None:
    async def story() -> tuple[float, int]:
        loop = virtual_loop()

        for _ in range(1000):
            await asyncio.sleep(0)

        return loop.time(), loop.jumps

    assert played(story()) == (0.0, 0)


@pytest.mark.parametrize("patience_s", [0.5, 8.0])
def test_time_limits_of_both_libraries_hold_in_virtual_time(patience_s: float) -> None:
    async def story() -> list[float]:
        loop = virtual_loop()
        ended: list[float] = []

        with pytest.raises(TimeoutError):
            with anyio.fail_after(patience_s):
                await anyio.sleep(3600)

        ended.append(loop.time())

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(patience_s):
                await asyncio.Event().wait()

        ended.append(loop.time())
        return ended

    assert played(story()) == [patience_s, 2 * patience_s]


def test_a_limit_that_is_not_reached_costs_no_time() -> None:
    async def story() -> float:
        with anyio.fail_after(60):
            await anyio.sleep(2)

        return virtual_loop().time()

    assert played(story()) == 2.0


def test_time_stands_still_while_a_thread_of_an_executor_works() -> None:
    async def story() -> list[str]:
        events: list[str] = []
        begun, go_on = threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            go_on.wait(A_MOMENT_S)
            events.append("worked")

        async def sleep() -> None:
            await asyncio.sleep(DAY_S)
            events.append("slept")

        sleeping = asyncio.create_task(sleep())
        working = asyncio.create_task(asyncio.to_thread(work))
        await asyncio.sleep(0)
        threading.Timer(0.05, go_on.set).start()
        await working
        assert begun.is_set()
        assert virtual_loop().time() == 0.0
        await sleeping
        return events

    assert played(story()) == ["worked", "slept"]


def test_a_job_that_was_given_up_holds_the_time_no_longer() -> None:
    async def story() -> float:
        loop = virtual_loop()
        over = threading.Event()
        job = loop.run_in_executor(None, over.wait, A_MOMENT_S)
        job.cancel()
        await asyncio.sleep(30)
        over.set()
        return loop.time()

    assert played(story()) == 30.0


def test_a_thread_that_was_announced_is_waited_for() -> None:
    async def story() -> tuple[str, float]:
        loop = virtual_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def work() -> None:
            loop.call_soon_threadsafe(answer.set_result, "answer")

        threading.Timer(0.05, work).start()

        with loop.held():
            async with asyncio.timeout(1):
                return await answer, loop.time()

    assert played(story()) == ("answer", 0.0)


def test_with_a_socket_at_hand_time_passes_as_the_machines_does() -> None:
    async def story() -> tuple[bytes, float]:
        loop = virtual_loop()
        ours, theirs = socket.socketpair()

        with ours, theirs:
            ours.setblocking(False)
            threading.Timer(0.05, theirs.send, [b"hello"]).start()
            async with asyncio.timeout(A_MOMENT_S):
                return await loop.sock_recv(ours, 10), loop.time()

    received, at_s = played(story())
    assert received == b"hello"
    assert 0.0 < at_s < A_MOMENT_S


def test_a_silent_socket_runs_into_its_time_limit() -> None:
    async def story() -> float:
        loop = virtual_loop()
        ours, theirs = socket.socketpair()

        with ours, theirs:
            ours.setblocking(False)

            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await loop.sock_recv(ours, 10)

        return loop.time()

    assert played(story()) >= 0.05


def test_the_clock_and_the_host_read_the_loop() -> None:
    async def story() -> list[float]:
        clock = VirtualClock(virtual_loop())
        host = VirtualHost(clock)
        await clock.sleep(1.5)
        return [clock.monotonic_s(), clock.now_ms(), host.now_ms(), host.wall_ms()]

    assert played(story()) == [1.5, NOON_MS + 1500, 1500, NOON_MS + 1500]


def test_a_lease_in_a_real_table_runs_out_in_virtual_time(tmp_path: Path) -> None:
    async def story() -> int:
        database = InlineDatabase(tmp_path / "router.db")
        table = ActionTable(database, VirtualHost(VirtualClock(virtual_loop())))
        await anyio.sleep(60)
        renewed = await table.renew("nobody", 30)
        database.close()
        return renewed

    assert played(story()) == 0
    assert list(tmp_path.iterdir()) == []


def test_two_runs_of_a_story_are_the_same() -> None:
    async def story() -> list[tuple[int, float]]:
        seen: list[tuple[int, float]] = []

        async def walk(number: int) -> None:
            for step in range(20):
                await anyio.sleep((number * 7 + step * 3) % 11 / 10)
                seen.append((number, virtual_loop().time()))

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(walk, number)

        return seen

    assert played(story()) == played(story())
