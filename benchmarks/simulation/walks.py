"""The router's own walks, as a simulated process runs them."""

from collections.abc import Mapping
from dataclasses import dataclass

from mcp_router.actions import Actions, Wish, _outcome
from mcp_router.audit.log import Draft
from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState, Outcome
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.call import Call
from mcp_router.domain.completion import Usage
from mcp_router.domain.ids import Entropy
from mcp_router.domain.target import ModelTarget, Price
from mcp_router.execute.delivery import Shipment
from mcp_router.execute.reconciler import Counts, Pace, Reconciler
from mcp_router.execute.targets import Desk, Targets
from mcp_router.ledger.keys import Intention, Key
from mcp_router.ledger.ledger import Ledger

LEASE_S = 30.0
PACE = Pace(lease_s=LEASE_S, reconcile_every_s=5.0, retention_s=3600.0)


class _NoPrices:
    """No model is asked here."""

    def table(self, model: ModelTarget) -> str:
        """Name nothing."""
        return ""

    def cost(self, model: ModelTarget, usage: Usage) -> int | None:
        """Know no price."""
        return None

    def price(self, model: ModelTarget, prompt_tokens: int) -> Price | None:
        """Know no price."""
        return None


class _NoBoard:
    """Nobody looks at what a reconciler shows."""

    def attempted(self, attempt: Attempt) -> None:
        """Show nothing."""

    def reconciled(self, target: str, state: ActionState) -> None:
        """Show nothing."""

    def undecided(self, counts: Counts) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call of a host, as far as its decision and its preparation have come."""

    call: Call
    wish: Wish
    key: Key
    intention: Intention
    deadline_s: float


class Caller(Actions):
    """The walk of a write, from its reservation to its outcome, as `Actions` has it.

    What comes before, reads and decides and records, holds no key and has no part in this; its
    rooms are not there. The shield against cancellation needs a real event loop and is left out:
    nothing here is ever cancelled.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        desks: Mapping[str, Desk],
        clock: Clock,
        entropy: Entropy,
        owner: str,
    ) -> None:
        """Serve the calls of one process."""
        self._ledger = ledger
        self._targets = Targets(models={}, providers={}, desks=desks, prices=_NoPrices())
        self._clock = clock
        self._entropy = entropy
        self._owner = owner

    async def ask(self, asked: Asked) -> tuple[Outcome, Action]:
        """Carry a call out, and return what its host is told, and of which action."""
        desks = tuple(self._targets.desks.values())
        wanted = self._wanted(asked.intention, asked.wish, asked.key, desks[0], asked.call)
        shipment = Shipment(
            write=asked.wish.write,
            desks=desks,
            ends_s=self._clock.monotonic_s() + asked.deadline_s,
            attempt_timeout_s=min(5.0, asked.deadline_s),
        )
        admission, settled = await self._act(wanted, asked.key, shipment, Draft(asked.call))
        outcome, _ = _outcome(admission, settled)
        return outcome, settled.action


class Sweeper(Reconciler):
    """The work of the reconciler's rounds, one round at a time."""

    @classmethod
    def of(
        cls,
        *,
        ledger: Ledger,
        desks: Mapping[str, Desk],
        clock: Clock,
        entropy: Entropy,
        process: str,
    ) -> "Sweeper":
        """Return the reconciler of one process."""
        return cls(
            ledger=ledger,
            desks=desks,
            clock=clock,
            entropy=entropy,
            process=process,
            pace=PACE,
            board=_NoBoard(),
            alarm=lambda action: None,
        )

    async def round(self) -> None:
        """Do once what `run` repeats, without the shields that need a real event loop."""
        await self._beat()
        await self._keep_order()

        for desk in self._desks.values():
            pause_ms = round(PACE.reconcile_every_s * 1000)

            for action in await self._ledger.unsettled(desk.name, limit=32, pause_ms=pause_ms):
                await self._find_out(action, desk)

    async def beat(self) -> None:
        """Keep the leases of this process."""
        await self._beat()

    async def keep_order(self) -> None:
        """Note what could not be noted before."""
        await self._keep_order()

    async def expire(self) -> None:
        """Make tombstones."""
        await self._expire()
