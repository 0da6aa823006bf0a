"""A desk in virtual time. It honours what its strategy says, and its own effects are the truth."""

from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from benchmarks.simulation.loop import Loop, Task, pause
from benchmarks.simulation.weather import FATES, HOUR_MS, LATEST_MS, Fate, Weather
from mcp_router.domain.action import Precondition, Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.ticket import Customer, CustomerQuery
from mcp_router.domain.write import DeskWrite, UpdateTicket
from mcp_router.errors import SendFailed

KEY_KEPT_MS = 2 * HOUR_MS
"""How long a native key is remembered, from the first request that was applied."""

SECOND_MS = 1000
REFUSING = (Strategy.NATIVE_KEY, Strategy.UNIQUE_INDEX, Strategy.CAS_MARKER)


@dataclass(slots=True, kw_only=True)
class Request:
    """One request with an effect; `answers` hold what the desk said to each of its copies.

    `sender` is the task that sent it, `under_way` how many copies have not arrived yet.
    """

    write: DeskWrite
    marker: str
    based_on: Precondition | None
    sender: Task | None
    under_way: int = 0
    applied: bool = False
    answers: list[Ref | SendFailed] = field(default_factory=list)


class Observer(Protocol):
    """Sees what goes to a desk."""

    def leaves(self, request: Request) -> None:
        """Look at a request at the moment when it leaves."""

    def applied(self) -> None:
        """Look at the desks after something has arrived there."""


