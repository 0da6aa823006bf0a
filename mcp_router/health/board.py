"""How every target does: read by decisions from memory, shared between processes by the store."""

import logging

from mcp_router.clock import Clock
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.errors import StorageUnavailable
from mcp_router.health.breaker import BreakerPace, Verdict, verdict_of
from mcp_router.health.breakers import Breakers
from mcp_router.health.minutes import SHOWN_MINUTES, Minutes
from mcp_router.health.store import Gauge, HealthStore, NoGauge
from mcp_router.health.tally import health_of

_logger = logging.getLogger(__name__)

KEPT_MINUTES = 2 * 24 * 60
"""How long minutes stay in the store."""

_PRUNE_EVERY = 60
_MINUTE_MS = 60_000

_PLAIN = BreakerPace()
_SILENT = NoGauge()


class HealthBoard:
    """The breaker and the last 15 minutes of every target; no method of it ever fails a call."""

    def __init__(
        self,
        store: HealthStore,
        clock: Clock,
        *,
        process: str,
        pace: BreakerPace = _PLAIN,
        gauge: Gauge = _SILENT,
    ) -> None:
        """Start with nothing known until `refresh` has read the store.

        `process` must be a name that no other board of the store has or ever had.
        """
        self._store = store
        self._clock = clock
        self._breakers = Breakers(store, clock, process=process, pace=pace, gauge=gauge)
        self._minutes = Minutes(process)
        self._shown: dict[str, TargetHealth] = {}
        self._read_until = 0
        self._pruned_at = 0
        self._away = False

    def of(self, target: str) -> TargetHealth:
        """Return how the target does now; what has not changed is not computed again.

        An open breaker shows as half open once its pause is over: the next call that is admitted
        is its probe, and until that one is answered it shows as open.
        """
        kept = self._shown.get(target)

        if kept is not None and kept.breaker is BreakerState.CLOSED:
            return kept

        state = self._breakers.state(target)

        if kept is None or kept.breaker is not state:
            kept = health_of(self._minutes.of(target, self._minute()), state)
            self._shown[target] = kept

        return kept

    async def admit(self, target: str) -> bool:
        """Return whether a call may be sent to the target now.

        An attempt that was admitted must be shown to `observe`: it may be the one probe that all
        processes wait for.
        """
        if self._breakers.state(target) is BreakerState.CLOSED:
            return True

        admitted = await self._breakers.admit(target)
        self._shown.pop(target, None)
        return admitted

    async def observe(
        self, attempt: Attempt, *, retry_after_s: float | None = None, cut_short: bool = False
    ) -> None:
        """Learn from an attempt that has just ended; `retry_after_s` is what the target asked.

        Of one that its own call has `cut_short` nothing is learned, but a probe is free again.
        """
        target = attempt.target

        if not cut_short:
            self._minutes.count(attempt, self._minute())

        self._shown.pop(target, None)
        await self._breakers.judge(
            target,
            Verdict.NEUTRAL if cut_short else verdict_of(attempt.reason),
            latency_ms=attempt.latency_ms,
            retry_after_s=retry_after_s,
        )
        self._shown.pop(target, None)

    async def refresh(self) -> None:
        """Give the other processes what this one has seen, and learn what they have.

        A store that is away is said once; until it is back, the board goes by this process alone.
        """
        try:
            await self._exchange()
            self._away = False
        except StorageUnavailable as error:
            if not self._away:
                _logger.warning("health is that of this process alone: %s", error.message)

            self._away = True

        self._shown.clear()

    async def _exchange(self) -> None:
        """Write this process's minutes, then read the breakers and everybody's minutes."""
        await self._breakers.refresh()
        minute = self._minute()

        if rows := self._minutes.unsaved():
            await self._store.keep_minutes(rows)
            self._minutes.saved(rows)

        # All of them once a minute: another process may be late with what it has to tell.
        since = minute - 1 if minute == self._read_until else minute - SHOWN_MINUTES + 1
        self._minutes.learn(await self._store.minutes(since))
        self._read_until = minute

        if minute - self._pruned_at >= _PRUNE_EVERY:
            await self._store.prune_minutes(minute - KEPT_MINUTES)
            self._pruned_at = minute

    def _minute(self) -> int:
        """Return the running minute since the epoch."""
        return self._clock.now_ms() // _MINUTE_MS
