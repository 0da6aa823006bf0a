"""Stores in memory for tests; they pass the same contract suite as the databases."""

from collections.abc import Callable
from dataclasses import replace

from anyio.lowlevel import checkpoint

from mcp_router.chain import START, leaf_hash, next_link, row_line
from mcp_router.clock import Clock
from mcp_router.domain.action import ARROWS, INITIAL, Action, ActionEvent, ActionState
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.tree_head import KeptRow
from mcp_router.errors import IllegalTransition, StorageUnavailable
from mcp_router.storage.records import record_values

_TERMINAL = frozenset({ActionState.SUCCEEDED, ActionState.FAILED, ActionState.EXPIRED})
_ASKED = frozenset({ActionState.SENDING, ActionState.UNKNOWN})
_OPEN = _ASKED | {ActionState.NEEDS_HUMAN}
_MOST_DOUBLINGS = 7


class MemoryActions:
    """A ledger's store in memory, on the monotonic time of `clock`.

    While `broken`, writing raises StorageUnavailable. `dead` names the processes that have ended:
    what comes before the `#` of an owner.
    """

    def __init__(self, clock: Clock, records: "MemoryRecords | None" = None) -> None:
        """Start empty; events go to `records`, or nowhere."""
        self._clock = clock
        self._log = records
        self._rows: dict[tuple[str, str], Action] = {}
        self._events: list[tuple[str, ActionEvent]] = []
        self._sent_ms: dict[str, int] = {}
        self._touched_ms: dict[str, int] = {}
        self.dead: set[str] = set()
        self.broken = False

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
        """Insert `wanted`, or let `judge` replace the row of its key or of a young twin."""
        await _commit(self.broken)
        row = self._claimed(wanted, judge, lease_s, twins, since_ms)

        if event is not None and self._log is not None:
            self._log.add(event)

        return row

    def _claimed(
        self,
        wanted: Action,
        judge: Callable[[Action, bool], Action],
        lease_s: float,
        twins: tuple[str, ...],
        since_ms: int,
    ) -> Action:
        """Return what the row is after `judge` has looked at it."""
        near = [self._rows.get((wanted.tenant, twin)) for twin in twins]
        young = (row for row in near if row is not None and row.created_ms > since_ms)
        existing = self._rows.get((wanted.tenant, wanted.key)) or next(young, None)

        if existing is None:
            if wanted.state not in INITIAL:
                raise IllegalTransition("The store refuses an action that begins like this.")

            return self._write(replace(wanted, lease_until_ms=self._lease(wanted, lease_s)))

        row = self._read(existing)
        judged = judge(row, self._is_held(row))

        if judged is row:
            return row

        _check(existing, judged)
        return self._write(replace(judged, lease_until_ms=self._lease(judged, lease_s)))

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if state and fence are still `old`'s; never a terminal row."""
        await _commit(self.broken)
        row = self._rows.get((old.tenant, old.key))

        if row is None or (row.state, row.fence) != (old.state, old.fence):
            return False

        _check(row, new)
        self._write(replace(new, lease_until_ms=row.lease_until_ms if new.owner else 0))
        return True

    async def renew(self, owner_process: str, lease_s: float) -> int:
        """Give everything that calls of this process own a new lease; say how many rows."""
        await _commit(self.broken)
        mine = [
            row
            for row in self._rows.values()
            if row.state not in _TERMINAL and (row.owner or "").startswith(f"{owner_process}#")
        ]

        for row in mine:
            longer = replace(row, lease_until_ms=self._lease(row, lease_s))
            self._rows[row.tenant, row.key] = longer

        return len(mine)

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key, or None."""
        await checkpoint()
        row = self._rows.get((tenant, key))
        return None if row is None else self._read(row)

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id, or None."""
        await checkpoint()
        mine = (row for row in self._rows.values() if row.tenant == tenant)
        return next((self._read(row) for row in mine if row.action_id == action_id), None)

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order in which they were reserved."""
        await checkpoint()
        rows = [row for row in self._rows.values() if (row.tenant, row.run_id) == (tenant, run_id)]
        return tuple(map(self._read, rows[-limit:]))

    async def unsettled(self, target: str, limit: int, pause_ms: int) -> tuple[Action, ...]:
        """Return what may have been applied and nobody holds, the longest untouched first."""
        await checkpoint()
        idle = [
            row
            for row in self._rows.values()
            if row.target == target
            and row.state in _ASKED
            and not self._is_held(row)
            and self._idle_ms(row) >= pause_ms * 2 ** min(row.fence - 1, _MOST_DOUBLINGS)
        ]
        idle.sort(key=lambda row: self._touched_ms[row.action_id])
        return tuple(map(self._read, idle[:limit]))

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        """Return how many undecided actions each target has, by state."""
        await checkpoint()
        undecided = [(row.target, row.state) for row in self._rows.values() if row.state in _OPEN]
        return tuple((*one, undecided.count(one)) for one in sorted(set(undecided)))

    async def expire(self, older_than_s: float, limit: int) -> int:
        """Make tombstones of at most `limit` rows that were settled so long ago; say how many."""
        await _commit(self.broken)
        old = [
            row
            for row in self._rows.values()
            if row.state in (ActionState.SUCCEEDED, ActionState.FAILED)
            and self._idle_ms(row) >= older_than_s * 1000
        ]

        for row in old[:limit]:
            self._write(
                replace(
                    row,
                    state=ActionState.EXPIRED,
                    arguments_json="",
                    write_json="",
                    answer_json=None,
                )
            )

        return len(old[:limit])

    def events(self, action_id: str) -> tuple[ActionEvent, ...]:
        """Return what happened to an action, oldest first."""
        return tuple(event for owner, event in self._events if owner == action_id)

    def _write(self, row: Action) -> Action:
        """Keep the row and its event, and note the time."""
        now_ms = self._now_ms()
        self._rows[row.tenant, row.key] = row
        self._touched_ms[row.action_id] = now_ms

        if row.state is ActionState.SENDING:
            self._sent_ms.setdefault(row.action_id, now_ms)

        event = ActionEvent(
            at_ms=row.updated_ms,
            state=row.state,
            fence=row.fence,
            attempts=row.attempts,
            detail=row.decided_by or row.error_code,
        )
        self._events.append((row.action_id, event))
        return self._read(row)

    def _read(self, row: Action) -> Action:
        """Return the row with what is only known when it is read."""
        sent_ms = self._sent_ms.get(row.action_id)
        return replace(row, sent_ago_ms=None if sent_ms is None else self._now_ms() - sent_ms)

    def _is_held(self, row: Action) -> bool:
        """Return whether an owner is at it: while its process lives and its lease runs."""
        process = (row.owner or "").partition("#")[0]
        return bool(process) and process not in self.dead and self._now_ms() < row.lease_until_ms

    def _lease(self, row: Action, lease_s: float) -> int:
        """Return when a lease ends that begins now."""
        return self._now_ms() + round(lease_s * 1000) if row.owner else 0

    def _idle_ms(self, row: Action) -> int:
        """Return how long nobody has touched the row."""
        return self._now_ms() - self._touched_ms[row.action_id]

    def _now_ms(self) -> int:
        """Return the store's own time."""
        return round(self._clock.monotonic_s() * 1000)