class Truth:
    """What a desk holds: every effect, and when each object was last changed."""

    def __init__(self, name: str, strategy: Strategy, loop: Loop) -> None:
        """Start without effects; every object is old."""
        self.name = name
        self.strategy = strategy
        self.effects: list[Request] = []
        self._loop = loop
        self._known_ms: dict[str, int] = {}  # by marker: when it was first applied
        self._changed_ms: dict[str, int] = {}

    def arrive(self, request: Request) -> Ref:
        """Apply a request as the strategy has it.

        Raises:
            SendFailed: the desk refuses it, and has not applied it.
        """
        ref = Ref(id=f"made-by-{request.marker}")
        known_ms = self._known_ms.get(request.marker)
        now_ms = self._loop.now_ms

        if known_ms is not None:
            if self.strategy is Strategy.NATIVE_KEY and now_ms - known_ms < KEY_KEPT_MS:
                return ref

            if self.strategy is Strategy.UNIQUE_INDEX:
                raise refusal(Reason.EXISTS, 400, existing_ref=ref.id)

        held = request.based_on if self.strategy is Strategy.CAS_MARKER else None

        if held is not None and held.stamp != self._stamp(request.write):
            raise refusal(Reason.CHANGED, 409)

        request.applied = True
        self._known_ms.setdefault(request.marker, now_ms)
        self.effects.append(request)
        self.change(request.write)
        return ref

    def change(self, write: DeskWrite) -> None:
        """Change the object, as anybody may."""
        self._changed_ms[_object(write)] = self._loop.now_ms

    def version(self, write: DeskWrite) -> Precondition:
        """Return the object's version, of whole seconds, as the desk shows it now."""
        changed_ms = self._changed_ms.get(_object(write), -SECOND_MS)
        settled = self._loop.now_ms // SECOND_MS > changed_ms // SECOND_MS
        return Precondition(stamp=self._stamp(write), settled=settled)

    def find(self, marker: str) -> Ref | None:
        """Return what a write with that marker made."""
        return Ref(id=f"made-by-{marker}") if marker in self._known_ms else None

    def _stamp(self, write: DeskWrite) -> str:
        """Return the second of the last change."""
        return str(self._changed_ms.get(_object(write), -SECOND_MS) // SECOND_MS)


class VirtualDesk:
    """The way to a desk and back, with everything that may happen on it."""

    def __init__(
        self,
        truth: Truth,
        loop: Loop,
        weather: Weather,
        dice: Random,
        watch: Observer,
    ) -> None:
        """Show `watch` each request with an effect as it leaves, and what it comes to."""
        self.truth = truth
        self.calm = False
        self.down_until_ms = 0
        self._loop = loop
        self._weather = weather
        self._dice = dice
        self._watch = watch

    @property
    def name(self) -> str:
        """Return the name that policies use."""
        return self.truth.name

    def strategy(self, write: DeskWrite) -> Strategy:
        """Return the one strategy of this desk."""
        return self.truth.strategy

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        """Return the object's version where the strategy compares it."""
        if self.truth.strategy is not Strategy.CAS_MARKER:
            return None

        await self._reach(timeout_s)
        version = self.truth.version(write)
        self._loop.note(f"reads version {version.stamp}, settled: {version.settled}")
        await pause(self._moment_ms())
        return version

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        """Return what the write with that marker made, by the desk's state of one moment."""
        await self._reach(timeout_s)
        blind = self._weather.blind and self.truth.strategy is Strategy.NATIVE_KEY
        found = None if blind else self.truth.find(marker)
        self._loop.note(f"looks for its marker: {'there' if found else 'absent'}")
        await pause(self._moment_ms())
        return found

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        """Send one request; from here on it is on its way, whatever becomes of its sender."""
        request = Request(write=write, marker=marker, based_on=precondition, sender=self._loop.task)
        fate = self._fate()
        self._loop.note(f"sends to {self.name}: {fate}")
        self._watch.leaves(request)

        match fate:
            case Fate.UNREACHED:
                await pause(self._moment_ms())
                raise refusal(Reason.REFUSED)
            case Fate.BUSY:
                await pause(self._moment_ms())
                raise refusal(Reason.RATE_LIMITED, 429)
            case Fate.REJECTED:
                await pause(self._moment_ms())
                raise refusal(Reason.REJECTED, 422)
            case _:
                await pause(self._travel(request, fate, round(timeout_s * 1000)))

        heard = request.answers[-1:] if fate in (Fate.ANSWERED, Fate.TWICE) else []

        if not heard:
            raise lost_answer()

        if isinstance(heard[0], SendFailed):
            raise heard[0]

        return heard[0]

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        """Return nobody."""
        return ()

    async def check(self, *, timeout_s: float) -> str:
        """Return one line."""
        return "simulated"

    async def aclose(self) -> None:
        """Close nothing."""

    def _fate(self) -> Fate:
        """Throw the dice for a request."""
        if self._loop.now_ms < self.down_until_ms:
            return Fate.UNREACHED

        if self.calm:
            return Fate.ANSWERED

        fate = self._dice.choices(FATES, self._weather.fates)[0]
        # Where nothing refuses the second of two, two copies on the way are nobody's fault here.
        harmless = fate is not Fate.TWICE or self.truth.strategy in REFUSING
        return fate if harmless else Fate.ANSWERED

    def _travel(self, request: Request, fate: Fate, timeout_ms: int) -> int:
        """Put the copies of a request on their way; return how long its sender waits."""
        there_ms, late_ms = self._moment_ms(), self._late_ms(timeout_ms)

        match fate:
            case Fate.LOST:
                return timeout_ms
            case Fate.LATE:
                self._copy(request, late_ms)
                return timeout_ms
            case Fate.ERROR:
                back_ms = self._moment_ms()
                lands_ms = self._dice.choice((None, there_ms, there_ms + back_ms, 900, 1500))

                if lands_ms is not None:
                    self._copy(request, lands_ms)

                return there_ms + back_ms
            case Fate.TWICE:
                # A proxy repeats what it takes for safe to repeat, and passes the last answer on.
                self._copy(request, there_ms)
                self._copy(request, there_ms + self._dice.choice((1, 700, 3000, late_ms)))
                return min(timeout_ms, there_ms + 800)
            case _:
                self._copy(request, there_ms)
                return there_ms + self._moment_ms()

    def _copy(self, request: Request, after_ms: int) -> None:
        """Let a copy of the request arrive, and perhaps somebody else right before or after it."""

        request.under_way += 1

        def arrive() -> None:
            request.under_way -= 1
            before, after = (self._dice.random() < self._weather.meddling for _ in range(2))

            if before and not self.calm:
                self.meddle(request.write)

            try:
                request.answers.append(self.truth.arrive(request))
                self._loop.note(f"APPLIED at {self.name}: {request.marker}")
            except SendFailed as refused:
                self._loop.note(f"refused by {self.name}: {refused.reason}")
                request.answers.append(refused)

            if after and not self.calm:
                self.meddle(request.write)

            self._watch.applied()

        self._loop.at(self._loop.now_ms + after_ms, arrive)

    def meddle(self, write: DeskWrite) -> None:
        """Change the object as somebody else."""
        self._loop.note("somebody else changes the object")
        self.truth.change(write)

    async def _reach(self, timeout_s: float) -> None:
        """Get to the desk with a question, or not."""
        await pause(self._moment_ms())

        if self._loop.now_ms < self.down_until_ms:
            raise refusal(Reason.REFUSED)

        if not self.calm and self._dice.random() < self._weather.unreadable:
            await pause(round(timeout_s * 1000))
            raise lost_answer()

    def _moment_ms(self) -> int:
        """Return how long a request or an answer is on its way."""
        return int(self._dice.random() * self._weather.slow_ms)

    def _late_ms(self, timeout_ms: int) -> int:
        """Return when something late arrives: at any time until the latest."""
        longest = self._dice.choice((timeout_ms, 40 * SECOND_MS, LATEST_MS))
        return int(self._dice.random() * longest)


def lost_answer() -> SendFailed:
    """Return the failure of a request whose answer never came."""
    return SendFailed("The answer was lost.", evidence=Evidence.UNKNOWN, reason=Reason.TIMEOUT)


def refusal(
    reason: Reason, status: int | None = None, existing_ref: str | None = None
) -> SendFailed:
    """Return the failure of a request that was certainly not applied."""
    return SendFailed(
        "The desk refused.",
        evidence=Evidence.NOT_APPLIED,
        reason=reason,
        status=status,
        existing_ref=existing_ref,
    )


def _object(write: DeskWrite) -> str:
    """Return what a write changes."""
    return write.ticket_id if isinstance(write, UpdateTicket) else ""
