"""The ledger: drives the state machine through storage, one durable step at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.record import Record
from mcp_router.errors import (
    ActionNotOpen,
    LeaseLost,
    OutcomeUnknown,
    RouterError,
    StorageUnavailable,
    UnknownAction,
)
from mcp_router.ledger import machine
from mcp_router.ledger.admission import ASKABLE, Admission, admit, judge
from mcp_router.ledger.answer import answer_of, write_answer
from mcp_router.ledger.keys import WINDOW_MS

LEASE_S = 30.0
OPEN = ASKABLE | {ActionState.NEEDS_HUMAN}
"""What is not decided yet, and stays visible until it is."""

Judge = Callable[[Action, bool], Action]


class ActionStore(Protocol):
    """What the ledger asks of a database; every method that writes is one durable transaction.

    Time is the store's own, which all its users share: leases, pauses and `sent_ago_ms` rest on
    it, so that no wall clock's jump decides anything.
    """

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
        """Insert `wanted`, or replace the row of its key by what `judge` makes of it.

        `judge` learns whether an owner still holds the row; returning the row itself leaves it as
        it is, and what `judge` raises leaves it so too. What is written has a new lease. A row of
        one of `twins` that was created after `since_ms` stands for the key's own. `event` is
        appended to the decision log in the same transaction, unless `judge` raises.
        """

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if state and fence are still `old`'s; say whether."""

    async def renew(self, owner_process: str, lease_s: float) -> int:
        """Give everything that calls of this process own a new lease; say how many rows."""

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key."""

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id."""

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order of their reservation."""

    async def unsettled(self, target: str, limit: int, pause_ms: int) -> tuple[Action, ...]:
        """Return what may have been applied and nobody holds, the longest untouched first.

        A row rests for `pause_ms` after its first owner, and twice as long after each further one,
        up to 128 times.
        """

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many actions each target has in each state that is not decided."""

    async def expire(self, older_than_s: float, limit: int) -> int:
        """Make tombstones of at most `limit` actions decided so long ago; say how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Abandoned:
    """A call that ended without a word on disk, and since when (monotonic seconds)."""

    tenant: str
    keys: tuple[str, ...]
    unsent: bool
    since_s: float


class Ledger:
    """Holds every write; at most one caller owns an action at a time."""

    def __init__(self, store: ActionStore, clock: Clock, *, lease_s: float = LEASE_S) -> None:
        """Keep actions in `store`; `clock` only dates what people read.

        An owner that is not heard of for `lease_s` loses its actions to whoever asks.
        """
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._abandoned: dict[str, _Abandoned] = {}

    async def reserve(
        self, wanted: Action, twins: tuple[str, ...] = ()
    ) -> tuple[Admission, Action]:
        """Reserve the key of `wanted`, or say what stands there.

        Where nothing has to be read before the first send, `wanted` is `sending` already, and no
        second commit is needed. `twins` are the keys under which a heuristic key's action may
        stand that was reserved on the other side of a window's edge; one that is still young
        enough stands for this one.

        Raises:
            StorageUnavailable: nothing was reserved.
        """
        row = await self._store.claim(
            wanted,
            lambda existing, held: judge(
                existing, wanted, held=self._holds(existing, held), now_ms=self._clock.now_ms()
            ),
            self._lease_s,
            twins=twins,
            since_ms=wanted.created_ms - WINDOW_MS,
        )
        return admit(row, wanted), row

    async def take_over(self, action: Action, owner: str) -> Action | None:
        """Return an action that may have been applied as `owner`'s to find out about.

        None if it has moved since it was read, or somebody is at it.
        """

        def take(existing: Action, held: bool) -> Action:
            moved = (existing.state, existing.fence) != (action.state, action.fence)

            if moved or existing.state not in ASKABLE or self._holds(existing, held):
                return existing

            return machine.take(existing, owner=owner, now_ms=self._clock.now_ms())

        row = await self._store.claim(action, take, self._lease_s)
        return row if row.owner == owner else None

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
        done = machine.succeed(action, ref=ref, now_ms=self._clock.now_ms())
        return await self._settle(action, done)

    async def failed(self, action: Action, error: RouterError) -> Action:
        """Settle the action as never applied."""
        done = machine.fail(action, error_code=error.code, now_ms=self._clock.now_ms())
        return await self._settle(action, done, error)

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
        """Leave the action unknown, for the next caller or the reconciler."""
        return await self._move(action, self._left(action))

    async def handed_over(self, action: Action) -> Action:
        """Leave the action to a person: the desk gives no way to know."""
        return await self._move(action, machine.hand_over(action, now_ms=self._clock.now_ms()))

    async def witnessed(self, action: Action, ref: Ref) -> Action | None:
        """Settle as applied what another owner has by now, on the desk's own word; None if it is.

        A send that was slow enough to lose its lease still knows what its desk answered, and of
        two answers one that proves the effect is the truth.
        """

        def testify(existing: Action, _: bool) -> Action:
            if existing.state not in OPEN:
                return existing

            done = machine.succeed(existing, ref=ref, now_ms=self._clock.now_ms())
            return _answered(replace(done, fence=existing.fence + 1))

        row = await self._store.claim(action, testify, self._lease_s)
        return row if row.state is ActionState.SUCCEEDED else None

    def abandon(self, action: Action, twins: tuple[str, ...] = (), *, unsent: bool = False) -> None:
        """Take note that a call of this process is over although it could not say so on disk.

        The next caller need not wait for its lease to end. Its action may stand under a twin of
        its key. `unsent` is the call's own word that it has sent nothing, whatever is on disk.
        """
        if action.owner is not None:
            self._abandoned[action.owner] = _Abandoned(
                tenant=action.tenant,
                keys=(action.key, *twins),
                unsent=unsent,
                since_s=self._clock.monotonic_s(),
            )

    async def release_abandoned(self) -> None:
        """Say on disk what `abandon` was told, now that the store may be back.

        Raises:
            StorageUnavailable: it is not; everything is remembered.
        """
        for owner, left in tuple(self._abandoned.items()):
            if await self._is_released(owner, left):
                self._abandoned.pop(owner, None)

    async def _is_released(self, owner: str, left: _Abandoned) -> bool:
        """Free what the owner has on disk; say whether nothing of it can still appear there.

        A commit that nobody heard of may land a while after its connection broke.
        """
        found = False

        for key in left.keys:
            row = await self._store.by_key(left.tenant, key)

            # What moves meanwhile is another owner's already, and no longer ours to leave.
            if row is not None and row.owner == owner:
                found = True
                await self._store.change(row, self._freed(row, left))

        return found or self._clock.monotonic_s() - left.since_s >= self._lease_s

    def _freed(self, row: Action, left: _Abandoned) -> Action:
        """Return the row as nobody's, and as never sent where its call is sure of that."""
        if left.unsent and row.state is ActionState.SENDING:
            return machine.release(
                row, error_code=StorageUnavailable.code, now_ms=self._clock.now_ms()
            )

        return self._left(row)

    async def resolve(
        self, action: Action, *, ref: Ref | None, decided_by: str, event: Record
    ) -> Action:
        """Settle an action as a person has found it: applied, with what it made, or never.

        `event` tells the decision log of it, in the same transaction.
        `action` is as the person knew it when they looked at the desk: "never" counts only if
        nobody has had it since, who may have sent it again. What was seen there stays seen.

        Raises:
            ActionNotOpen: it is decided already, was never sent, has moved, or a call is at it.
        """

        def decide(existing: Action, held: bool) -> Action:
            if existing.state not in OPEN or self._holds(existing, held):
                raise ActionNotOpen(
                    f"The action is {existing.state}, and there is nothing to decide."
                )

            if ref is None and (existing.state, existing.fence) != (action.state, action.fence):
                raise ActionNotOpen("The action has moved since the desk was looked at.")

            done = machine.resolve(
                existing, ref=ref, decided_by=decided_by, now_ms=self._clock.now_ms()
            )
            return _answered(done)

        return await self._store.claim(action, decide, self._lease_s, event=event)

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

    async def beat(self, process: str) -> None:
        """Keep the leases of every call of this process: it lives, however slow it is."""
        await self._store.renew(process, self._lease_s)

    async def unsettled(self, target: str, *, limit: int, pause_ms: int) -> tuple[Action, ...]:
        """Return what may have been applied at a target and nobody is at, as the store does."""
        return await self._store.unsettled(target, limit, pause_ms)

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many actions of each target are not decided, by state."""
        return await self._store.counts()

    async def expire(self, *, older_than_s: float, limit: int) -> int:
        """Make tombstones of what was decided so long ago; say how many."""
        return await self._store.expire(older_than_s, limit)

    def _holds(self, action: Action, held: bool) -> bool:
        """Return whether an owner may still be at work."""
        return held and action.owner not in self._abandoned

    def _left(self, action: Action) -> Action:
        """Return the action as nobody's."""
        return machine.leave(action, error_code=OutcomeUnknown.code, now_ms=self._clock.now_ms())

    async def _settle(self, old: Action, new: Action, error: RouterError | None = None) -> Action:
        """Write a terminal state with its answer, or without where that is too much to keep."""
        try:
            return await self._move(old, _answered(new, error))
        except StorageUnavailable:
            # The few bytes of a state may still fit where an answer does not.
            return await self._move(old, new)

    async def _move(self, old: Action, new: Action) -> Action:
        """Write a transition under the fence.

        Raises:
            LeaseLost: another caller took the action over; its word counts now.
            StorageUnavailable: the row stays as it was.
        """
        if not await self._store.change(old, new):
            raise LeaseLost("Another caller has taken this action over.")

        return new


def _answered(decided: Action, error: RouterError | None = None) -> Action:
    """Return a decided action with the answer that its replays repeat."""
    return replace(decided, answer_json=write_answer(answer_of(decided, error)))
