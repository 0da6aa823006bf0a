"""A store of health with its clock, for as many boards as a test wants."""

from dataclasses import dataclass, field

from mcp_router.domain.attempt import Reason
from mcp_router.health.board import HealthBoard
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.health import MemoryHealth
from tests.health.attempts import attempt

TIMEOUT = attempt(Reason.TIMEOUT)


class SeenGauge:
    """Notes what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, bool]] = []

    def breaker(self, target: str, *, is_open: bool) -> None:
        self.shown.append((target, is_open))


@dataclass(frozen=True, kw_only=True)
class World:
    """A store and a clock that several boards share."""

    clock: ManualClock = field(default_factory=ManualClock)
    store: MemoryHealth = field(default_factory=MemoryHealth)
    gauge: SeenGauge = field(default_factory=SeenGauge)

    def board(self, process: str = "one") -> HealthBoard:
        return HealthBoard(self.store, self.clock, process=process, gauge=self.gauge)

    async def broken(self) -> HealthBoard:
        """Return a board whose one target has just been left alone."""
        board = self.board()

        for _ in range(5):
            await board.observe(TIMEOUT)

        return board
