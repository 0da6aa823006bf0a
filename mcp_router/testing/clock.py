"""Time for tests: it stands still."""

from anyio.lowlevel import checkpoint

NOON_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z


class ManualClock:
    """Time that moves only when it is told to, or when somebody sleeps."""

    def __init__(self, *, now_ms: int = NOON_MS) -> None:
        """Start at `now_ms`; the monotonic clock starts at 0."""
        self._start_ms = now_ms
        self._elapsed_s = 0.0
        self.slept_s: list[float] = []

    def now_ms(self) -> int:
        """Return the wall clock in milliseconds."""
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_s(self) -> float:
        """Return the seconds that have passed since the clock was made."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass at once, and note it in `slept_s`."""
        await checkpoint()
        self.slept_s.append(seconds)
        self._elapsed_s += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass for both clocks."""
        self._elapsed_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; the monotonic clock does not notice."""
        self._start_ms += round(seconds * 1000)
