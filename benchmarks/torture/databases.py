"""The router's database as its enemy sees it: locked, looked into, taken away."""

import asyncio
import contextlib
import resource
import sqlite3
import time
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


SMALLEST_BYTES = 1
_PATIENCE_S = 30.0  # a process that was stopped within a commit goes on before that


def limit_files(pid: int, most_bytes: int | None) -> None:
    """Let a process write files only up to so many bytes; None takes the limit away.

    Beyond it a write fails, as on a full disk. A process that has ended is left alone.
    """
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        soft = hard if most_bytes is None else most_bytes
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


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

    async def lock(self, seconds: float) -> None:
        """Hold a lock that writers need for so long."""

    async def end_sessions(self, seconds: float) -> None:
        """End every session, now and once more after so long."""

    async def forbid_writing(self, seconds: float) -> None:
        """Let every new transaction be refused to write for so long."""

    async def fill(self, pid: int) -> None:
        """Let every write to a file fail for the router's process `pid`, or for its sessions."""

    async def make_room(self, pid: int) -> None:
        """Let files be written again."""

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

    async def lock(self, seconds: float) -> None:
        """Hold the write lock for so long, as another process that writes."""
        await asyncio.to_thread(self._lock, seconds)

    async def end_sessions(self, seconds: float) -> None:
        """Do nothing: there is no server that has sessions."""

    async def forbid_writing(self, seconds: float) -> None:
        """Do nothing: nobody forbids writing to a file that is open."""

    async def fill(self, pid: int) -> None:
        """Let every write of the router's process to a file fail."""
        limit_files(pid, SMALLEST_BYTES)

    async def make_room(self, pid: int) -> None:
        """Let files be written again."""
        limit_files(pid, None)

    async def restart(self) -> None:
        """Do nothing: there is no server."""

    def _lock(self, seconds: float) -> None:
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=_PATIENCE_S)

        with closing(connection):
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")

    def _rows(self) -> dict[str, Row]:
        if not self._file.exists():
            return {}

        with closing(sqlite3.connect(self._file)) as connection:
            found = connection.execute("SELECT key, state, attempts, fence FROM actions")
            return {
                str(key): Row(state=str(state), attempts=int(attempts), fence=int(fence))
                for key, state, attempts, fence in found
            }