def _check(old: Action, new: Action) -> None:
    """Refuse what a database refuses as well."""
    back = new.fence < old.fence or new.attempts < old.attempts
    early = new.answer_json is not None and new.state not in _TERMINAL

    if new.state not in ARROWS[old.state] or back or early:
        raise IllegalTransition("The store refuses this change of an action.")


class MemoryRecords:
    """A decision log's store in memory. While `broken`, writing raises StorageUnavailable."""

    def __init__(self) -> None:
        """Start empty."""
        self._stored: list[StoredRecord] = []
        self._kept: list[KeptRow] = []
        self.broken = False

    @property
    def records(self) -> tuple[Record, ...]:
        """Return every record in order."""
        return tuple(stored.record for stored in self._stored)

    async def append(self, record: Record) -> int:
        """Return the record's place, counted from 1."""
        await _commit(self.broken)
        return self.add(record).seq

    def add(self, record: Record) -> StoredRecord:
        """Append a record within a transaction of the caller, and return it with its place."""
        *columns, text = record_values(record)
        former = self._kept[-1] if self._kept else None
        seq = former.seq + 1 if former else 1
        leaf = leaf_hash(row_line(seq, str(text)).encode("utf-8", "replace"))
        self._kept.append(
            KeptRow(
                seq=seq,
                text=str(text),
                leaf=leaf,
                chain=next_link(former.chain if former else START, leaf),
                columns=tuple(columns),
            )
        )
        stored = StoredRecord(seq=seq, record=record)
        self._stored.append(stored)
        return stored

    def kept(self) -> tuple[KeptRow, ...]:
        """Return every row with its leaf and its link, in order."""
        return tuple(self._kept)

    def forget(self, size: int, limit: int) -> int:
        """Delete at most `limit` rows up to place `size`; say how many."""
        many = min(limit, sum(row.seq <= size for row in self._kept))
        del self._kept[:many], self._stored[:many]
        return many

    async def find(self, tenant: str, decision_id: str) -> StoredRecord | None:
        """Return the tenant's record of a decision, or None."""
        await checkpoint()
        mine = (one for one in self._stored if one.record.tenant == tenant)
        return next((one for one in mine if one.record.decision_id == decision_id), None)


async def _commit(broken: bool) -> None:
    """Let other tasks run, as a commit does, then refuse if the store is broken."""
    await checkpoint()

    if broken:
        raise StorageUnavailable("The store is broken for a test.")
