"""Finds out, in the background, what became of writes whose callers are gone.

Each desk is asked on its own and at its own pace: one that is down holds up no other. A write
that stays unknown rests longer after each attempt; the pause is kept in its row, so that all the
replicas of a database share it and a restart does not begin anew.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.errors import RouterError, StorageUnavailable
from mcp_router.execute.delivery import Delivery, Shipment
from mcp_router.execute.targets import Desk
from mcp_router.ledger.ledger import OPEN, Ledger
from mcp_router.ledger.parcel import unpack

_logger = logging.getLogger(__name__)

BATCH = 32
"""How many actions of one desk are taken up in one round."""

DISCOURAGED = 3
"""After so many actions in a row that stay unknown, the desk is left alone for this round."""

LONGEST_PAUSE_S = 60.0
EXPIRE_EVERY_S = 3600.0
EXPIRE_BATCH = 500

Counts = tuple[tuple[str, ActionState, int], ...]


class Board(Protocol):
    """Where the reconciler shows what it does."""

    def attempted(self, attempt: Attempt) -> None:
        """Count one send that no call made."""

    def reconciled(self, target: str, state: ActionState) -> None:
        """Count one action that was looked at, by what it has become."""

    def undecided(self, counts: Counts) -> None:
        """Show how many actions are not decided now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often things are looked at, in seconds."""

    lease_s: float
    reconcile_every_s: float
    retention_s: float
    deadline_s: float = 20.0
    attempt_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something else that is done for ever in the background; it may raise StorageUnavailable."""

    work: Callable[[], Awaitable[None]]
    every_s: float


@dataclass(slots=True, kw_only=True)
class Round:
    """What one look at a desk has come to."""

    states: list[ActionState] = field(default_factory=list)
    unknown_in_a_row: int = 0

    def note(self, state: ActionState) -> None:
        """Count one action."""
        self.states.append(state)
        stuck = state is ActionState.UNKNOWN
        self.unknown_in_a_row = self.unknown_in_a_row + 1 if stuck else 0

    @property
    def is_vain(self) -> bool:
        """Return whether there was something to do and nothing came of it."""
        return 0 < len(self.states) == self.unknown_in_a_row


class Reconciler:
    """Keeps the leases of this process, and decides what no caller is left to decide."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        desks: Mapping[str, Desk],
        clock: Clock,
        entropy: Entropy,
        process: str,
        pace: Pace,
        board: Board,
        alarm: Callable[[Action], None],
        chores: tuple[Chore, ...] = (),
    ) -> None:
        """Work for `process` on `desks`, and do the `chores`; nothing begins before `run`.

        `alarm` is told of a write that no call has told of and that stays open: its caller ended
        without a word.
        """
        self._ledger = ledger
        self._desks = desks
        self._clock = clock
        self._entropy = entropy
        self._process = process
        self._pace = pace
        self._board = board
        self._alarm = alarm
        self._chores = chores

    async def run(self) -> None:
        """Begin at once and go on until cancelled; what is under way then is finished."""
        every_s = self._pace.reconcile_every_s

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._repeat, self._beat, self._pace.lease_s / 3)
            tasks.start_soon(self._repeat, self._keep_order, every_s)
            tasks.start_soon(self._repeat, self._expire, EXPIRE_EVERY_S)

            for chore in self._chores:
                tasks.start_soon(self._repeat, chore.work, chore.every_s)

            for desk in self._desks.values():
                tasks.start_soon(self._tend, desk)

    async def sweep(self, desk: Desk) -> Round:
        """Take up what nobody holds at a desk, and decide what can be decided now.

        Raises:
            StorageUnavailable: the store cannot say, or cannot note it.
        """
        done = Round()
        pause_ms = round(self._pace.reconcile_every_s * 1000)

        for action in await self._ledger.unsettled(desk.name, limit=BATCH, pause_ms=pause_ms):
            # Without this an end of the process would wait for the whole batch.
            await checkpoint_if_cancelled()

            # A write is never cut in two, and its answer is short to come.
            with anyio.CancelScope(shield=True):
                state = await self._find_out(action, desk)

            if state is not None:
                done.note(state)
                self._board.reconciled(desk.name, state)

                if action.state is ActionState.SENDING and state in OPEN:
                    self._alarm(action)

            if done.unknown_in_a_row >= DISCOURAGED:
                break

        return done

    async def _find_out(self, action: Action, desk: Desk) -> ActionState | None:
        """Return what the action has become; None if another caller has it."""
        owner = f"{self._process}#{make_id('rec', self._clock.now_ms(), self._entropy)}"

        # From before the take-over: how old the first send is, is known as of then, and what is
        # decided by it must not be acted upon after a standstill.
        ends_s = self._clock.monotonic_s() + self._pace.deadline_s

        try:
            taken = await self._ledger.take_over(action, owner)
        except StorageUnavailable:
            # It may be on disk all the same, and our heartbeat would hold it there for ever.
            self._ledger.abandon(replace(action, owner=owner))
            raise

        if taken is None:
            return None

        try:
            return await self._reconcile(taken, desk, ends_s)
        except StorageUnavailable:
            self._ledger.abandon(taken)
            raise
        except RouterError as error:
            _logger.warning("action %s is still open: %s", taken.action_id, error.code)
            self._ledger.abandon(taken)
            return ActionState.UNKNOWN

    async def _reconcile(self, action: Action, desk: Desk, ends_s: float) -> ActionState:
        """Return what an action that is ours to find out about has become."""
        if not action.write_json:
            # A row of an older version, which kept no write: what to look for cannot be told.
            return (await self._ledger.handed_over(action)).state

        delivery = Delivery(self._ledger, self._clock, self._board.attempted)
        shipment = Shipment(
            write=unpack(action.write_json),
            desks=(desk,),
            ends_s=ends_s,
            attempt_timeout_s=self._pace.attempt_timeout_s,
        )
        return (await delivery.reconcile(action, shipment)).action.state

    async def _tend(self, desk: Desk) -> None:
        """Sweep one desk for ever, more seldom while nothing comes of it."""
        every_s = pause_s = self._pace.reconcile_every_s

        while True:
            vain = True

            try:
                vain = (await self.sweep(desk)).is_vain
            except StorageUnavailable as error:
                _logger.warning("actions of %s cannot be looked at: %s", desk.name, error.message)

            pause_s = min(pause_s * 2, max(every_s, LONGEST_PAUSE_S)) if vain else every_s
            await self._clock.sleep(pause_s)

    async def _beat(self) -> None:
        """Say that this process lives."""
        await self._ledger.beat(self._process)

    async def _keep_order(self) -> None:
        """Note what could not be noted before, and show what is open."""
        await self._ledger.release_abandoned()
        self._board.undecided(await self._ledger.counts())

    async def _expire(self) -> None:
        """Make tombstones of what is old enough, a batch at a time."""
        old_s = self._pace.retention_s

        while await self._ledger.expire(older_than_s=old_s, limit=EXPIRE_BATCH) == EXPIRE_BATCH:
            pass

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Do the work now and then again; a store that is away will be back."""
        while True:
            try:
                await work()
            except StorageUnavailable as error:
                _logger.warning("the books cannot be kept up now: %s", error.message)

            await self._clock.sleep(every_s)
