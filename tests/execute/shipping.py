"""One action on its way to scripted desks, through a ledger in memory."""

from dataclasses import dataclass, field

from mcp_router.domain.action import Action, ActionState, Strategy
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.ticket import Visibility
from mcp_router.domain.write import NewComment, UpdateTicket
from mcp_router.execute.delivery import Delivery, Settled, Shipment
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.ledger import LEASE_MS, Ledger
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.desks import ScriptedDesk
from mcp_router.testing.stores import MemoryActions
from tests.storage.rows import action

WRITE = UpdateTicket(
    ticket_id="7", comment=NewComment(body="On its way.", visibility=Visibility.PUBLIC)
)


@dataclass(kw_only=True)
class Dock:
    """Repeats one call with one key, as a host does."""

    desks: tuple[ScriptedDesk, ...]
    clock: ManualClock = field(default_factory=ManualClock)
    store: MemoryActions = field(default_factory=MemoryActions)
    attempts: list[Attempt] = field(default_factory=list)
    calls: int = 0

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.clock, lambda owner: True)

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.ledger, self.clock, self.attempts.append)

    def shipment(self, *desks: ScriptedDesk) -> Shipment:
        return Shipment(
            write=WRITE,
            desks=desks or self.desks,
            ends_s=self.clock.monotonic_s() + 20,
            attempt_timeout_s=5,
        )

    def wanted(self) -> Action:
        self.calls += 1
        now_ms = self.clock.now_ms()
        strategy: Strategy = self.desks[0].strategy(WRITE)
        return action(
            str(self.calls),
            key="key",
            owner=f"call-{self.calls}",
            strategy=strategy,
            created_ms=now_ms,
            lease_until_ms=now_ms + LEASE_MS,
        )

    async def call(self) -> Settled:
        """Do what `actions.py` does with one call."""
        admission, row = await self.ledger.reserve(self.wanted())

        match admission:
            case Admission.PROCEED:
                return await self.delivery.deliver(row, self.shipment())
            case Admission.RECONCILE:
                holder = [desk for desk in self.desks if desk.name == row.target]
                return await self.delivery.reconcile(row, self.shipment(*holder))
            case _:
                return Settled(action=row)

    async def state(self) -> ActionState:
        """Return how the action stands on disk."""
        row = await self.store.by_key("acme", "key")
        assert row is not None
        return row.state

    def sends(self) -> list[int]:
        return [desk.sends for desk in self.desks]

    def effects(self) -> int:
        """Return how often the write was applied, anywhere, what is still under way included."""
        for desk in self.desks:
            desk.settle_late()

        return sum(len(desk.effects) for desk in self.desks)
