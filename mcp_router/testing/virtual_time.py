"""Time that jumps: real coroutines run unchanged on it, and a day of waiting takes no time.

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())

Whatever waits by the loop (`asyncio.sleep`, `asyncio.timeout`, `anyio.sleep`, `anyio.fail_after`)
waits in virtual time. What the machine does is waited for in real time: see `VirtualTimeLoop`.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple, Unpack

import anyio

from mcp_router.testing.clock import NOON_MS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_OWN_FILES = 1
"""What a loop listens to for itself: the pipe by which threads and signals wake it."""


class _Timeline:
    """The time of one loop, and how much real work it waits for."""

    __slots__ = ("held", "jumps", "now_s")

    def __init__(self) -> None:
        self.now_s = 0.0
        self.held = 0
        self.jumps = 0


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for files in real time; where there are none, lets the time pass at once."""

    def __init__(self, timeline: _Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready after `timeout` seconds of the timeline at most."""
        timeline = self._timeline

        if timeout is not None and timeout <= 0:
            return super().select(0)

        if timeline.held or timeout is None:
            return super().select(None)  # who holds the time, or nobody at all, wakes the loop

        if len(self.get_map()) > _OWN_FILES:
            started_s = time.monotonic()
            ready = super().select(timeout)
            timeline.now_s += min(timeout, time.monotonic() - started_s) if ready else timeout
            return ready

        ready = super().select(0)

        if not ready:
            timeline.jumps += 1
            timeline.now_s += timeout

        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything can run, and then jumps.

    It jumps to the next timer when no callback is ready and nothing real is under way:

    - while a job of `run_in_executor` (`asyncio.to_thread`, a host name's lookup) runs, or a
      block of `held`, the loop waits for it and its time stands still;
    - while a socket or pipe is registered, the loop's time passes as the machine's does.

    Other threads that report to the loop have to be announced by `held`: nothing else tells a
    thread that works from one that rests.
    """

    def __init__(self) -> None:
        """Start at 0 seconds."""
        self._timeline = _Timeline()
        super().__init__(_JumpingSelector(self._timeline))

    @property
    def jumps(self) -> int:
        """Return how often the time has jumped."""
        return self._timeline.jumps

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._timeline.now_s

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no time pass during the block: a thread is at work that will wake the loop."""
        self._timeline.held += 1

        try:
            yield
        finally:
            self._timeline.held -= 1

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[Unpack[Ts]], T],
        *args: *Ts,
    ) -> "asyncio.Future[T]":
        """Run the job in a thread; no time passes until it has ended or been given up."""
        future = super().run_in_executor(executor, func, *args)
        self._timeline.held += 1
        future.add_done_callback(self._let_go)
        return future

    def _let_go(self, _: "asyncio.Future[T]") -> None:
        """Let the time pass again, unless something else still holds it."""
        self._timeline.held -= 1


class VirtualClock:
    """The router's clock and its machine's, on the time of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, now_ms: int = NOON_MS) -> None:
        """Read `loop`; its second 0 is `now_ms`."""
        self._loop = loop
        self._start_ms = now_ms

    def now_ms(self) -> int:
        """Return the wall clock in milliseconds."""
        return self._start_ms + round(self._loop.time() * 1000)

    def monotonic_s(self) -> float:
        """Return the loop's time."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait in the loop's time; cancellable."""
        await anyio.sleep(seconds)


class VirtualHost:
    """The machine as a store in a file sees it, on a clock that jumps; its processes all live."""

    def __init__(self, clock: VirtualClock) -> None:
        """Read `clock`."""
        self._clock = clock

    @property
    def boot(self) -> str:
        """Return the name of its only boot."""
        return "virtual"

    def now_ms(self) -> int:
        """Return the milliseconds since the boot."""
        return round(self._clock.monotonic_s() * 1000)

    def wall_ms(self) -> int:
        """Return the wall clock."""
        return self._clock.now_ms()

    def is_alive(self, owner: str) -> bool:
        """Return True: the lease of an owner has to run out."""
        return True
