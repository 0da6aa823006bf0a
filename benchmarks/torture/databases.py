"""The router's database as its enemy sees it: locked, looked into, taken away."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the ledger says of a key, read beside the router."""

    state: str
    attempts: int
    fence: int


class Database(Protocol):
    """The database of one world."""

    @property
    def url(self) -> str:
        """Return what router.yaml names."""

    @property
    def knows_the_dead(self) -> bool:
        """Return whether a dead holder is known to be dead, or its lease has to run out."""

    async def rows(self) -> dict[str, Row]:
        """Return the ledger, by key."""

    async def disturb(self, seconds: float) -> None:
        """Hold a lock for so long, or end every session."""

    async def restart(self) -> None:
        """Stop the server at once and start it again; nothing where there is none."""


class SqliteDatabase:
    """One file."""

    def __init__(self, folder: Path) -> None:
        """Use `router.db` in the folder, which the router makes."""
        self._file = folder / "router.db"

    @property
    def url(self) -> str:
        """Return what router.yaml names."""
        return f"sqlite:///{self._file}"

    @property
    def knows_the_dead(self) -> bool:
        """Return True: all its users are processes of one machine."""
        return True

    async def rows(self) -> dict[str, Row]:
        """Return the ledger, by key."""
        return await asyncio.to_thread(self._rows)

    async def disturb(self, seconds: float) -> None:
        """Hold the write lock for so long, as another process that writes."""
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=5.0)

        with closing(connection):
            connection.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            connection.execute("ROLLBACK")

    async def restart(self) -> None:
        """Do nothing: there is no server."""

    def _rows(self) -> dict[str, Row]:
        if not self._file.exists():
            return {}

        with closing(sqlite3.connect(self._file)) as connection:
            found = connection.execute("SELECT key, state, attempts, fence FROM actions")
            return {
                str(key): Row(state=str(state), attempts=int(attempts), fence=int(fence))
                for key, state, attempts, fence in found
            }
