"""Fakes for tests, ours and our users': time that stands still, stores in memory, scripted targets.

The stores pass the same contract suite as SQLite. The desk honours the strategy that it
declares, so that its list of effects is the truth which the router has to match.
"""

from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeAlias, assert_never

from anyio.lowlevel import checkpoint

from mcp_router.domain.action import Action, ActionEvent, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import Completion, CompletionRequest
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.target import ModelTarget
from mcp_router.domain.ticket import Customer, CustomerQuery
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import IllegalTransition, SendFailed, StorageUnavailable

NOON_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z


class ManualClock:
    """Time that moves only when it is told to, or when somebody sleeps."""

    def __init__(self, *, now_ms: int = NOON_MS) -> None:
        """Start at `now_ms`; the monotonic clock starts at 0."""
        self._start_ms = now_ms
        self._elapsed_s = 0.0
        self.slept_s: list[float] = []

    def now_ms(self) -> int:
        """Return the wall clock in milliseconds."""
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_s(self) -> float:
        """Return the seconds that have passed since the clock was made."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass at once, and note it in `slept_s`."""
        await checkpoint()
        self.slept_s.append(seconds)
        self._elapsed_s += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass for both clocks."""
        self._elapsed_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; the monotonic clock does not notice."""
        self._start_ms += round(seconds * 1000)


class MemoryActions:
    """A ledger's store in memory. While `broken`, writing raises StorageUnavailable."""

    def __init__(self) -> None:
        """Start empty."""
        self._rows: dict[tuple[str, str], Action] = {}
        self._events: list[tuple[str, ActionEvent]] = []
        self.broken = False

    async def claim(
        self,
        wanted: Action,
        judge: Callable[[Action], Action],
        *,
        twins: tuple[str, ...] = (),
        since_ms: int = 0,
    ) -> Action:
        """Insert `wanted`, or let `judge` replace the row of its key or of a young twin."""
        await _commit(self.broken)
        near = [self._rows.get((wanted.tenant, twin)) for twin in twins]
        young = (row for row in near if row is not None and row.created_ms > since_ms)
        existing = self._rows.get((wanted.tenant, wanted.key)) or next(young, None)
        row = wanted if existing is None else judge(existing)

        if row is not existing:
            self._write(row)

        return row

    async def change(self, old: Action, new: Action) -> bool:
        """Replace `old` by `new` if state and fence are still `old`'s; never a terminal row."""
        await _commit(self.broken)
        row = self._rows.get((old.tenant, old.key))

        if row is None or (row.state, row.fence) != (old.state, old.fence):
            return False

        if row.state in (ActionState.SUCCEEDED, ActionState.FAILED):
            raise IllegalTransition("The store refuses this change of an action.")

        self._write(new)
        return True

    async def by_key(self, tenant: str, key: str) -> Action | None:
        """Return the tenant's action of that key, or None."""
        await checkpoint()
        return self._rows.get((tenant, key))

    async def by_id(self, tenant: str, action_id: str) -> Action | None:
        """Return the tenant's action of that id, or None."""
        await checkpoint()
        mine = (row for row in self._rows.values() if row.tenant == tenant)
        return next((row for row in mine if row.action_id == action_id), None)

    async def of_run(self, tenant: str, run_id: str, limit: int) -> tuple[Action, ...]:
        """Return the latest actions of a run, in the order in which they were reserved."""
        await checkpoint()
        rows = [row for row in self._rows.values() if (row.tenant, row.run_id) == (tenant, run_id)]
        return tuple(rows[-limit:])

    def events(self, action_id: str) -> tuple[ActionEvent, ...]:
        """Return what happened to an action, oldest first."""
        return tuple(event for owner, event in self._events if owner == action_id)

    def _write(self, row: Action) -> None:
        """Keep the row and its event."""
        self._rows[row.tenant, row.key] = row
        event = ActionEvent(
            at_ms=row.updated_ms,
            state=row.state,
            fence=row.fence,
            attempts=row.attempts,
            detail=row.decided_by or row.error_code,
        )
        self._events.append((row.action_id, event))


class MemoryRecords:
    """A decision log's store in memory. While `broken`, writing raises StorageUnavailable."""

    def __init__(self) -> None:
        """Start empty."""
        self._stored: list[StoredRecord] = []
        self.broken = False

    @property
    def records(self) -> tuple[Record, ...]:
        """Return every record in order."""
        return tuple(stored.record for stored in self._stored)

    async def append(self, record: Record) -> int:
        """Return the record's place, counted from 1."""
        await _commit(self.broken)
        self._stored.append(StoredRecord(seq=len(self._stored) + 1, record=record))
        return len(self._stored)

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


class ScriptedProvider:
    """A provider that answers, or fails, in the order of its script; `asked` notes each request."""

    def __init__(self, script: Iterable[Completion | SendFailed]) -> None:
        """Play `script` once; a request after its end is a mistake of the test."""
        self._script = deque(script)
        self.asked: list[tuple[ModelTarget, CompletionRequest]] = []

    async def complete(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float
    ) -> Completion:
        """Return or raise what comes next in the script."""
        await checkpoint()
        self.asked.append((model, request))
        assert self._script, "the script has no answer left"
        step = self._script.popleft()

        if isinstance(step, SendFailed):
            raise step

        return step

    async def check(self, *, timeout_s: float) -> str:
        """Return one line."""
        return f"scripted, {len(self._script)} answers left, checked within {timeout_s:g} s"

    async def aclose(self) -> None:
        """Close nothing."""


_Arrival: TypeAlias = tuple[str, Precondition | None]
"""A write as a scripted desk sees it: its marker, and the version that it is based on."""


