"""The ledger: drives the state machine through storage, one durable step at a time."""

from collections.abc import Callable
from typing import Protocol

from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.errors import ActionNotOpen, LeaseLost, OutcomeUnknown, UnknownAction
from mcp_router.ledger import machine
from mcp_router.ledger.admission import Admission, admit, is_held, judge
from mcp_router.ledger.keys import WINDOW_MS

LEASE_MS = 120_000


class ActionStore(Protocol):
    """What the ledger asks of a database; every method is one durable transaction."""

    async def claim(
        self,
        wanted: Action,
        judge: Callable[[Action], Action],
        *,
        twins: tuple[str, ...] = (),
        since_ms: int = 0,
    ) -> Action:
        """Insert `wanted`, or replace the row of its key by what `judge` makes of it.

        A row of one of `twins` that was created after `since_ms` stands for the key's own.
        """

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if state and fence are still `old`'s; say whether."""

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key."""

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id."""

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order of their reservation."""


class Ledger:
    """Holds every write; at most one caller owns an action at a time."""

    def __init__(self, store: ActionStore, clock: Clock, is_alive: Callable[[str], bool]) -> None:
        """Keep actions in `store`; `is_alive` tells whether the owner of an action still runs."""
        self._store = store
        self._clock = clock
        self._is_alive = is_alive
        self._abandoned: set[str] = set()

    async def reserve(
        self, wanted: Action, twins: tuple[str, ...] = ()
    ) -> tuple[Admission, Action]:
        """Reserve the key of `wanted`, or say what stands there.

        `twins` are the keys under which a heuristic key's action may stand that was reserved on
        the other side of a window's edge; one that is still young enough stands for this one.

        Raises:
            StorageUnavailable: nothing was reserved.
        """
        row = await self._store.claim(
            wanted,
            lambda existing: judge(
                existing, wanted, now_ms=self._clock.now_ms(), is_alive=self._holds
            ),
            twins=twins,
            since_ms=wanted.created_ms - WINDOW_MS,
        )
        return admit(row, wanted), row

    async def sending(
        self, action: Action, *, target: str, strategy: Strategy, precondition: Precondition | None
    ) -> Action:
        """Put `sending` on disk; only after this returns may the first byte leave."""
        started = machine.start(
            action,
            target=target,
            strategy=strategy,
            precondition=precondition,
            now_ms=self._clock.now_ms(),
        )
        return await self._move(action, started)

    async def succeeded(self, action: Action, ref: Ref) -> Action:
        """Settle the action as applied."""
        return await self._move(
            action, machine.succeed(action, ref=ref, now_ms=self._clock.now_ms())
        )

    async def failed(self, action: Action, error_code: str) -> Action:
        """Settle the action as never applied."""
        return await self._move(
            action, machine.fail(action, error_code=error_code, now_ms=self._clock.now_ms())
        )

    async def held(self, action: Action) -> Action:
        """Keep the key for another target: nothing was applied at this one."""
        return await self._move(action, machine.hold(action, now_ms=self._clock.now_ms()))

    async def released(self, action: Action, error_code: str) -> Action:
        """Free the key again: nothing was applied and the same call may succeed later."""
        return await self._move(
            action, machine.release(action, error_code=error_code, now_ms=self._clock.now_ms())
        )

    async def lost(self, action: Action, error_code: str) -> Action:
        """Note that the action may have been applied; it stays ours to reconcile."""
        return await self._move(
            action, machine.lose(action, error_code=error_code, now_ms=self._clock.now_ms())
        )

    async def let_go(self, action: Action) -> Action:
        """Leave the action unknown, for the next caller or a person."""
        return await self._move(action, machine.let_go(action, now_ms=self._clock.now_ms()))

    def abandon(self, owner: str) -> None:
        """Take note that a call of this process is over although it could not say so on disk.

        The next caller need not wait for its lease to end.
        """
        self._abandoned.add(owner)

    async def resolve(self, action: Action, *, ref: Ref | None, decided_by: str) -> Action:
        """Settle an action as a person has found it: applied, with what it made, or never.

        Raises:
            ActionNotOpen: it is decided already, was never sent, or a call is still at it.
        """
        open_states = (ActionState.SENDING, ActionState.UNKNOWN, ActionState.NEEDS_HUMAN)

        if action.state not in open_states or self._is_held(action):
            raise ActionNotOpen(f"The action is {action.state}, and there is nothing to decide.")

        if action.state is ActionState.SENDING:
            action = await self.lost(action, OutcomeUnknown.code)

        resolved = machine.resolve(
            action, ref=ref, decided_by=decided_by, now_ms=self._clock.now_ms()
        )
        return await self._move(action, resolved)

    def _is_held(self, action: Action) -> bool:
        """Return whether a call is still at it."""
        return is_held(action, now_ms=self._clock.now_ms(), is_alive=self._is_alive)

    async def get(self, tenant: str, action_id: str) -> Action:
        """Return the tenant's action.

        Raises:
            UnknownAction: the tenant has none of that id.
        """
        action = await self._store.by_id(tenant, action_id)

        if action is None:
            raise UnknownAction("No action has that id.")

        return action

    async def of_run(self, tenant: str, run_id: str, limit: int = 20) -> tuple[Action, ...]:
        """Return what was done, or tried, in a run, the latest of it if it is too much."""
        return await self._store.of_run(tenant, run_id, limit)

    def _holds(self, owner: str) -> bool:
        """Return whether an owner may still be at work."""
        return owner not in self._abandoned and self._is_alive(owner)

    async def _move(self, old: Action, new: Action) -> Action:
        """Write a transition under the fence.

        Raises:
            LeaseLost: another caller took the action over; its word counts now.
            StorageUnavailable: the row stays as it was.
        """
        if not await self._store.change(old, new):
            raise LeaseLost("Another caller has taken this action over.")

        return new
