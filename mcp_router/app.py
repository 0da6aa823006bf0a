"""The only wiring: makes the walks and their keepers from settings, and takes them down again."""

import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from mcp_router.actions import Actions
from mcp_router.audit.log import DecisionLog
from mcp_router.clock import Clock, SystemClock
from mcp_router.desks.salesforce import SalesforceDesk
from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.ids import Entropy
from mcp_router.execute.judge import Judge
from mcp_router.execute.targets import Desk, Targets
from mcp_router.ledger.ledger import Ledger
from mcp_router.lookups import Lookups
from mcp_router.policy.source import PolicySource
from mcp_router.providers.prices import PriceBook
from mcp_router.providers.provider import Provider, open_provider
from mcp_router.router import Router
from mcp_router.services import Services
from mcp_router.settings import SalesforceSettings, Settings, TokenSettings, ZendeskSettings
from mcp_router.storage.owner import is_alive, this_process
from mcp_router.storage.sqlite.database import BUSY_TIMEOUT_MS
from mcp_router.storage.store import Store, open_store
from mcp_router.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running router, before any door is opened to it."""

    services: Services
    store: Store
    targets: Targets
    metrics: Metrics
    tokens: tuple[TokenSettings, ...]
    clock: Clock
    entropy: Entropy


@asynccontextmanager
async def open_app(
    settings: Settings, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> AsyncIterator[App]:
    """Open the store and every target; close them when the block ends.

    `busy_timeout_ms` is how long a call waits for another process that holds the database.

    Raises:
        StorageUnavailable: the database cannot be opened.
        PolicyRejected, UnknownPolicy: the configured policy cannot be used.
        RetryingAdapter: a desk client would send again by itself.
    """
    clock = SystemClock()
    metrics = Metrics()
    policies = PolicySource(settings.policies)
    policies.load(settings.policy)

    async with AsyncExitStack() as stack:
        store = open_store(settings.storage, busy_timeout_ms=busy_timeout_ms)
        stack.callback(store.close)
        targets = await open_targets(settings, clock, stack)
        judge = Judge(policies, settings.policy, targets)
        log = DecisionLog(store.decisions, clock, (metrics.observe,))
        ledger = Ledger(store.actions, clock, is_alive)
        lookups = Lookups(judge=judge, targets=targets, log=log, clock=clock, jitter=random.random)
        services = Services(
            router=Router(
                judge=judge,
                targets=targets,
                ledger=ledger,
                log=log,
                clock=clock,
                jitter=random.random,
            ),
            lookups=lookups,
            actions=Actions(
                judge=judge,
                targets=targets,
                lookups=lookups,
                ledger=ledger,
                log=log,
                clock=clock,
                entropy=os.urandom,
                owner=this_process(),
            ),
            ledger=ledger,
            log=log,
        )
        yield App(
            services=services,
            store=store,
            targets=targets,
            metrics=metrics,
            tokens=settings.tokens,
            clock=clock,
            entropy=os.urandom,
        )


async def open_targets(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Targets:
    """Return a client for each provider and desk, not connected yet; `stack` closes them.

    Raises:
        InvalidSettings: an address, a key or a certificate file cannot be used.
        RetryingAdapter: a desk client would send again by itself.
    """
    providers: dict[str, Provider] = {}
    desks: dict[str, Desk] = {}

    for one in settings.providers:
        providers[one.name] = open_provider(one)
        stack.push_async_callback(providers[one.name].aclose)

    for desk in settings.desks:
        desks[desk.name] = _open_desk(desk, clock)
        stack.push_async_callback(desks[desk.name].aclose)

    return Targets(
        models={model.name: model for model in settings.models},
        providers=providers,
        desks=desks,
        prices=PriceBook(settings.providers, clock),
    )


def _open_desk(settings: ZendeskSettings | SalesforceSettings, clock: Clock) -> Desk:
    """Return the adapter for a kind of desk."""
    if isinstance(settings, ZendeskSettings):
        return ZendeskDesk(settings, clock=clock)

    return SalesforceDesk(settings, clock=clock)
