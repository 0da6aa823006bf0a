"""One action on its way to scripted desks, through a ledger in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.ticket import Visibility
from mcp_router.domain.write import DeskWrite, NewComment, UpdateTicket
from mcp_router.execute.delivery import Delivery, Settled, Shipment
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.ledger import Ledger
from mcp_router.ledger.machine import start
from mcp_router.ledger.parcel import pack
from mcp_router.ledger.strategies import needs_version
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.desks import ScriptedDesk, Step
from mcp_router.testing.stores import MemoryActions
from tests.storage.rows import action

WRITE = UpdateTicket(
    ticket_id="7", comment=NewComment(body="On its way.", visibility=Visibility.PUBLIC)
)
PROCESS = "boot:1:2"


@dataclass(kw_only=True)
class Dock:
    """Repeats one call with one key, as a host does."""

    desks: tuple[ScriptedDesk, ...]
    clock: ManualClock = field(default_factory=ManualClock)
    attempts: list[Attempt] = field(default_factory=list)
    calls: int = 0
    process: str = PROCESS

    def __post_init__(self) -> None:
        self.store = MemoryActions(self.clock)
        self._begin()

    def restart(self) -> None:
        """End the process with all that it only had in memory, and begin another one."""
        self.store.dead.add(self.process)
        self.process += "2"
        self._begin()

    def _begin(self) -> None:
        self.ledger = Ledger(self.store, self.clock)
        self.delivery = Delivery(self.ledger, self.clock, self.attempts.append)

    def shipment(self, *desks: ScriptedDesk) -> Shipment:
        return Shipment(
            write=WRITE,
            desks=desks or self.desks,
            ends_s=self.clock.monotonic_s() + 20,
            attempt_timeout_s=5,
        )

    def wanted(self, key: str = "key") -> Action:
        """Return what `actions.py` wants on disk for a new call."""
        self.calls += 1
        desk = self.desks[0]
        strategy: Strategy = desk.strategy(WRITE)
        owner = f"{self.process}#{self.calls}"
        wanted = parcel(str(self.calls), desk.name, key=key, owner=owner, clock=self.clock)

        if needs_version(strategy):
            return wanted

        now_ms = self.clock.now_ms()
        return start(wanted, target=desk.name, strategy=strategy, precondition=None, now_ms=now_ms)

    async def call(self) -> Settled:
        """Do what `actions.py` does with one call."""
        wanted = self.wanted()

        try:
            admission, row = await self.ledger.reserve(wanted)

            match admission:
                case Admission.PROCEED:
                    return await self.delivery.deliver(row, self.shipment())
                case Admission.RECONCILE:
                    holder = [desk for desk in self.desks if desk.name == row.target]
                    return await self.delivery.reconcile(row, self.shipment(*holder))
                case _:
                    return Settled(action=row)
        except BaseException:
            self.ledger.abandon(wanted)
            raise

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


def parcel(name: str, target: str, *, key: str, owner: str | None, clock: ManualClock) -> Action:
    """Return a reserved action that carries `WRITE` to a desk."""
    row = action(name, key=key, owner=owner, created_ms=clock.now_ms(), lease_until_ms=0)
    return replace(row, target=target, write_json=pack(WRITE))


class Eventful(ScriptedDesk):
    """A desk during whose work something happens to the ledger."""

    happens: Callable[[], Awaitable[None]]

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        await self.happens()
        return await super().write(
            write, marker=marker, precondition=precondition, timeout_s=timeout_s
        )


def dock(strategy: Strategy, *script: Step, settled: bool = True, late_after: int = 1) -> Dock:
    desk = ScriptedDesk("first", strategy, script, settled=settled, late_after=late_after)
    return Dock(desks=(desk,))


def eventful(strategy: Strategy, step: Step) -> tuple[Dock, Eventful]:
    desk = Eventful("first", strategy, [step])
    return Dock(desks=(desk,)), desk
