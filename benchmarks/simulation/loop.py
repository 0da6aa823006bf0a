"""Virtual time, and coroutines that are stepped by hand: one await, one step, nothing by itself."""

import types
from collections.abc import Callable, Coroutine, Generator
from heapq import heappop, heappush
from itertools import count

NOON_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z

Trace = Callable[[str], None]


@types.coroutine
def pause(ms: int) -> Generator[int, None, None]:
    """Let that much time pass; whatever else is due in it happens first."""
    yield ms


class Process:
    """One life of a program: it may stand still for a while, and it ends at any step."""

    __slots__ = ("alive", "name", "still_until_ms")

    def __init__(self, name: str) -> None:
        """Begin to run."""
        self.name = name
        self.alive = True
        self.still_until_ms = 0


class Task:
    """One coroutine on its way."""

    __slots__ = ("name", "process", "work")

    def __init__(
        self, name: str, work: Coroutine[int, None, None], process: Process | None
    ) -> None:
        """Run `work` in `process`; without one it cannot be disturbed."""
        self.name = name
        self.work = work
        self.process = process


class Loop:
    """What is due, in order of virtual time; `disturb` may hurt a process before each step."""

    def __init__(self, disturb: Callable[[Process], None], trace: Trace | None) -> None:
        """Start at 0 ms."""
        self.now_ms = 0
        self.wall_ms = NOON_MS
        self.trace = trace
        self.task: Task | None = None
        self._disturb = disturb
        self._due: list[tuple[int, int, Task | Callable[[], None]]] = []
        self._places = count()

    def at(self, at_ms: int, what: Task | Callable[[], None]) -> None:
        """Do that then: a step of a task, or a plain event."""
        heappush(self._due, (at_ms, next(self._places), what))

    def note(self, text: str) -> None:
        """Write a line of the trace; look at `trace` first where the text costs something."""
        if self.trace is not None:
            who = self.task.name if self.task else "world"
            self.trace(f"{self.now_ms / 1000:12.3f} s  {who:<14} {text}")

    def run(self) -> None:
        """Go on until nothing is due any more."""
        while self._due:
            at_ms, _, what = heappop(self._due)
            self.now_ms = at_ms

            if isinstance(what, Task):
                self._step(what)
            else:
                what()

    def close(self) -> None:
        """Drop what is still due."""
        for _, _, what in self._due:
            if isinstance(what, Task):
                what.work.close()

        self._due.clear()

    def pass_by(self, ms: int) -> None:
        """Let time pass in which nothing is due."""
        assert not self._due, "something would be late"
        self.now_ms += ms

    def _step(self, task: Task) -> None:
        """Give a task its next step, unless its process is dead or stands still."""
        process = task.process
        self.task = task

        if process is not None:
            self._disturb(process)

            if not process.alive:
                self.note("is gone with its process")
                task.work.close()
                self.task = None
                return

            if self.now_ms < process.still_until_ms:
                self.at(process.still_until_ms, task)
                self.task = None
                return

        try:
            self.at(self.now_ms + task.work.send(None), task)
        except StopIteration:
            pass
        finally:
            self.task = None


class VirtualClock:
    """The clocks of the machines: a wall that may be set, and time that only passes."""

    def __init__(self, loop: Loop) -> None:
        """Show the time of `loop`."""
        self._loop = loop

    def now_ms(self) -> int:
        """Return the wall clock."""
        return self._loop.wall_ms + self._loop.now_ms

    def monotonic_s(self) -> float:
        """Return the seconds since the schedule began."""
        return self._loop.now_ms / 1000

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await pause(round(seconds * 1000))
