"""The only wiring: makes the walks and their keepers from settings, and takes them down again."""

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mcp_router.actions import Actions
from mcp_router.alerts.alerts import Alerts
from mcp_router.audit.heads import HeadKeeper
from mcp_router.audit.log import DecisionLog, RecordStore
from mcp_router.budget.budgets import Budgets
from mcp_router.cache.answers import AnswerCache
from mcp_router.clock import Clock, SystemClock
from mcp_router.desks.salesforce import SalesforceDesk
from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.caller import LOCAL_TENANT
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.errors import StorageUnavailable
from mcp_router.execute.gate import Gate
from mcp_router.execute.judge import Judge, Unit
from mcp_router.execute.reconciler import Chore, Pace, Reconciler
from mcp_router.execute.shelf import Shelf
from mcp_router.execute.targets import Desk, Provider, Targets
from mcp_router.health.board import HealthBoard
from mcp_router.learning.estimates import Estimates
from mcp_router.ledger.ledger import ActionStore, Ledger
from mcp_router.ledger_settings import LedgerSettings
from mcp_router.lookups import Lookups
from mcp_router.opening import open_detectors, open_heads, open_tracer
from mcp_router.policy.source import PolicySource
from mcp_router.privacy.keeper import Privacy
from mcp_router.providers.prices import PriceBook
from mcp_router.providers.provider import open_provider
from mcp_router.providers.tokens import TokenScale
from mcp_router.rollout.stages import Stages
from mcp_router.router import Router
from mcp_router.services import Services
from mcp_router.settings import (
    ProviderSettings,
    SalesforceSettings,
    Settings,
    TokenSettings,
    ZendeskSettings,
)
from mcp_router.storage.owner import Host, this_process
from mcp_router.storage.sqlite.database import BUSY_TIMEOUT_MS, Database
from mcp_router.storage.store import Store, open_store
from mcp_router.telemetry.metrics import Metrics
from mcp_router.telemetry.tracing import UNTRACED, Tracer

Edge = TypeVar("Edge")

_logger = logging.getLogger(__name__)


def _as_it_is(edge: Edge) -> Edge:
    """Return the edge with nothing put before it."""
    return edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """What a proof puts between the router and its edges: by default nothing.

    `store` and `desk` return what stands in for the ledger's store and for each desk, `provider`
    opens each provider of models, and `database` each SQLite file on `host`. `gate` returns what
    stands in for the breakers, and `chore` what is done of each thing in the background.
    """

    clock: Clock = field(default_factory=SystemClock)
    busy_timeout_ms: int = BUSY_TIMEOUT_MS
    database: type[Database] = Database
    host: Host | None = None
    provider: Callable[[ProviderSettings], Provider] = open_provider
    store: Callable[[ActionStore], ActionStore] = _as_it_is
    records: Callable[[RecordStore], RecordStore] = _as_it_is
    desk: Callable[[Desk], Desk] = _as_it_is
    gate: Callable[[Gate], Gate] = _as_it_is
    chore: Callable[[Chore], Chore] = _as_it_is


PLAIN = Instruments()
"""What every installation runs with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running router, before any door is opened to it; `background` runs as long as it does."""

    services: Services
    store: Store
    targets: Targets
    metrics: Metrics
    background: "asyncio.Task[None]"
    tokens: tuple[TokenSettings, ...]
    clock: Clock
    entropy: Entropy
    tracer: Tracer = UNTRACED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keepers:
    """Everything that keeps state over the store, or in memory."""

    alerts: Alerts
    ledger: Ledger
    log: DecisionLog
    tracer: Tracer
    budgets: Budgets
    estimates: Estimates
    health: HealthBoard
    stages: Stages
    heads: HeadKeeper
    answers: AnswerCache
    privacy: Privacy
    scale: TokenScale


