"""What stands before the targets, and keeps calls from one that fails anyway."""

from typing import Protocol

from mcp_router.domain.attempt import Attempt


class Gate(Protocol):
    """Admits attempts to targets, and learns from how they end."""

    async def admit(self, target: str) -> bool:
        """Return whether an attempt may go there now."""

    async def observe(
        self, attempt: Attempt, *, retry_after_s: float | None = None, cut_short: bool = False
    ) -> None:
        """Learn from an attempt that was admitted, and when it may come again; never raises.

        One that was `cut_short` had less time than the policy gives an attempt, or none.
        """


class OpenGate:
    """Lets everything through and learns nothing."""

    async def admit(self, target: str) -> bool:
        """Return True."""
        return True

    async def observe(
        self, attempt: Attempt, *, retry_after_s: float | None = None, cut_short: bool = False
    ) -> None:
        """Forget it."""
