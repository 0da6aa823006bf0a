"""A ledger whose clock, and whose dead processes, are in the hands of a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from mcp_router.domain.action import Action, ActionState, Precondition, Strategy
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.ledger import LEASE_S, ActionStore, Ledger
from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.database import Database
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryActions
from tests.storage.rows import action


class Machine:
    """A host for a SQLite store: its time is a test's clock, and its processes die on demand."""

    boot = "boot"

    def __init__(self, clock: ManualClock, dead: set[str]) -> None:
        self._clock = clock
        self._dead = dead

    def now_ms(self) -> int:
        return round(self._clock.monotonic_s() * 1000)

    def wall_ms(self) -> int:
        return self._clock.now_ms()

    def is_alive(self, owner: str) -> bool:
        return owner.partition("#")[0] not in self._dead


class Bench:
    """Calls of processes that are named as their callers, on one store."""

    def __init__(self, store: ActionStore, clock: ManualClock, dead: set[str]) -> None:
        self.store = store
        self.clock = clock
        self.dead = dead
        self.ledger = Ledger(store, clock)

    def wanted(self, caller: str, *, key: str = "key-1") -> Action:
        now_ms = self.clock.now_ms()
        return action(caller, key=key, owner=f"{caller}#call", created_ms=now_ms, lease_until_ms=0)

    async def reserve(self, caller: str) -> tuple[Admission, Action]:
        return await self.ledger.reserve(self.wanted(caller))

    async def reserved(self, caller: str) -> Action:
        """Reserve a key that nobody has used, for a write that has to read something first."""
        admission, row = await self.reserve(caller)
        assert (admission, row.state) == (Admission.PROCEED, ActionState.RESERVED)
        return row

    async def sending(self, caller: str) -> Action:
        """Reserve a key that nobody has used, and put `sending` on disk."""
        return await self.send(await self.reserved(caller))

    async def send(self, row: Action, strategy: Strategy = Strategy.CAS_MARKER) -> Action:
        return await self.ledger.sending(
            row,
            target="zendesk",
            strategy=strategy,
            precondition=Precondition(stamp="s", settled=True),
        )

    async def unknown(self, caller: str) -> Action:
        """Leave an action that may have been applied to nobody."""
        lost = await self.ledger.lost(await self.sending(caller), "outcome_unknown")
        return await self.ledger.let_go(lost)

    async def needs_human(self, caller: str) -> Action:
        """Leave an action to a person."""
        lost = await self.ledger.lost(await self.sending(caller), "outcome_unknown")
        return await self.ledger.handed_over(lost)

    def end_lease(self) -> None:
        """Let the leases of everything end that is held now."""
        self.clock.advance(LEASE_S)

    async def row(self, of: Action) -> Action:
        """Return how an action stands on disk."""
        found = await self.store.by_id(of.tenant, of.action_id)
        assert found is not None
        return found


def as_read(row: Action) -> Action:
    """Return the row without what only the moment of reading it says."""
    return replace(row, sent_ago_ms=None, lease_until_ms=0)


@asynccontextmanager
async def open_bench(kind: str, folder: Path) -> AsyncIterator[Bench]:
    """Yield a bench on a store of that kind."""
    clock = ManualClock()

    if kind == "memory":
        store = MemoryActions(clock)
        yield Bench(store, clock, store.dead)
        return

    dead: set[str] = set()
    database = Database(folder / "router.db")

    try:
        yield Bench(ActionTable(database, Machine(clock, dead)), clock, dead)
    finally:
        database.close()
