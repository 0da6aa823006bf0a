"""The bare rate of a PostgreSQL server: one row a commit, a connection for each caller."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import anyio
import psycopg

from benchmarks.ledger_loads import FAST, TEXT
from benchmarks.ledger_timing import Timing, drive


def bare_rows(url: str, callers: int, seconds: float) -> Timing:
    """Insert one row a commit."""
    return _load(url, callers, seconds, _insert)


def bare_pairs(url: str, callers: int, seconds: float) -> Timing:
    """Insert a row and settle it, in two commits: what no ledger could do without."""
    return _load(url, callers, seconds, _pair)


def _load(
    url: str,
    callers: int,
    seconds: float,
    act: Callable[[psycopg.AsyncConnection], Awaitable[object]],
) -> Timing:
    """Let as many connections as there are callers do it."""

    async def load() -> Timing:
        async with AsyncExitStack() as stack:
            idle = []

            for _ in range(callers):
                connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
                await stack.enter_async_context(connection)
                idle.append(connection)

            await idle[0].execute(
                "CREATE TABLE IF NOT EXISTS bare (id bigint GENERATED ALWAYS AS IDENTITY "
                "PRIMARY KEY, state text NOT NULL, arguments text NOT NULL, write text NOT NULL)"
            )

            async def once() -> None:
                connection = idle.pop()
                await act(connection)
                idle.append(connection)

            return await drive(once, callers, seconds)

    return anyio.run(load, backend_options=FAST)


async def _insert(connection: psycopg.AsyncConnection) -> int:
    """Return the new row's id, once it is on disk."""
    found = await connection.execute(
        "INSERT INTO bare (state, arguments, write) VALUES ('sending', %s, %s) RETURNING id",
        (TEXT, TEXT),
    )
    row = await found.fetchone()
    assert row is not None
    return int(row[0])


async def _pair(connection: psycopg.AsyncConnection) -> None:
    row_id = await _insert(connection)
    await connection.execute(
        "UPDATE bare SET state = 'succeeded' WHERE id = %s AND state = 'sending'", (row_id,)
    )