@asynccontextmanager
async def open_app(settings: Settings, *, instruments: Instruments = PLAIN) -> AsyncIterator[App]:
    """Open the store and every target, and begin to reconcile; end it all with the block.

    Raises:
        StorageUnavailable: the database cannot be opened.
        PolicyRejected, UnknownPolicy, PolicyEdited: the configured policy cannot be used.
        InvalidSettings: a certificate file of a sink of alerts cannot be used.
        RetryingAdapter: a desk client would send again by itself.
        InvalidSettings: spans are asked for, and what sends them is not installed.
        ContentKeyMissing, ContentKeyWrong: what is kept could not be sealed, or not be opened.
    """
    clock = instruments.clock
    metrics = Metrics()
    policies = PolicySource(settings.policies)
    policies.load(settings.policy)  # before anything is opened for it

    async with AsyncExitStack() as stack:
        store = open_store(
            settings.storage,
            busy_timeout_ms=instruments.busy_timeout_ms,
            database=instruments.database,
            host=instruments.host,
        )
        stack.push_async_callback(store.aclose)
        targets = await open_targets(settings, clock, stack, opening=instruments.provider)
        desks = {name: instruments.desk(desk) for name, desk in targets.desks.items()}
        targets = replace(targets, desks=desks)
        keepers = _keepers(store, settings, instruments, metrics, stack)
        judge = Judge(
            policies,
            settings.policy,
            targets,
            stages=keepers.stages,
            health=keepers.health,
            estimates=keepers.estimates,
            scale=keepers.scale,
            draw=random.random,
        )
        await _begin(keepers, judge)
        services = _services(keepers, judge, targets, instruments)
        reconciler = Reconciler(
            ledger=keepers.ledger,
            desks=targets.desks,
            clock=clock,
            entropy=os.urandom,
            process=this_process(),
            pace=_pace(settings.ledger),
            board=metrics,
            alarm=keepers.alerts.action_unknown,
            chores=tuple(map(instruments.chore, _chores(keepers, settings.ledger))),
        )
        yield App(
            services=services,
            store=store,
            targets=targets,
            metrics=metrics,
            background=_background(reconciler, stack),
            tokens=settings.tokens,
            clock=clock,
            entropy=os.urandom,
            tracer=keepers.tracer,
        )


