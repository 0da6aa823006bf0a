"""The breakers of all targets: in memory for every call, in the store for all processes.

A change is one compare-and-swap on the breaker's row, so that of all processes exactly one takes
a probe. While the store is away each process goes by what it has seen itself.
"""

import logging

import anyio

from mcp_router.clock import Clock
from mcp_router.domain.health import Breaker, BreakerState
from mcp_router.errors import StorageUnavailable
from mcp_router.health.breaker import (
    UNTRIED,
    BreakerPace,
    Verdict,
    Window,
    closed,
    given_back,
    is_ill,
    noted,
    opened,
    probing,
    shown,
)
from mcp_router.health.store import Gauge, HealthStore

_logger = logging.getLogger(__name__)

_SLACK_S = 0.005  # an attempt's latency is rounded to a millisecond


class Breakers:
    """Opens, probes and closes; every method works from memory where the store is away."""

    def __init__(
        self, store: HealthStore, clock: Clock, *, process: str, pace: BreakerPace, gauge: Gauge
    ) -> None:
        """Start with every breaker closed, until `refresh` has read the store."""
        self._store = store
        self._clock = clock
        self._process = process
        self._pace = pace
        self._gauge = gauge
        self._breakers: dict[str, Breaker] = {}
        self._windows: dict[str, Window] = {}
        self._probes: dict[str, tuple[str, float]] = {}  # our own: its name, and since when
        self._unsaved: set[str] = set()
        self._taken = 0

    def state(self, target: str) -> BreakerState:
        """Return how the target's breaker stands for a call that has not begun."""
        breaker = self._breakers.get(target)

        if breaker is None or breaker.state is BreakerState.CLOSED:
            return BreakerState.CLOSED

        return shown(breaker, self._clock.now_ms(), self._pace)

    async def admit(self, target: str) -> bool:
        """Return whether a call may go to the target now; of an ill one, only the probe may."""
        breaker = self._breakers.get(target)

        if breaker is None or breaker.state is BreakerState.CLOSED:
            return True

        self._taken += 1
        probe = f"{self._process}#{self._taken}"
        new = probing(breaker, self._clock.now_ms(), self._pace, probe=probe)

        if new is None:
            return False

        taken_s = self._clock.monotonic_s()

        try:
            is_ours = await self._change(breaker, new)
        except anyio.get_cancelled_exc_class():
            # Whoever wanted to probe has gone, and may have taken the probe on disk.
            with anyio.CancelScope(shield=True):
                await self._change(new, given_back(new, self._clock.now_ms()))

            raise

        if is_ours:
            self._probes[target] = (probe, taken_s)
            return True

        return self._breakers[target].state is BreakerState.CLOSED

    async def judge(
        self, target: str, verdict: Verdict, *, latency_ms: int, retry_after_s: float | None
    ) -> None:
        """Learn from an attempt that has just ended."""
        if verdict is Verdict.UNSENT:
            return

        breaker = self._breakers.get(target) or Breaker(target=target)

        if breaker.state is BreakerState.CLOSED:
            await self._judge_closed(breaker, verdict, retry_after_s)
        elif self._is_own_probe(breaker, latency_ms):
            await self._judge_probe(breaker, verdict, retry_after_s)

    async def refresh(self) -> None:
        """Read every breaker, and write what could not be written before.

        Raises:
            StorageUnavailable: the store is away.
        """
        for stored in await self._store.breakers():
            mine = self._breakers.get(stored.target)

            # One of ours with a higher revision is being written at this moment.
            newer = mine is None or stored.revision > mine.revision

            if newer and stored.target not in self._unsaved:
                self._adopt(stored)

        for target in sorted(self._unsaved):
            await self._write_late(target)

    async def _judge_closed(
        self, breaker: Breaker, verdict: Verdict, retry_after_s: float | None
    ) -> None:
        """Count an attempt, and open the breaker when it is one failure too many."""
        if verdict is Verdict.NEUTRAL:
            return

        now_ms = self._clock.now_ms()
        ill = verdict is Verdict.ILL
        window = self._windows.get(breaker.target, UNTRIED)
        window = self._windows[breaker.target] = noted(window, now_ms, ill=ill, pace=self._pace)

        if ill and (retry_after_s is not None or is_ill(window, self._pace)):
            new = opened(breaker, now_ms, self._pace, retry_after_s=retry_after_s)
            await self._change(breaker, new)

    async def _judge_probe(
        self, breaker: Breaker, verdict: Verdict, retry_after_s: float | None
    ) -> None:
        """Close the breaker, open it for longer, or let another call find out."""
        del self._probes[breaker.target]
        now_ms = self._clock.now_ms()

        if verdict is Verdict.HEALTHY:
            new = closed(breaker)
        elif verdict is Verdict.ILL:
            new = opened(breaker, now_ms, self._pace, retry_after_s=retry_after_s)
        else:
            new = given_back(breaker, now_ms)

        await self._change(breaker, new)

    def _is_own_probe(self, breaker: Breaker, latency_ms: int) -> bool:
        """Return whether an attempt that ended now is the probe; an older one is no news."""
        probe, taken_s = self._probes.get(breaker.target, ("", 0.0))
        began_s = self._clock.monotonic_s() - latency_ms / 1000
        return breaker.probe is not None and breaker.probe == probe and began_s + _SLACK_S > taken_s

    async def _change(self, old: Breaker, new: Breaker) -> bool:
        """Write a change and say whether it is ours; else what another process wrote is adopted.

        Memory changes first: a second call of this process must not take the same probe while
        the first one waits for the disk.
        """
        self._adopt(new)

        try:
            if await self._store.change_breaker(old, new):
                return True

            # What stands there is older than what could not be written: that is still to come.
            if new.target in self._unsaved:
                return True

            self._adopt(await self._store.breaker(new.target) or Breaker(target=new.target))
        except StorageUnavailable as error:
            if not self._unsaved:
                _logger.warning("breakers go by this process alone: %s", error.message)

            self._unsaved.add(new.target)
            return True

        return False

    async def _write_late(self, target: str) -> None:
        """Write what the store has missed over whatever stands there."""
        mine = self._breakers[target]
        stored = await self._store.breaker(target) or Breaker(target=target)
        new = Breaker(
            target=target,
            state=mine.state,
            until_ms=mine.until_ms,
            openings=mine.openings,
            probe=mine.probe,
            revision=stored.revision + 1,
        )

        # What has changed meanwhile, such as by a probe that was answered, is written next time.
        if await self._store.change_breaker(stored, new) and self._breakers[target] is mine:
            self._adopt(new)
            self._unsaved.discard(target)

    def _adopt(self, new: Breaker) -> None:
        """Go by this breaker from now on; show and log it where it opens or closes."""
        old = self._breakers.get(new.target) or Breaker(target=new.target)
        self._breakers[new.target] = new
        was_open = old.state is not BreakerState.CLOSED
        is_open = new.state is not BreakerState.CLOSED

        if was_open == is_open:
            return

        self._windows.pop(new.target, None)  # what was before says nothing about what is now
        self._gauge.breaker(new.target, is_open=is_open)
        told = "is left alone: it has failed too often" if is_open else "is used again"
        _logger.warning("%s %s", new.target, told)
