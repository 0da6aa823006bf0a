"""Wrappers that pass a failpoint before and after every step of the write walk.

A store's `before` is passed when nothing of the step is committed, its `after` when the commit
is on disk and the caller does not know yet. A desk's `before` is passed when no byte has left,
its `after` when the desk has answered (or was given up) and the router has not acted on it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.torture.failpoints import Failpoints
from mcp_router.audit.log import RecordStore
from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.ticket import CrmCase, Customer, CustomerQuery, TicketPage, TicketView
from mcp_router.domain.write import DeskWrite, UpdateTicket
from mcp_router.execute.targets import Crm, Desk, HelpDesk
from mcp_router.ledger.ledger import ActionStore, Judge

BLIND = {"[marker_probe]": Strategy.MARKER_PROBE, "[none]": Strategy.NONE}
"""How the body of a reply begins for which the desk pretends to be one of a weaker kind."""


@contextmanager
def _around(failpoints: Failpoints, point: str) -> Iterator[None]:
    """Pass `point` before and after the block, also where the block raises."""
    failpoints.passed(f"{point}.before")

    try:
        yield
    finally:
        failpoints.passed(f"{point}.after")


class WatchedStore:
    """The ledger's store; what only reads passes no point."""

    def __init__(self, store: ActionStore, failpoints: Failpoints) -> None:
        """Hand everything to `store`."""
        self._store = store
        self._failpoints = failpoints

    async def claim(
        self,
        wanted: Action,
        judge: Judge,
        lease_s: float,
        *,
        twins: tuple[str, ...] = (),
        since_ms: int = 0,
        event: Record | None = None,
    ) -> Action:
        """Pass `claim`."""
        with _around(self._failpoints, "claim"):
            return await self._store.claim(
                wanted, judge, lease_s, twins=twins, since_ms=since_ms, event=event
            )

    async def change(self, old: Action, new: Action) -> bool:
        """Pass `change_to_` and the state."""
        with _around(self._failpoints, f"change_to_{new.state}"):
            return await self._store.change(old, new)

    async def renew(self, owner_process: str, lease_s: float) -> int:
        """Pass `renew`."""
        with _around(self._failpoints, "renew"):
            return await self._store.renew(owner_process, lease_s)

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key."""
        return await self._store.by_key(tenant, key)

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id."""
        return await self._store.by_id(tenant, action_id)

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run."""
        return await self._store.of_run(tenant, run_id, limit)

    async def unsettled(self, target: str, limit: int, pause_ms: int) -> tuple[Action, ...]:
        """Return what may have been applied and nobody holds."""
        return await self._store.unsettled(target, limit, pause_ms)

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many actions each target has in each state that is not decided."""
        return await self._store.counts()

    async def expire(self, older_than_s: float, limit: int) -> int:
        """Pass `expire`."""
        with _around(self._failpoints, "expire"):
            return await self._store.expire(older_than_s, limit)


class WatchedRecords:
    """The decision log's store."""

    def __init__(self, store: RecordStore, failpoints: Failpoints) -> None:
        """Hand everything to `store`."""
        self._store = store
        self._failpoints = failpoints

    async def append(self, record: Record) -> int:
        """Pass `record`."""
        with _around(self._failpoints, "record"):
            return await self._store.append(record)

    async def find(self, tenant: str, decision_id: str) -> StoredRecord | None:
        """Return the tenant's record of a decision."""
        return await self._store.find(tenant, decision_id)


class WatchedDesk:
    """A desk; replies whose body says so are written as a desk without a precondition would."""

    def __init__(self, desk: Desk, failpoints: Failpoints) -> None:
        """Hand everything to `desk`."""
        self._desk = desk
        self._failpoints = failpoints

    @property
    def name(self) -> str:
        """Return the name that policies use."""
        return self._desk.name

    def strategy(self, write: DeskWrite) -> Strategy:
        """Return the desk's own strategy, or the weaker one that the body asks for."""
        return _pretended(write) or self._desk.strategy(write)

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        """Pass `precondition`."""
        if _pretended(write):
            return None

        with _around(self._failpoints, "precondition"):
            return await self._desk.precondition(write, timeout_s=timeout_s)

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        """Pass `write`."""
        with _around(self._failpoints, "write"):
            return await self._desk.write(
                write, marker=marker, precondition=precondition, timeout_s=timeout_s
            )

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        """Pass `probe`."""
        with _around(self._failpoints, "probe"):
            return await self._desk.probe(write, marker=marker, timeout_s=timeout_s)

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        """Return the people who match."""
        return await self._desk.find_customers(query, limit=limit, timeout_s=timeout_s)

    async def check(self, *, timeout_s: float) -> str:
        """Return the desk's own line."""
        return await self._desk.check(timeout_s=timeout_s)

    async def aclose(self) -> None:
        """Close the desk."""
        await self._desk.aclose()


class WatchedHelpDesk(WatchedDesk):
    """A desk that holds tickets."""

    def __init__(self, desk: HelpDesk, failpoints: Failpoints) -> None:
        """Hand everything to `desk`."""
        super().__init__(desk, failpoints)
        self._help_desk = desk

    async def view_ticket(self, ticket_id: str, *, comments: int, timeout_s: float) -> TicketView:
        """Pass `view`: what is read before a sync."""
        with _around(self._failpoints, "view"):
            return await self._help_desk.view_ticket(
                ticket_id, comments=comments, timeout_s=timeout_s
            )

    async def search_tickets(
        self, query: str, *, limit: int, cursor: str | None, timeout_s: float
    ) -> TicketPage:
        """Return one page of matching tickets."""
        return await self._help_desk.search_tickets(
            query, limit=limit, cursor=cursor, timeout_s=timeout_s
        )


class WatchedCrm(WatchedDesk):
    """A desk that holds cases."""

    def __init__(self, desk: Crm, failpoints: Failpoints) -> None:
        """Hand everything to `desk`."""
        super().__init__(desk, failpoints)
        self._crm = desk

    async def read_case(self, external_id: str, *, timeout_s: float) -> CrmCase | None:
        """Return the case that mirrors a ticket, or None."""
        return await self._crm.read_case(external_id, timeout_s=timeout_s)


def watch_desks(failpoints: Failpoints) -> Callable[[Desk], Desk]:
    """Return the wrapper for each kind of desk."""

    def watch(desk: Desk) -> Desk:
        if isinstance(desk, HelpDesk):
            return WatchedHelpDesk(desk, failpoints)

        if isinstance(desk, Crm):
            return WatchedCrm(desk, failpoints)

        return WatchedDesk(desk, failpoints)

    return watch


def _pretended(write: DeskWrite) -> Strategy | None:
    """Return the weaker strategy that a reply's body asks for, None for the desk's own."""
    if not isinstance(write, UpdateTicket) or write.comment is None:
        return None

    return BLIND.get(write.comment.body.partition(" ")[0])
