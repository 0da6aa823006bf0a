"""The one place that maps a storage URL to a store."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mcp_router.errors import InvalidSettings
from mcp_router.storage.owner import Host, ThisHost
from mcp_router.storage.postgres.extra import require_extra
from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.alerts import AlertTable
from mcp_router.storage.sqlite.archive import Archive as SqliteArchive
from mcp_router.storage.sqlite.budgets import BudgetTable
from mcp_router.storage.sqlite.database import BUSY_TIMEOUT_MS, Database
from mcp_router.storage.sqlite.decisions import DecisionTable
from mcp_router.storage.sqlite.estimates import EstimateTable
from mcp_router.storage.sqlite.heads import HeadTable
from mcp_router.storage.sqlite.health import HealthTable
from mcp_router.storage.sqlite.privacy import PrivacyTable
from mcp_router.storage.sqlite.stages import StageTable

if TYPE_CHECKING:
    # Their driver is an extra: where it is missing, these names are known to nobody but mypy.
    from mcp_router.storage.postgres.actions import ActionTable as PostgresActions
    from mcp_router.storage.postgres.alerts import AlertTable as PostgresAlerts
    from mcp_router.storage.postgres.archive import Archive as PostgresArchive
    from mcp_router.storage.postgres.budgets import BudgetTable as PostgresBudgets
    from mcp_router.storage.postgres.database import Database as PostgresDatabase
    from mcp_router.storage.postgres.decisions import DecisionTable as PostgresDecisions
    from mcp_router.storage.postgres.estimates import EstimateTable as PostgresEstimates
    from mcp_router.storage.postgres.heads import HeadTable as PostgresHeads
    from mcp_router.storage.postgres.health import HealthTable as PostgresHealth
    from mcp_router.storage.postgres.privacy import PrivacyTable as PostgresPrivacy
    from mcp_router.storage.postgres.stages import StageTable as PostgresStages

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")

Archive: TypeAlias = "SqliteArchive | PostgresArchive"
"""What reads a store from outside; each kind has the same methods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The tables of one open database; `place` says which one in words, never with a password."""

    place: str
    database: "Database | PostgresDatabase"
    actions: "ActionTable | PostgresActions"
    decisions: "DecisionTable | PostgresDecisions"
    budgets: "BudgetTable | PostgresBudgets"
    estimates: "EstimateTable | PostgresEstimates"
    health: "HealthTable | PostgresHealth"
    stages: "StageTable | PostgresStages"
    alerts: "AlertTable | PostgresAlerts"
    privacy: "PrivacyTable | PostgresPrivacy"
    heads: "HeadTable | PostgresHeads"
    closing: Callable[[], Awaitable[None]]

    async def aclose(self) -> None:
        """Finish what was accepted and close the database."""
        await self.closing()


def open_store(
    url: str,
    *,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    database: type[Database] = Database,
    host: Host | None = None,
) -> Store:
    """Open the database of a storage URL for a server, inside the event loop that will use it.

    `busy_timeout_ms` is how long a call waits for another process that holds a SQLite file, which
    `database` opens on `host` (by default this machine). A PostgreSQL database is connected to
    when it is first used, and again after a loss.

    Raises:
        InvalidSettings: the URL names no kind of store that is supported, or its driver is missing.
        StorageUnavailable: the file cannot be opened.
    """
    if url.startswith(POSTGRES):
        return _open_postgres(url)

    path = _path(url)
    opened = database(path, busy_timeout_ms=busy_timeout_ms)
    host = host or ThisHost()

    async def close() -> None:
        opened.close()

    return Store(
        place=f"the SQLite file {path}",
        database=opened,
        actions=ActionTable(opened, host),
        decisions=DecisionTable(opened),
        budgets=BudgetTable(opened, host),
        estimates=EstimateTable(opened),
        health=HealthTable(opened),
        stages=StageTable(opened),
        alerts=AlertTable(opened, host),
        privacy=PrivacyTable(opened),
        heads=HeadTable(opened),
        closing=close,
    )


def open_archive(url: str) -> Archive:
    """Open the database of a storage URL for reading, beside servers that may be running.

    Raises:
        InvalidSettings: the URL names no kind of store that is supported, or its driver is missing.
        StorageUnavailable: there is no such database.
    """
    if not url.startswith(POSTGRES):
        return SqliteArchive(_path(url))

    require_extra()
    from mcp_router.storage.postgres.archive import Archive  # noqa: PLC0415  # an extra

    return Archive(url)


def _open_postgres(url: str) -> Store:
    """Return the tables of a PostgreSQL database."""
    require_extra()
    from mcp_router.storage.postgres.actions import ActionTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.alerts import AlertTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.budgets import BudgetTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.database import Database  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.decisions import DecisionTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.estimates import EstimateTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.heads import HeadTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.health import HealthTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.privacy import PrivacyTable  # noqa: PLC0415  # an extra
    from mcp_router.storage.postgres.stages import StageTable  # noqa: PLC0415  # an extra

    database = Database(url)
    actions, decisions, budgets = (
        ActionTable(database),
        DecisionTable(database),
        BudgetTable(database),
    )

    async def close() -> None:
        await actions.aclose()
        await decisions.aclose()
        await budgets.aclose()
        await database.aclose()

    return Store(
        place=database.place,
        database=database,
        actions=actions,
        decisions=decisions,
        budgets=budgets,
        estimates=EstimateTable(database),
        health=HealthTable(database),
        stages=StageTable(database),
        alerts=AlertTable(database),
        privacy=PrivacyTable(database),
        heads=HeadTable(database),
        closing=close,
    )


def _path(url: str) -> Path:
    """Return the file of a sqlite URL."""
    if not url.startswith(SQLITE):
        raise InvalidSettings(
            "storage: expected sqlite:///path/to/router.db or postgresql://user@host/database."
        )

    return Path(url.removeprefix(SQLITE))
