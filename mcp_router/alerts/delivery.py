"""Brings what is due to its sinks: each on its own, so that one that hangs holds up no other."""

import logging
from collections.abc import Callable

from mcp_router.alerts.patience import pause_ms
from mcp_router.alerts.post import TIMEOUT_S, Receipt
from mcp_router.alerts.sink import Sink
from mcp_router.alerts.store import AlertStore
from mcp_router.clock import Clock
from mcp_router.domain.alert import Delivery, DeliveryState

_logger = logging.getLogger(__name__)

LEASE_MS = round(TIMEOUT_S * 1000) + 35_000
"""How long a claim holds: a process that ended before it noted what it sent is followed then."""

BATCH = 20
"""How many alerts one sink is sent in one round; the rest is for the next one."""


class Deliverer:
    """Sends to sinks, and notes what became of it. A sink that fails once rests for the round."""

    def __init__(self, store: AlertStore, clock: Clock, jitter: Callable[[], float]) -> None:
        """Take what is due from `store`; `jitter` draws from 0 to 1."""
        self._store = store
        self._clock = clock
        self._jitter = jitter

    async def serve(self, sink: Sink) -> None:
        """Send what is due at a sink.

        Raises:
            StorageUnavailable: the store cannot say, or cannot note it: then it is sent again.
        """
        for number in range(BATCH):
            delivery = await self._store.claim(sink.name, LEASE_MS)

            if delivery is None:
                return

            if number and sink.pause_s:
                await self._clock.sleep(sink.pause_s)

            receipt = await sink.send(delivery.alert, now_s=self._clock.now_ms() // 1000)

            if receipt.delivered:
                await self._store.settle(delivery, DeliveryState.DELIVERED)
                continue

            if receipt.gone:
                await self._close(sink)
            else:
                await self._put_off(delivery, receipt)

            return

    async def _close(self, sink: Sink) -> None:
        """Send nothing more to a sink that has said it is gone."""
        await self._store.close_sink(sink.as_closed)
        _logger.error(
            "alerts are not sent to %s any more: it has answered 410; give it another url to go on",
            sink.name,
        )

    async def _put_off(self, delivery: Delivery, receipt: Receipt) -> None:
        """Let the alert wait for its next try, or give it up."""
        wait_ms = pause_ms(
            attempts=delivery.attempts,
            age_ms=delivery.age_ms,
            draw=self._jitter(),
            retry_after_s=receipt.retry_after_s,
        )
        told = (delivery.alert.kind.value, delivery.alert.alert_id, delivery.sink, receipt.told)

        if wait_ms is None:
            if await self._store.settle(delivery, DeliveryState.GIVEN_UP):
                _logger.error("alert %s %s was never taken by %s and is given up: %s", *told)

            return

        await self._store.settle(delivery, DeliveryState.WAITING, wait_ms)
        _logger.warning("alert %s %s was not taken by %s: %s", *told)
