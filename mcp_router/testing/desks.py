"""A desk for tests. It honours the strategy that it declares, so its effects are the truth."""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias, assert_never

from anyio.lowlevel import checkpoint

from mcp_router.domain.action import Precondition, Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.ticket import Customer, CustomerQuery
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import SendFailed

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
    ECHO = "echo"  # repeated on its way, as a proxy does; only the second one's answer is heard


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
            case Step.ECHO:
                self._arrive_unheard(arrival)
                return self._arrive(arrival)
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
