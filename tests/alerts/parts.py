"""Alerts over a store of a test's choice and a receiver that the test controls."""

import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from mcp_router.alerts.alerts import Alerts
from mcp_router.alerts.post import Post
from mcp_router.alerts.sink import Sink
from mcp_router.alerts.store import AlertStore
from mcp_router.alerts_settings import AlertSettings, SinkKind, SinkSettings
from mcp_router.clock import Clock
from mcp_router.domain.alert import AlertKind
from mcp_router.domain.secret import Secret
from mcp_router.testing.alerts import MemoryAlerts
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryRecords
from tests.alerts.receiver import Arrived, Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMEOUT_S = 2.0

_numbers = itertools.count()


def entropy(size: int) -> bytes:
    """Return other bytes each time."""
    return next(_numbers).to_bytes(size, "big")


def webhook(receiver: Receiver, name: str = "ops") -> SinkSettings:
    return SinkSettings(
        name=name,
        kind=SinkKind.WEBHOOK,
        url=Secret(receiver.url),
        events=frozenset(AlertKind),
        secrets=(Secret(SECRET),),
        allow_private=True,
        ca_bundle=receiver.ca_file,
    )


def slack(receiver: Receiver, name: str = "chat") -> SinkSettings:
    return replace(webhook(receiver, name), kind=SinkKind.SLACK, secrets=())


def impatient(settings: SinkSettings) -> Sink:
    """Open a sink that waits for an answer no longer than a test wants to."""
    post = Post(
        settings.url.reveal(),
        allow_private=settings.allow_private,
        ca_bundle=settings.ca_bundle,
        timeout_s=TIMEOUT_S,
    )
    return Sink(settings, post)


def alerting(
    store: AlertStore,
    clock: Clock,
    *sinks: SinkSettings,
    jitter: Callable[[], float] = lambda: 1.0,
) -> Alerts:
    settings = AlertSettings(sinks=sinks, digest_hour=7)
    return Alerts(settings, store, clock, entropy, jitter=jitter, opening=impatient)


@dataclass(frozen=True, kw_only=True)
class House:
    """A store in memory with its clock, for as many processes as a test wants."""

    clock: ManualClock
    records: MemoryRecords
    store: MemoryAlerts


@asynccontextmanager
async def running(house: House, *sinks: SinkSettings) -> AsyncIterator[Alerts]:
    """Yield the alerts of one process, and end it."""
    alerts = alerting(house.store, house.clock, *sinks)
    yield alerts
    await alerts.aclose()


def body(arrived: Arrived) -> dict[str, object]:
    value: dict[str, object] = json.loads(arrived.body)
    return value
