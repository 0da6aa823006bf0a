"""The one place that maps a storage URL to a store."""

from dataclasses import dataclass
from pathlib import Path

from mcp_router.errors import InvalidSettings
from mcp_router.storage.owner import ThisHost
from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.archive import Archive
from mcp_router.storage.sqlite.database import BUSY_TIMEOUT_MS, Database
from mcp_router.storage.sqlite.decisions import DecisionTable

SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The tables of one open database."""

    database: Database
    actions: ActionTable
    decisions: DecisionTable

    def close(self) -> None:
        """Finish what was accepted and close the database."""
        self.database.close()

    async def aclose(self) -> None:
        """Finish what was accepted and close the database."""
        self.close()


def open_store(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Store:
    """Open the database of a storage URL for a server.

    `busy_timeout_ms` is how long a call waits for another process that holds the database.

    Raises:
        InvalidSettings: the URL names no kind of store that is supported.
        StorageUnavailable: the database cannot be opened.
    """
    database = Database(_path(url), busy_timeout_ms=busy_timeout_ms)
    return Store(
        database=database,
        actions=ActionTable(database, ThisHost()),
        decisions=DecisionTable(database),
    )


def open_archive(url: str) -> Archive:
    """Open the database of a storage URL for reading, beside a server that may be running.

    Raises:
        InvalidSettings: the URL names no kind of store that is supported.
        StorageUnavailable: there is no such database.
    """
    return Archive(_path(url))


def _path(url: str) -> Path:
    """Return the file of a sqlite URL."""
    if not url.startswith(SQLITE):
        raise InvalidSettings("storage: expected a URL of the form sqlite:///path/to/router.db.")

    return Path(url.removeprefix(SQLITE))
