"""What operators are told: noticed in records, kept in the outbox, brought to every sink."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from mcp_router.alerts.aggregate import WINDOW_MS, judge, merged
from mcp_router.alerts.delivery import Deliverer
from mcp_router.alerts.digest import DayBook
from mcp_router.alerts.patience import GIVEN_UP_MS
from mcp_router.alerts.reading import facts_of, lost_action, read
from mcp_router.alerts.sink import Sink, open_sink
from mcp_router.alerts.store import AlertStore
from mcp_router.alerts.watch import Watch
from mcp_router.alerts_settings import AlertSettings, SinkSettings
from mcp_router.clock import Clock
from mcp_router.domain.action import Action
from mcp_router.domain.alert import Alert, AlertKind, Intake, alert_id
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.domain.record import Record
from mcp_router.errors import StorageUnavailable

_logger = logging.getLogger(__name__)

KEPT_MS = 7 * 24 * 60 * 60 * 1000
"""How long a delivery stays in the store, so that the same alert is not told again."""

NEWS = 100
_PRUNE_EVERY_S = 3600.0


class Alerts:
    """Tells the sinks of the settings; without any it does nothing at all.

    `observe` and `raise_alert` only note. `take_in` keeps what was noted, and each of the `turns`
    sends what is due at one sink: chores, done again and again, each by itself, so that a sink that
    takes its time holds up neither another one nor the taking in. What was noted and not yet taken
    in is lost with the process, what is in the outbox is not.
    """

    def __init__(
        self,
        settings: AlertSettings,
        store: AlertStore,
        clock: Clock,
        entropy: Entropy,
        *,
        jitter: Callable[[], float],
        opening: Callable[[SinkSettings], Sink] = open_sink,
    ) -> None:
        """Prepare; nothing is sent and nothing is read before `take_in` and the `turns`.

        Raises:
            InvalidSettings: the URL or the certificates of a sink cannot be used.
        """
        self._store = store
        self._clock = clock
        self._sinks = self._open = tuple(map(opening, settings.sinks))
        self._watch = Watch()
        self._book = DayBook(make_id("prc", clock.now_ms(), entropy), settings.digest_hour)
        self._deliverer = Deliverer(store, clock, jitter)
        self._waiting: dict[str, Alert] = {}
        self._kinds = frozenset(kind for sink in self._sinks for kind in sink.events)
        self._pruned_s: float | None = None

    def observe(self, record: Record) -> None:
        """Note what a record of a call says; a log observer, which never fails.

        Changes of policies are read from the log by `take_in`, from whichever process they are.
        """
        if not self._sinks or record.event is not None:
            return

        reading = read(record)
        self._book.count(reading, self._clock.now_ms())

        for alert in self._watch.read(reading):
            self.raise_alert(alert)

    def raise_alert(self, alert: Alert) -> None:
        """Note an alert, unless no sink wants its kind."""
        if alert.kind in self._kinds:
            self._waiting[alert.key] = merged(self._waiting.get(alert.key), alert)

    def action_unknown(self, action: Action) -> None:
        """Note that nobody knows whether a write was applied whose caller is gone.

        Several processes may tell of the same action; it stays one alert.
        """
        self.raise_alert(lost_action(action, self._clock.now_ms()))

    def verification_failed(self, *, source: str, seq: int | None, problem: str) -> None:
        """Note that the decision log does not verify.

        `source` is what was checked (`store`, `export`), `seq` the first broken row where one can
        be named, and `problem` a code of what is wrong with it.
        """
        kind = AlertKind.VERIFICATION_FAILED
        now_ms = self._clock.now_ms()
        self.raise_alert(
            Alert(
                alert_id=alert_id(kind, source, str(seq), problem, str(now_ms)),
                kind=kind,
                key=f"{kind.value} {source}",
                at_ms=now_ms,
                facts=facts_of(("source", source), ("seq", seq), ("problem", problem)),
            )
        )

    @property
    def turns(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Return for each sink what sends it what is due, as `work` does."""
        return tuple(partial(self._serve, sink) for sink in self._sinks)

    async def work(self) -> None:
        """Keep what was noted, then send what is due at every sink: all there is to do, once.

        Raises:
            StorageUnavailable: the store is away; what was noted waits, what was sent and could
                not be noted is sent again.
        """
        await self.take_in()
        await self._deliver()

    async def take_in(self) -> None:
        """Keep what was noted, and what other processes have put into the log.

        Raises:
            StorageUnavailable: the store is away; what was noted waits.
        """
        if not self._sinks:
            return

        closed = await self._store.closed_sinks()
        self._open = tuple(sink for sink in self._sinks if sink.as_closed not in closed)
        await self._read_news()
        await self._tell_days()
        await self._admit()
        await self._prune()

    async def aclose(self) -> None:
        """Keep what was noted, for another process to send, and close what is open."""
        try:
            if self._sinks:
                await self._keep_days()
                await self._admit()
        except StorageUnavailable as error:
            _logger.error("%d alerts are lost: %s", len(self._waiting), error.message)

        for sink in self._sinks:
            await sink.aclose()

    async def _read_news(self) -> None:
        """Note changes of policies; of replicas that read the same, one counts them."""
        news = await self._store.news(NEWS)
        now_ms = self._clock.now_ms()

        for stored in news:
            # What happened while nobody was told of anything is not told years later.
            if now_ms - stored.record.at_ms < GIVEN_UP_MS:
                for alert in self._watch.read(read(stored.record)):
                    self.raise_alert(alert)

        if news:
            await self._admit()

            if await self._store.seen(news[-1].seq):
                self._book.count_changes(len(news), now_ms)

    async def _tell_days(self) -> None:
        """Keep this process's counts, and note the digest of every day that is over."""
        await self._keep_days()
        over = self._book.over(self._clock.now_ms())
        days = await self._store.days(over)

        for digest in self._book.digests(days):
            self.raise_alert(digest)

        if days:
            await self._admit()
            await self._store.forget_days(over)

        self._book.forget(over)

    async def _keep_days(self) -> None:
        """Give the store what this process has counted."""
        self._book.open(self._clock.now_ms())
        rows = self._book.unsaved()

        if rows:
            await self._store.keep_days(rows)
            self._book.saved(rows)

    async def _admit(self) -> None:
        """Put into the outbox what was noted; what is noted meanwhile waits for the next time."""
        taken, self._waiting = self._waiting, {}
        routes = {
            kind: tuple(sink.name for sink in self._open if kind in sink.events)
            for kind in self._kinds
        }

        try:
            await self._store.admit(
                tuple(taken.values()), Intake(judge=judge, window_ms=WINDOW_MS, routes=routes)
            )
        except BaseException:
            later, self._waiting = self._waiting, taken

            for alert in later.values():
                self.raise_alert(alert)

            raise

    async def _deliver(self) -> None:
        """Serve every open sink at the same time.

        Raises:
            StorageUnavailable: after all of them, if one could not be served because of it.
        """
        failures: list[StorageUnavailable] = []

        async def serve(turn: Callable[[], Awaitable[None]]) -> None:
            try:
                await turn()
            except StorageUnavailable as error:
                failures.append(error)

        async with anyio.create_task_group() as tasks:
            for turn in self.turns:
                tasks.start_soon(serve, turn)

        if failures:
            raise failures[0]

    async def _serve(self, sink: Sink) -> None:
        """Send one sink what is due, unless it has said that it is gone."""
        if sink in self._open:
            await self._deliverer.serve(sink)

    async def _prune(self) -> None:
        """Delete what is old, once an hour."""
        now_s = self._clock.monotonic_s()

        if self._pruned_s is None or now_s - self._pruned_s >= _PRUNE_EVERY_S:
            await self._store.prune(KEPT_MS)
            self._pruned_s = now_s
