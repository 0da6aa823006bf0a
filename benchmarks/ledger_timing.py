"""Closed loops: some callers repeat one thing for a while, each as soon as it is done."""

import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import anyio

_WARM = 0.2  # of the time, before it counts: connections are made, statements are parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one load has reached: how many a second, and milliseconds of each single one."""

    per_s: float
    p50_ms: float
    p99_ms: float


def timing(times_s: Sequence[float], took_s: float) -> Timing:
    """Return the figures of things that were done within `took_s`."""
    ordered = sorted(times_s)
    return Timing(
        per_s=len(ordered) / took_s,
        p50_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
    )


def median(timings: Sequence[Timing]) -> Timing:
    """Return the median of each figure over the rounds."""
    return Timing(
        per_s=statistics.median(one.per_s for one in timings),
        p50_ms=statistics.median(one.p50_ms for one in timings),
        p99_ms=statistics.median(one.p99_ms for one in timings),
    )


async def drive(act: Callable[[], Awaitable[None]], callers: int, seconds: float) -> Timing:
    """Let tasks of this event loop call `act`."""
    times_s: list[float] = []

    async def call(until_s: float) -> None:
        while (started_s := time.perf_counter()) < until_s:
            await act()
            times_s.append(time.perf_counter() - started_s)

    async def run(for_s: float) -> float:
        times_s.clear()
        started_s = time.perf_counter()

        async with anyio.create_task_group() as tasks:
            for _ in range(callers):
                tasks.start_soon(call, started_s + for_s)

        return time.perf_counter() - started_s

    await run(seconds * _WARM)
    took_s = await run(seconds)
    return timing(times_s, took_s)


def drive_threads(act: Callable[[], None], callers: int, seconds: float) -> Timing:
    """Let threads of this process call `act`."""
    barrier = threading.Barrier(callers)

    def call(for_s: float) -> list[float]:
        times_s = []
        barrier.wait()
        until_s = time.perf_counter() + for_s

        while (started_s := time.perf_counter()) < until_s:
            act()
            times_s.append(time.perf_counter() - started_s)

        return times_s

    def run(for_s: float) -> tuple[list[float], float]:
        started_s = time.perf_counter()

        with ThreadPoolExecutor(callers) as pool:
            shares = pool.map(call, [for_s] * callers)
            times_s = [time_s for share in shares for time_s in share]

        return times_s, time.perf_counter() - started_s

    run(seconds * _WARM)
    return timing(*run(seconds))
