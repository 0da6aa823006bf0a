"""Every kind of store, opened for one test, on a clock that the test moves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mcp_router.alerts.store import AlertStore
from mcp_router.audit.heads import HeadStore
from mcp_router.audit.log import RecordStore
from mcp_router.budget.budgets import BudgetStore
from mcp_router.domain.action import (
    Action,
)
from mcp_router.health.store import HealthStore
from mcp_router.learning.estimates import EstimateStore
from mcp_router.ledger.ledger import ActionStore
from mcp_router.privacy.store import PrivacyStore
from mcp_router.rollout.store import StageStore
from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.alerts import AlertTable
from mcp_router.storage.sqlite.budgets import BudgetTable
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.decisions import DecisionTable
from mcp_router.storage.sqlite.estimates import EstimateTable
from mcp_router.storage.sqlite.heads import HeadTable
from mcp_router.storage.sqlite.health import HealthTable
from mcp_router.storage.sqlite.inline import InlineDatabase
from mcp_router.storage.sqlite.privacy import PrivacyTable
from mcp_router.storage.sqlite.stages import StageTable
from mcp_router.storage.store import open_store
from mcp_router.testing.alerts import MemoryAlerts
from mcp_router.testing.budgets import MemoryBudgets
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.estimates import MemoryEstimates
from mcp_router.testing.heads import MemoryHeads
from mcp_router.testing.health import MemoryHealth
from mcp_router.testing.privacy import MemoryPrivacy
from mcp_router.testing.stages import MemoryStages
from mcp_router.testing.stores import MemoryActions, MemoryRecords
from tests.storage.hosts import ManualHost
from tests.storage.postgres.clock import ServerClock
from tests.storage.postgres.server import fresh_url


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A store of one kind; `advance` lets that many seconds pass on its own clock."""

    actions: ActionStore
    records: RecordStore
    budgets: BudgetStore
    estimates: EstimateStore
    health: HealthStore
    stages: StageStore
    alerts: AlertStore
    privacy: PrivacyStore
    heads: HeadStore
    advance: Callable[[float], None]


@asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Opened]:
    clock = ManualClock()
    records = MemoryRecords()
    yield Opened(
        actions=MemoryActions(clock, records),
        records=records,
        budgets=MemoryBudgets(clock),
        estimates=MemoryEstimates(),
        health=MemoryHealth(),
        stages=MemoryStages(records),
        alerts=MemoryAlerts(clock, records),
        privacy=MemoryPrivacy(records),
        heads=MemoryHeads(records),
        advance=clock.advance,
    )


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Opened]:
    database = Database(folder / "router.db")
    yield _tables(database)
    database.close()


@asynccontextmanager
async def inline(folder: Path) -> AsyncIterator[Opened]:
    database = InlineDatabase(folder / "router.db")
    yield _tables(database)
    database.close()


def _tables(database: Database) -> Opened:
    host = ManualHost()
    return Opened(
        actions=ActionTable(database, host),
        records=DecisionTable(database),
        budgets=BudgetTable(database, host),
        estimates=EstimateTable(database),
        health=HealthTable(database),
        stages=StageTable(database),
        alerts=AlertTable(database, host),
        privacy=PrivacyTable(database),
        heads=HeadTable(database),
        advance=host.advance,
    )


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Opened]:
    url = fresh_url()
    store = open_store(url)
    await store.database.check()  # the tables are there from the first use on
    clock = ServerClock(url)
    yield Opened(
        actions=store.actions,
        records=store.decisions,
        budgets=store.budgets,
        estimates=store.estimates,
        health=store.health,
        stages=store.stages,
        alerts=store.alerts,
        privacy=store.privacy,
        heads=store.heads,
        advance=clock.advance,
    )
    clock.close()
    await store.aclose()


async def found(actions: ActionStore, row: Action) -> Action:
    now = await actions.by_key(row.tenant, row.key)
    assert now is not None
    return now
