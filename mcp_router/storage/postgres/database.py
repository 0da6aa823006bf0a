"""One pool of connections to a PostgreSQL database that other replicas may be using as well.

A connection can be lost while its COMMIT is under way; then nobody knows what became of it until
the database is asked. So every job that writes must be repeatable: `run` gives it a fresh
connection and tells it that an earlier run may have been committed, or may still be.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import anyio
import psycopg
from psycopg import AsyncConnection, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from mcp_router.errors import InvalidArguments, InvalidSettings, StorageUnavailable
from mcp_router.storage.postgres.schema import MIGRATION_TIMEOUT_S, migrate

T = TypeVar("T")

_logger = logging.getLogger(__name__)

CONNECTIONS = 16
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 10.0
_TRIES = 4
_SLACK_S = 1.0  # what the server's own timeout may take to reach us

Connection: TypeAlias = AsyncConnection[DictRow]
Job: TypeAlias = Callable[[Connection, bool], Awaitable[T]]
"""Runs on a connection in autocommit; the flag says that an earlier run may have committed."""

# The server has rolled these back, so that a repetition starts from nothing.
_ROLLED_BACK = (errors.SerializationFailure, errors.DeadlockDetected)


class _Lost(Exception):
    """The connection broke while a statement was under way."""

    def __init__(self, reason: str) -> None:
        """Keep the name of what happened."""
        super().__init__(reason)
        self.reason = reason


class Database:
    """The open database of one process; connects when it is first used, and again after a loss."""

    def __init__(
        self,
        url: str,
        *,
        connections: int = CONNECTIONS,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> None:
        """Prepare for at most `connections` at a time; nothing is sent yet.

        A caller waits at most `connect_timeout_s` for a connection and about
        `statement_timeout_s` for each answer.

        Raises:
            InvalidSettings: the URL cannot be read.
        """
        self.place = place_of(url)
        self._connect_timeout_s = connect_timeout_s
        self._statement_timeout_s = statement_timeout_s
        self._conninfo = conninfo(url, connect_timeout_s)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._conninfo,
            kwargs={"autocommit": True, "row_factory": dict_row},
            configure=self._configure,
            min_size=1,
            max_size=connections,
            timeout=connect_timeout_s,
            # Short: when the pool has given up, the next caller makes it try again at once.
            reconnect_timeout=1.0,
            open=False,
        )
        self._starting = asyncio.Lock()
        self._ready = False
        self._closed = False
        self._losses = 0

    async def open(self) -> None:
        """Bring the database up to this version now instead of at its first use.

        Raises:
            StorageUnavailable: it cannot be reached or migrated; the next use tries again.
        """
        await self.run(_nothing)

    async def run(self, job: Job[T]) -> T:
        """Run `job` and return its result, once what it committed is on disk.

        `job` runs again where the server rolled it back because of other transactions, and after
        a lost connection; it must then find out what its former run did.

        Raises:
            StorageUnavailable: the database cannot be used; the message says if it is unknown
                what became of a write.
            InvalidArguments: a text holds what PostgreSQL cannot keep; nothing was written.
        """
        again = False
        failure = StorageUnavailable("The database cannot be used now.")

        for _ in range(_TRIES):
            try:
                return await self._once(job, again)
            except _ROLLED_BACK as error:
                failure = unavailable(error, unsure=again)
            except _Lost as lost:
                again = True
                failure = _refusal(lost.reason, unsure=True)
            except (psycopg.DataError, UnicodeEncodeError) as error:
                raise _unkeepable(error) from None
            except psycopg.IntegrityError:
                raise  # what it means is for the table to say
            except psycopg.Error as error:
                raise unavailable(error, unsure=again) from None

        raise failure

    async def check(self) -> None:
        """Prove that something can be put on disk now; what the database holds stays the same.

        Raises:
            StorageUnavailable: it cannot.
        """
        await self.run(_write_nothing)

    async def aclose(self) -> None:
        """Refuse new jobs and let go of the database; a job under way ends first."""
        self._closed = True
        await self._pool.close()

    async def _once(self, job: Job[T], again: bool) -> T:
        """Run `job` on one connection of a database that is up to date."""
        if self._closed:
            raise StorageUnavailable("The database is closed.")

        if not self._ready:
            await self._start()

        return await self._borrow(
            lambda connection: job(connection, again), self._statement_timeout_s
        )

    async def _start(self) -> None:
        """Migrate the database and open the pool, once.

        Raises:
            StorageUnavailable: the database cannot be reached; the log says why.
        """
        async with self._starting:
            if self._ready:
                return

            # Not from the pool: that would try again and again for all of its time.
            async with await self._connect() as connection:
                await self._configure(connection)

                try:
                    with anyio.fail_after(MIGRATION_TIMEOUT_S + _SLACK_S):
                        await migrate(connection)
                except TimeoutError:
                    raise _refusal("no answer in time", unsure=False) from None

            await self._pool.open(wait=False)
            self._ready = True

    async def _connect(self) -> Connection:
        """Return a connection of its own."""
        try:
            return await AsyncConnection.connect(
                self._conninfo, autocommit=True, row_factory=dict_row
            )
        except psycopg.OperationalError as error:
            raise unreachable(error) from None

    async def _borrow(self, use: Callable[[Connection], Awaitable[T]], timeout_s: float) -> T:
        """Use one connection and give it back, whatever happens.

        The server's own timeout covers neither a commit that waits for a standby nor a server
        that hangs, hence a second one here. A silent server is not asked twice.

        Raises:
            _Lost: the connection is gone, and what it was doing has an unknown outcome.
            StorageUnavailable: no answer came in time.
        """
        losses = self._losses
        connection = await self._pool.getconn()

        try:
            with anyio.fail_after(timeout_s + _SLACK_S):
                return await use(connection)
        except TimeoutError:
            await _drop(connection)
            raise _refusal("no answer in time", unsure=True) from None
        except errors.ReadOnlySqlTransaction:
            await _drop(connection)  # after a failover a new one may reach the new primary
            raise
        except psycopg.OperationalError as error:
            if not connection.broken:
                raise

            raise _Lost(type(error).__name__) from None
        finally:
            # Shielded: a cancelled caller must not take the connection with it.
            with anyio.CancelScope(shield=True):
                await self._pool.putconn(connection)
                await self._renew(losses, connection)

    async def _renew(self, losses: int, connection: Connection) -> None:
        """Replace the idle connections after the first loss among them: a restart ended them all.

        `losses` is the count when the connection was borrowed; one that was lost together with
        others must not make the pool drop their successors.
        """
        if connection.broken and losses == self._losses and not self._closed:
            self._losses += 1
            await self._pool.drain()

    async def _configure(self, connection: Connection) -> None:
        """Set what every session of ours rests on, whatever the server's defaults are.

        A standby that must have applied the commit (`remote_apply`) is asked for even more than
        we need, and stays.

        Plans are made once, and by index: one that is made while the tables are new would read
        them from end to end for as long as the server has not counted their rows (measured:
        three times the time of a batch after 5,000 rows).
        """
        timeout_ms = str(round(self._statement_timeout_s * 1000))
        await connection.execute(
            """
            SELECT set_config('statement_timeout', %s, false),
                set_config('idle_in_transaction_session_timeout', %s, false),
                set_config('default_transaction_isolation', 'read committed', false),
                set_config('plan_cache_mode', 'force_generic_plan', false),
                set_config('enable_seqscan', 'off', false),
                set_config('synchronous_commit',
                    CASE current_setting('synchronous_commit')
                        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)
            """,
            (timeout_ms, timeout_ms),
        )


def unavailable(
    error: psycopg.Error | UnicodeEncodeError, *, unsure: bool = False
) -> StorageUnavailable:
    """Return the coded error for a database that fails, with the name of its SQLSTATE's class.

    The server's own text may hold values, so it stays out; raise this `from None`.
    """
    return _refusal(type(error).__name__, unsure=unsure)


def unreachable(error: psycopg.OperationalError) -> StorageUnavailable:
    """Log why no connection could be made, and return the coded error.

    The reason names hosts and users, never a password (libpq): it is for the log, not for hosts.
    """
    _logger.warning("no connection to the database: %s", str(error).strip())
    return StorageUnavailable(
        "The database cannot be reached.",
        next_step="Check that the PostgreSQL server runs and lets this user in; the log says why.",
    )


def _refusal(reason: str, *, unsure: bool) -> StorageUnavailable:
    """Return the error; `unsure` says that a write may have been kept all the same."""
    told = " It is not known whether a write under way was kept." if unsure else ""
    return StorageUnavailable(
        f"The database cannot be used now ({reason}).{told}",
        next_step="Check that the PostgreSQL server runs and can be written, then try again.",
    )


def _unkeepable(error: Exception) -> InvalidArguments:
    """Return the error for a text with a NUL or half a surrogate pair, or a number out of range."""
    return InvalidArguments(
        f"An argument holds a character that cannot be stored ({type(error).__name__})."
    )


def conninfo(url: str, connect_timeout_s: float) -> str:
    """Return the URL with our own defaults.

    Without TCP's own limits a network that swallows packets would hold a connection for hours.

    Raises:
        InvalidSettings: libpq cannot read it.
    """
    try:
        return make_conninfo(
            url,
            connect_timeout=max(2, round(connect_timeout_s)),  # libpq waits 2 s at least
            client_encoding="utf8",
            fallback_application_name="mcp-router",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
    except psycopg.Error:
        # `from None`: libpq quotes the URL, and with it a password.
        raise InvalidSettings(
            "storage: expected a URL of the form postgresql://user@host/database."
        ) from None


def place_of(url: str) -> str:
    """Return where a database is, in words and without a password.

    Raises:
        InvalidSettings: libpq cannot read the URL.
    """
    parts = conninfo_to_dict(conninfo(url, CONNECT_TIMEOUT_S))
    name, host, port = (parts.get(part) for part in ("dbname", "host", "port"))
    at = f" at {host or 'the default host'}" + (f":{port}" if port else "")
    return f"the PostgreSQL database {name or 'of the default name'}{at}"


async def _drop(connection: Connection) -> None:
    """Close a connection that is not to be used again."""
    with anyio.CancelScope(shield=True):
        await connection.close()


async def _nothing(connection: Connection, again: bool) -> None:
    """Use the connection for nothing."""


async def _write_nothing(connection: Connection, again: bool) -> None:
    """Commit a line of the write-ahead log that says nothing: an empty commit is not flushed."""
    await connection.execute("SELECT pg_logical_emit_message(true, 'mcp-router', '')")
