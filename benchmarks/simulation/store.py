"""A ledger's store in virtual time: what is written survives every crash, and may lose its answer.

Each step that writes has a moment before its commit and one after it, so that a process can end,
or stand still, on either side.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from benchmarks.simulation.loop import Loop, pause
from benchmarks.simulation.weather import Weather
from mcp_router.domain.action import ARROWS, INITIAL, Action, ActionState
from mcp_router.domain.record import Record
from mcp_router.errors import IllegalTransition, StorageUnavailable

TENANT = "acme"
_DECIDED = frozenset({ActionState.SUCCEEDED, ActionState.FAILED})
_ASKED = frozenset({ActionState.SENDING, ActionState.UNKNOWN})
UNDECIDED = _ASKED | {ActionState.NEEDS_HUMAN}
_MOST_DOUBLINGS = 7
_COMMIT_MS = 30


class VirtualActions:
    """Rows in memory, under the same refusals as the databases; `watch` sees each transition."""

    def __init__(
        self,
        loop: Loop,
        weather: Weather,
        dice: Random,
        watch: Callable[[Action | None, Action], None],
    ) -> None:
        """Start empty."""
        self.rows: dict[str, Action] = {}
        self.dead: set[str] = set()
        self.down_until_ms = 0
        self.calm = False
        self.touched_ms: dict[str, int] = {}
        self._loop = loop
        self._weather = weather
        self._dice = dice
        self._watch = watch
        self._sent_ms: dict[str, int] = {}

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
        """Insert `wanted`, or let `judge` replace the row of its key; there is no decision log."""
        await self._begin(last=wanted.state not in INITIAL)
        existing = self.rows.get(wanted.key)

        if existing is None:
            if wanted.state not in INITIAL:
                raise IllegalTransition("The store refuses an action that begins like this.")

            new = replace(wanted, lease_until_ms=self._lease(wanted, lease_s))
            self._write(None, new)
            row = self._read(new)
            await self._commit()
            return row

        row = self._read(existing)
        judged = judge(row, self._is_held(row))

        if judged is not row:
            new = replace(judged, lease_until_ms=self._lease(judged, lease_s))
            self._write(existing, new)
            row = self._read(new)

        await self._commit()
        return row

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if state and fence are still `old`'s; never a terminal row."""
        await self._begin(last=new.answer_json is None)
        row = self.rows.get(old.key)
        same = row is not None and row.state is old.state and row.fence == old.fence

        if same and row is not None:
            until_ms = row.lease_until_ms if new.owner else 0
            self._write(row, replace(new, lease_until_ms=until_ms))
        else:
            self._loop.note(f"is too late to make it {new.state}")

        await self._commit()
        return same

    async def renew(self, owner_process: str, lease_s: float) -> int:
        """Give everything that calls of this process own a new lease; say how many rows."""
        await self._begin(last=True)
        mine = [
            row for row in self.rows.values() if (row.owner or "").startswith(f"{owner_process}#")
        ]

        for row in mine:
            self.rows[row.key] = replace(row, lease_until_ms=self._lease(row, lease_s))

        await self._commit()
        return len(mine)

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the action of that key, or None."""
        await self._look()
        row = self.rows.get(key)
        return None if row is None else self._read(row)

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the action of that id, or None."""
        await self._look()
        found = (row for row in self.rows.values() if row.action_id == action_id)
        return next(map(self._read, found), None)

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return nothing: no call of a schedule has a run."""
        return ()

    async def unsettled(self, target: str, limit: int, pause_ms: int) -> tuple[Action, ...]:
        """Return what may have been applied and nobody holds, the longest untouched first."""
        await self._look()
        idle = [
            row
            for row in self.rows.values()
            if row.target == target
            and row.state in _ASKED
            and not self._is_held(row)
            and self._idle_ms(row) >= pause_ms * 2 ** min(row.fence - 1, _MOST_DOUBLINGS)
        ]
        idle.sort(key=lambda row: self.touched_ms[row.action_id])
        return tuple(map(self._read, idle[:limit]))

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many undecided actions each target has, by state."""
        await self._look()
        found = [(row.target, row.state) for row in self.rows.values() if row.state in UNDECIDED]
        return tuple((*one, found.count(one)) for one in sorted(set(found)))

    async def expire(self, older_than_s: float, limit: int) -> int:
        """Make tombstones of at most `limit` rows that were settled so long ago; say how many."""
        await self._begin(last=True)
        old = [
            row
            for row in self.rows.values()
            if row.state in _DECIDED and self._idle_ms(row) >= older_than_s * 1000
        ]

        for row in old[:limit]:
            tomb = replace(row, state=ActionState.EXPIRED, arguments_json="", write_json="")
            self._write(row, replace(tomb, answer_json=None))

        await self._commit()
        return len(old[:limit])

    async def _begin(self, *, last: bool) -> None:
        """Wait for the disk; an outage that is a full disk lets small `last` words through."""
        await pause(int(self._dice.random() * _COMMIT_MS))

        if self._loop.now_ms < self.down_until_ms and not (last and self._weather.full_disk):
            self._loop.note("finds the store away")
            raise StorageUnavailable("The store is away.")

    async def _commit(self) -> None:
        """Answer; what was written stays, even where the store cannot say so."""
        await pause(int(self._dice.random() * _COMMIT_MS))

        if not self.calm and self._dice.random() < self._weather.blur:
            self._loop.note("hears nothing of its commit")
            raise StorageUnavailable("Nobody knows whether that was committed.")

    async def _look(self) -> None:
        """Wait for a reading connection."""
        await pause(int(self._dice.random() * _COMMIT_MS))

        if self._loop.now_ms < self.down_until_ms and not self._weather.full_disk:
            raise StorageUnavailable("The store is away.")

    def _write(self, old: Action | None, new: Action) -> None:
        """Keep the row, and note the time.

        Raises:
            IllegalTransition: no store takes that.
        """
        if old is not None and (
            new.state not in ARROWS[old.state]
            or new.fence < old.fence
            or new.attempts < old.attempts
        ):
            raise IllegalTransition(f"The store refuses {old.state} -> {new.state}.")

        self._watch(old, new)
        self.rows[new.key] = new
        self.touched_ms[new.action_id] = self._loop.now_ms

        if new.state is ActionState.SENDING:
            self._sent_ms.setdefault(new.action_id, self._loop.now_ms)

    def _read(self, row: Action) -> Action:
        """Return the row with what is only known when it is read."""
        sent_ms = self._sent_ms.get(row.action_id)
        return row if sent_ms is None else replace(row, sent_ago_ms=self._loop.now_ms - sent_ms)

    def _is_held(self, row: Action) -> bool:
        """Return whether an owner is at it."""
        process = (row.owner or "").partition("#")[0]
        return bool(process) and process not in self.dead and self._loop.now_ms < row.lease_until_ms

    def _lease(self, row: Action, lease_s: float) -> int:
        """Return when a lease ends that begins now."""
        return self._loop.now_ms + round(lease_s * 1000) if row.owner else 0

    def _idle_ms(self, row: Action) -> int:
        """Return how long nobody has touched the row."""
        return self._loop.now_ms - self.touched_ms[row.action_id]
