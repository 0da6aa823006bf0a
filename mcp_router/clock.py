"""Time as an argument: nothing below the faces reads a clock of its own."""

import sys
import time
from typing import Protocol

import anyio


class Clock(Protocol):
    """Wall time for records, monotonic time for deadlines, and waiting."""

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, for timestamps that people read."""

    def monotonic_s(self) -> float:
        """Return seconds that never go backwards, for deadlines and latencies."""

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable."""


def since_ms(clock: Clock, started_s: float) -> int:
    """Return the whole milliseconds from a moment of the monotonic clock to now.

    Both moments are rounded, not what lies between them: so what follows something else never
    begins before that has ended, and the parts of a call lie within it.
    """
    return round(clock.monotonic_s() * 1000) - round(started_s * 1000)


class SystemClock:
    """The clock of this machine."""

    def now_ms(self) -> int:
        """Return the wall clock in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Return the monotonic clock in seconds; a machine that slept has grown older.

        What was to be sent before a lid was closed must not go out when it is opened.
        """
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME)

        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await anyio.sleep(seconds)
