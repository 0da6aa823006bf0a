"""Stores in memory that count, or that have too little room."""

from collections.abc import Callable

from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState
from mcp_router.domain.record import Record
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.stores import MemoryActions


class CountingActions(MemoryActions):
    """Notes the state that each of its transactions has left an action in."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.commits: list[ActionState] = []

    async def claim(
        self,
        wanted: Action,
        judge: Callable[[Action, bool], Action],
        lease_s: float,
        *,
        twins: tuple[str, ...] = (),
        since_ms: int = 0,
        event: Record | None = None,
    ) -> Action:
        row = await super().claim(
            wanted, judge, lease_s, twins=twins, since_ms=since_ms, event=event
        )
        self.commits.append(row.state)
        return row

    async def change(self, old: Action, new: Action) -> bool:
        changed = await super().change(old, new)
        self.commits.append(new.state)
        return changed


class CrampedActions(MemoryActions):
    """Has room for a state, but for no answer."""

    async def change(self, old: Action, new: Action) -> bool:
        if new.answer_json is not None:
            raise StorageUnavailable("There is no room for an answer.")

        return await super().change(old, new)
