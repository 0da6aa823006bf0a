"""The bare rate of a PostgreSQL server: one row a commit, a connection for each caller."""

from contextlib import AsyncExitStack

import anyio
import psycopg

from benchmarks.ledger_loads import FAST, TEXT
from benchmarks.ledger_timing import Timing, drive


def bare_rows(url: str, callers: int, seconds: float) -> Timing:
    """Insert one row a commit over `callers` connections."""

    async def load() -> Timing:
        async with AsyncExitStack() as stack:
            idle = []

            for _ in range(callers):
                connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
                await stack.enter_async_context(connection)
                idle.append(connection)

            await idle[0].execute(
                "CREATE TABLE IF NOT EXISTS bare "
                "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)"
            )

            async def act() -> None:
                connection = idle.pop()
                await connection.execute("INSERT INTO bare (body) VALUES (%s)", (TEXT,))
                idle.append(connection)

            return await drive(act, callers, seconds)

    return anyio.run(load, backend_options=FAST)