def _keepers(
    store: Store,
    settings: Settings,
    instruments: Instruments,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> _Keepers:
    """Return everything that keeps state over the store; `stack` lets each say its last words."""
    clock = instruments.clock
    alerts = Alerts(settings.alerts, store.alerts, clock, os.urandom, jitter=random.random)
    estimates = Estimates(store.estimates, clock)
    stages = Stages(store.stages, clock, os.urandom)
    watching = (metrics.observe, estimates.observe, stages.observe, alerts.observe)
    tracer = open_tracer(settings, metrics, stack)
    privacy = Privacy(
        store.privacy,
        clock,
        os.urandom,
        settings=settings.privacy,
        detectors=open_detectors(settings.privacy),
    )
    log = DecisionLog(
        instruments.records(store.decisions), clock, watching, tracer, scrub=privacy.scrub
    )
    stack.push_async_callback(alerts.aclose)
    stack.push_async_callback(estimates.aclose)
    stack.push_async_callback(stages.aclose)
    stack.push_async_callback(log.aclose)
    # Several routers of one process may share a store, and each counts for itself.
    process = f"{this_process()}#{make_id('app', clock.now_ms(), os.urandom)}"
    return _Keepers(
        alerts=alerts,
        ledger=Ledger(instruments.store(store.actions), clock, lease_s=settings.ledger.lease_s),
        log=log,
        tracer=tracer,
        budgets=Budgets(store.budgets, clock, os.urandom),
        estimates=estimates,
        health=HealthBoard(store.health, clock, process=process, gauge=metrics),
        stages=stages,
        heads=open_heads(store.heads, settings.audit, clock, alerts),
        answers=AnswerCache(clock),
        privacy=privacy,
        scale=TokenScale(),
    )


def _services(
    keepers: _Keepers, judge: Judge, targets: Targets, instruments: Instruments
) -> Services:
    """Return the walks over the keepers."""
    clock = instruments.clock
    lookups = Lookups(
        judge=judge, targets=targets, log=keepers.log, clock=clock, jitter=random.random
    )
    return Services(
        router=Router(
            judge=judge,
            targets=targets,
            ledger=keepers.ledger,
            log=keepers.log,
            clock=clock,
            jitter=random.random,
            budgets=keepers.budgets,
            shelf=Shelf(keepers.answers),
            scale=keepers.scale,
            gate=instruments.gate(keepers.health),
            privacy=keepers.privacy,
        ),
        lookups=lookups,
        actions=Actions(
            judge=judge,
            targets=targets,
            lookups=lookups,
            ledger=keepers.ledger,
            log=keepers.log,
            clock=clock,
            entropy=os.urandom,
            owner=this_process(),
        ),
        ledger=keepers.ledger,
        log=keepers.log,
        estimates=keepers.estimates,
    )


async def _begin(keepers: _Keepers, judge: Judge) -> None:
    """Learn what other processes know, and fix the text of the policy that is served from now on.

    A store that cannot be reached yet is no reason not to start: reads go on without it.

    Raises:
        PolicyRejected, UnknownPolicy: the configured policy cannot be used.
        PolicyEdited: it was used before, with another text.
        ContentKeyWrong: the store was used before, with another master key.
    """
    for refresh in (
        keepers.privacy.begin,
        keepers.stages.refresh,
        keepers.health.refresh,
        keepers.estimates.refresh,
    ):
        try:
            await refresh()
        except StorageUnavailable as error:
            _logger.warning("what other processes know is not known yet: %s", error.message)

    await judge.serve(None, Unit(tenant=LOCAL_TENANT))


def _chores(keepers: _Keepers, settings: LedgerSettings) -> tuple[Chore, ...]:
    """Return what is kept up in the background besides the ledger."""
    return (
        Chore(work=keepers.log.catch_up, every_s=settings.reconcile_every_s),
        Chore(work=keepers.stages.refresh, every_s=1.0),
        Chore(work=keepers.health.refresh, every_s=1.0),
        Chore(work=keepers.estimates.refresh, every_s=5.0),
        Chore(work=keepers.budgets.sweep, every_s=10.0),
        Chore(work=keepers.alerts.take_in, every_s=settings.reconcile_every_s),
        *(Chore(work=turn, every_s=1.0) for turn in keepers.alerts.turns),
        Chore(work=keepers.privacy.prune, every_s=600.0),
        Chore(work=keepers.heads.work, every_s=10.0),
    )


def _pace(settings: LedgerSettings) -> Pace:
    """Return the reconciler's times."""
    return Pace(
        lease_s=settings.lease_s,
        reconcile_every_s=settings.reconcile_every_s,
        retention_s=settings.retention_days * 86_400,
    )


def _background(reconciler: Reconciler, stack: AsyncExitStack) -> "asyncio.Task[None]":
    """Return the reconciler as a running task, which `stack` ends.

    A task and not a task group, which could not be left from another task than it was entered in.
    """

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])  # it does not leave a write half done

    task = asyncio.create_task(reconciler.run())
    task.add_done_callback(_tell_end)
    stack.push_async_callback(end)
    return task


def _tell_end(background: "asyncio.Task[None]") -> None:
    """Say loudly if the background has ended by itself, as only a fault of ours can make it."""
    if not background.cancelled() and (fault := background.exception()) is not None:
        _logger.critical("nothing is reconciled any more; restart the server", exc_info=fault)


async def open_targets(
    settings: Settings,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    opening: Callable[[ProviderSettings], Provider] = open_provider,
) -> Targets:
    """Return a client for each provider and desk, not connected yet; `stack` closes them.

    Raises:
        InvalidSettings: an address, a key or a certificate file cannot be used.
        RetryingAdapter: a desk client would send again by itself.
    """
    providers: dict[str, Provider] = {}
    desks: dict[str, Desk] = {}

    for one in settings.providers:
        providers[one.name] = opening(one)
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
