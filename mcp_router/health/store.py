"""What the keepers of this room ask of a database, and where they show what they know."""

from collections.abc import Sequence
from typing import Protocol

from mcp_router.domain.health import Breaker, HealthMinute


class HealthStore(Protocol):
    """Minutes and breakers that all processes of one database share."""

    async def keep_minutes(self, rows: Sequence[HealthMinute]) -> None:
        """Insert these, or replace what the same process has kept of the same minute."""

    async def minutes(self, since: int) -> tuple[HealthMinute, ...]:
        """Return every process's minutes from `since` on."""

    async def prune_minutes(self, before: int) -> None:
        """Delete the minutes before that one."""

    async def breakers(self) -> tuple[Breaker, ...]:
        """Return the breaker of every target that ever had one, by name."""

    async def breaker(self, target: str) -> Breaker | None:
        """Return the target's breaker as it is on disk now."""

    async def change_breaker(self, old: Breaker, new: Breaker) -> bool:
        """Replace `old` by `new` if its revision is still there, and say whether.

        Revision 0 stands for no row.
        """


class Gauge(Protocol):
    """Where breakers are shown to whoever watches the router."""

    def breaker(self, target: str, *, is_open: bool) -> None:
        """Show whether a target is left alone now."""


class NoGauge:
    """Shows nothing."""

    def breaker(self, target: str, *, is_open: bool) -> None:
        """Do nothing."""
