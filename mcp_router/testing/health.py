"""The store of health in memory; it passes the same contract suite as the databases."""

from collections.abc import Sequence

from anyio.lowlevel import checkpoint

from mcp_router.domain.health import Breaker, HealthMinute
from mcp_router.errors import StorageUnavailable


class MemoryHealth:
    """Minutes and breakers in memory. While `broken`, everything raises StorageUnavailable."""

    def __init__(self) -> None:
        """Start empty."""
        self._minutes: dict[tuple[int, str, str], HealthMinute] = {}
        self._breakers: dict[str, Breaker] = {}
        self.broken = False

    async def keep_minutes(self, rows: Sequence[HealthMinute]) -> None:
        """Insert these, or replace what the same process has kept of the same minute."""
        await self._work()
        self._minutes |= {(one.minute, one.target, one.process): one for one in rows}

    async def minutes(self, since: int) -> tuple[HealthMinute, ...]:
        """Return every process's minutes from `since` on."""
        await self._work()
        return tuple(one for place, one in sorted(self._minutes.items()) if place[0] >= since)

    async def prune_minutes(self, before: int) -> None:
        """Delete the minutes before that one."""
        await self._work()
        self._minutes = {place: one for place, one in self._minutes.items() if place[0] >= before}

    async def breakers(self) -> tuple[Breaker, ...]:
        """Return the breaker of every target that ever had one, by name."""
        await self._work()
        return tuple(one for _, one in sorted(self._breakers.items()))

    async def breaker(self, target: str) -> Breaker | None:
        """Return the target's breaker as it is now."""
        await self._work()
        return self._breakers.get(target)

    async def change_breaker(self, old: Breaker, new: Breaker) -> bool:
        """Replace `old` by `new` if its revision is still there, and say whether."""
        await self._work()
        kept = self._breakers.get(new.target)

        if old.revision != (kept.revision if kept else 0):
            return False

        self._breakers[new.target] = new
        return True

    async def _work(self) -> None:
        """Let other tasks run, as a database does, then refuse if the store is broken."""
        await checkpoint()

        if self.broken:
            raise StorageUnavailable("The store is broken for a test.")