class Step(StrEnum):
    """What happens to one write on its way to a scripted desk and back."""

    APPLY = "apply"  # applied and answered
    APPLY_LOST = "apply_lost"  # applied, the answer is lost
    LOST = "lost"  # lost on the way, never applied
    LATE = "late"  # no answer now; arrives after `late_after` further requests
    REFUSE = "refuse"  # 429: proves that it was not applied
    REJECT = "reject"  # 422: proves it, and it never will be
    CHANGED = "changed"  # somebody else changes the object first, then the write arrives
    CONFLICT = "conflict"  # 409 whatever the strategy, as where a key is in use; not applied


class ScriptedDesk:
    """A desk with one object, which honours the strategy that it declares.

    `effects` lists the marker of every write that was applied, in order: the truth. `sends` counts
    the writes that left the router, `probes` the questions about them.
    """

    def __init__(
        self,
        name: str,
        strategy: Strategy,
        script: Iterable[Step] = (),
        *,
        settled: bool = True,
        late_after: int = 1,
    ) -> None:
        """Play `script` write by write, then apply and answer everything.

        Without `settled` all happens within one second: its writes do not move the version.
        """
        self._name = name
        self._strategy = strategy
        self._script = deque(script)
        self._settled = settled
        self._late_after = late_after
        self._version = 1
        self._requests = 0
        self._late: list[tuple[int, _Arrival]] = []  # each with the request before which it lands
        self.effects: list[str] = []
        self.sends = 0
        self.probes = 0
        self.unreadable: SendFailed | None = None  # raised by probes and precondition reads
        self.customers: list[tuple[Customer, ...] | SendFailed] = []

    @property
    def name(self) -> str:
        """Return the name that policies use."""
        return self._name

    def strategy(self, write: DeskWrite) -> Strategy:
        """Return the one strategy of this desk."""
        return self._strategy

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        """Return the object's version where the strategy is to compare it."""
        await checkpoint()
        self._tick()
        self._check_readable()

        if self._strategy is not Strategy.CAS_MARKER:
            return None

        return Precondition(stamp=str(self._version), settled=self._settled)

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        """Do what the script says with this write."""
        await checkpoint()
        self._tick()
        self.sends += 1
        arrival = (marker, precondition)
        step = self._script.popleft() if self._script else Step.APPLY

        match step:
            case Step.APPLY:
                return self._arrive(arrival)
            case Step.APPLY_LOST:
                self._arrive_unheard(arrival)
                raise lost_answer()
            case Step.LOST:
                raise lost_answer()
            case Step.LATE:
                self._late.append((self._requests + self._late_after, arrival))
                raise lost_answer()
            case Step.REFUSE:
                raise refusal(Reason.RATE_LIMITED, 429)
            case Step.REJECT:
                raise refusal(Reason.REJECTED, 422)
            case Step.CHANGED:
                self._version += 1
                return self._arrive(arrival)
            case Step.CONFLICT:
                raise refusal(Reason.CHANGED, 409)
            case _:
                assert_never(step)

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        """Return what the write with that marker made, if it has arrived."""
        await checkpoint()
        self._tick()
        self.probes += 1
        self._check_readable()
        return _ref(marker) if marker in self.effects else None

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        """Return or raise what comes next in `customers`."""
        await checkpoint()
        answer = self.customers.pop(0)

        if isinstance(answer, SendFailed):
            raise answer

        return answer[:limit]

    async def check(self, *, timeout_s: float) -> str:
        """Return one line."""
        return f"scripted, {self.sends} writes so far"

    async def aclose(self) -> None:
        """Close nothing."""

    def settle_late(self) -> None:
        """Let everything arrive that is still under way."""
        late, self._late = self._late, []

        for _, arrival in late:
            self._arrive_unheard(arrival)

    def _tick(self) -> None:
        """Count a request; what was late for long enough arrives before it."""
        due = [arrival for at, arrival in self._late if at <= self._requests]
        self._late = [one for one in self._late if one[0] > self._requests]
        self._requests += 1

        for arrival in due:
            self._arrive_unheard(arrival)

    def _arrive(self, arrival: _Arrival) -> Ref:
        """Apply a write unless the strategy refuses it: a version is gone, a unique value taken."""
        marker, based_on = arrival
        known = marker in self.effects

        if known and self._strategy is Strategy.NATIVE_KEY:
            return _ref(marker)

        if known and self._strategy is Strategy.UNIQUE_INDEX:
            raise refusal(Reason.EXISTS, 400, existing_ref=_ref(marker).id)

        if based_on is not None and based_on.stamp != str(self._version):
            raise refusal(Reason.CHANGED, 409)

        self._version += self._settled
        self.effects.append(marker)
        return _ref(marker)

    def _arrive_unheard(self, arrival: _Arrival) -> None:
        """Apply a write whose answer, a refusal included, nobody hears."""
        try:
            self._arrive(arrival)
        except SendFailed:
            return

    def _check_readable(self) -> None:
        """Fail where the test says that the desk cannot be asked."""
        if self.unreadable is not None:
            raise self.unreadable


def lost_answer() -> SendFailed:
    """Return the failure of a request whose answer never came."""
    return SendFailed("The answer was lost.", evidence=Evidence.UNKNOWN, reason=Reason.RESET)


def refusal(reason: Reason, status: int, existing_ref: str | None = None) -> SendFailed:
    """Return the failure of a request that was certainly not applied."""
    return SendFailed(
        "The target refused.",
        evidence=Evidence.NOT_APPLIED,
        reason=reason,
        status=status,
        existing_ref=existing_ref,
    )


def _ref(marker: str) -> Ref:
    """Return the reference of the thing that a write with that marker made."""
    return Ref(id=f"made-by-{marker}")
