"""What the decision log's chain costs: as it grows, and where replicas share one sequence.

    python -m benchmarks.audit [--store sqlite|postgresql] [--rows 5000000] [--seconds 3]

Growth: records are appended in bulk, through the product's own way of doing so, and at each size
single appends and batches are timed. The ratio to the empty log is what counts. Replicas: as many
stores as `--replicas` append to one PostgreSQL with eight callers each, into the chain, into the
same rows with no chain but in one sequence, and into rows of which each has a number of its own.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import psycopg

from benchmarks.ledger_loads import FAST
from benchmarks.ledger_timing import Timing, drive
from mcp_router.domain.ids import make_id
from mcp_router.domain.record import Record
from mcp_router.storage.postgres.decisions import DecisionTable as PostgresDecisions
from mcp_router.storage.postgres.decisions import _insert, _row
from mcp_router.storage.records import COLUMNS, record_values
from mcp_router.storage.sqlite.decisions import insert_record
from mcp_router.storage.store import open_store
from tests.storage.postgres.server import fresh_url
from tests.storage.rows import record

SIZES = (0, 1_000, 10_000, 100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000)
BATCH = 5_000
SINGLES = 400
CALLERS = 8

_BARE = ", ".join((*COLUMNS, "record"))
_KINDS = {"at_ms": "bigint", "cost_microusd": "bigint", "latency_ms": "bigint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What appending cost at a size: a durable append alone, and a row within a large batch."""

    size: int
    single_ms: float
    batch_us: float


def records(first: int, many: int) -> list[Record]:
    """Return records with ids that sort by time, as the router's do."""
    return [
        replace(
            record(),
            decision_id=make_id("dec", 1_795_262_400_000 + number, _bytes),
            at_ms=1_795_262_400_000 + number,
            run_id=f"run-{number % 97}",
            ticket_id=str(number % 1_009),
        )
        for number in range(first, first + many)
    ]


def _bytes(size: int) -> bytes:
    """Return bytes that need no entropy: the time makes the ids differ."""
    return bytes(size)


async def grow(
    append: Callable[[Record], Awaitable[int]],
    fill: Callable[[Sequence[Record]], Awaitable[None]],
    most: int,
) -> list[Point]:
    """Return the points up to `most` rows."""
    points: list[Point] = []
    size = 0

    for goal in (one for one in SIZES if one <= most):
        while size < goal:
            many = min(BATCH, goal - size)
            await fill(records(size, many))
            size += many

        singles, batches = [], []

        for one in records(size, SINGLES):
            started_s = time.perf_counter()
            await append(one)
            singles.append(time.perf_counter() - started_s)

        size += SINGLES

        for _ in range(5):
            rows = records(size, BATCH)
            started_s = time.perf_counter()
            await fill(rows)
            batches.append((time.perf_counter() - started_s) / BATCH)
            size += BATCH

        points.append(
            Point(
                size=goal,
                single_ms=statistics.median(singles) * 1e3,
                batch_us=statistics.median(batches) * 1e6,
            )
        )
        print(_told(points), flush=True)

    return points


def _told(points: list[Point]) -> str:
    """Return the newest point, against the first."""
    now, empty = points[-1], points[0]
    return (
        f"{now.size:>10,} rows: single {now.single_ms:.3f} ms "
        f"(x{now.single_ms / empty.single_ms:.2f}), in a batch {now.batch_us:.1f} us a row "
        f"(x{now.batch_us / empty.batch_us:.2f})"
    )


async def grow_sqlite(folder: Path, most: int) -> None:
    """Time appends to a SQLite file, and the same rows without leaf and chain."""
    store = open_store(f"sqlite:///{folder / 'router.db'}")

    async def fill(rows: Sequence[Record]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            for row in rows:
                insert_record(connection, row)

        await store.database.write(job)  # type: ignore[union-attr]  # a SQLite store's

    await grow(store.decisions.append, fill, most)
    await store.aclose()
    print(f"  without leaf and chain {bare_sqlite(folder):.1f} us a row in a batch")


def bare_sqlite(folder: Path) -> float:
    """Return the microseconds of a row that is not chained, in a batch."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            f"CREATE TABLE decisions (seq INTEGER PRIMARY KEY AUTOINCREMENT, {_BARE}, "
            "UNIQUE (decision_id))"
        )
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        times: list[float] = []

        for number in range(6):
            rows = records(number * BATCH, BATCH)
            started_s = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")

            for row in rows:
                connection.execute(
                    f"INSERT INTO decisions ({_BARE}) VALUES ({marks})", record_values(row)
                )

            connection.execute("COMMIT")
            times.append((time.perf_counter() - started_s) / BATCH)

    return statistics.median(times) * 1e6


async def grow_postgres(most: int) -> None:
    """Time appends to a PostgreSQL database."""
    store = open_store(fresh_url())
    await store.database.check()

    async def fill(rows: Sequence[Record]) -> None:
        async def job(
            connection: "psycopg.AsyncConnection[dict[str, object]]", again: bool
        ) -> None:
            await _insert(connection, [_row(one) for one in rows])

        await store.database.run(job)  # type: ignore[union-attr]  # a PostgreSQL store's

    await grow(store.decisions.append, fill, most)
    await store.aclose()


_ORDERED = """
    WITH head AS (UPDATE bare_head SET last = last + %s RETURNING last - %s AS base)
    INSERT INTO {table} (seq, {names})
    SELECT head.base + item.n, {items}
    FROM head, unnest({kinds}) WITH ORDINALITY AS item({names}, n)
"""
_UNORDERED = """
    INSERT INTO {table} ({names}) SELECT {items} FROM unnest({kinds}) AS item({names})
"""


class Bare(PostgresDecisions):
    """The same writer with another statement: without the chain, or without the sequence."""

    ordered = True

    async def _append(self, batch):  # type: ignore[no-untyped-def]  # as the table has it
        statement = _ORDERED if self.ordered else _UNORDERED
        query = statement.format(
            table="bare_ordered" if self.ordered else "bare_unordered",
            names=_BARE,
            items=", ".join(f"item.{name}" for name in (*COLUMNS, "record")),
            kinds=", ".join(f"%s::{_KINDS.get(name, 'text')}[]" for name in (*COLUMNS, "record")),
        )
        columns = [list(column) for column in zip(*batch, strict=True)]
        counts = (len(batch), len(batch)) if self.ordered else ()

        async def job(connection, again):  # type: ignore[no-untyped-def]  # as every job is
            await connection.execute(query.encode(), (*counts, *columns))
            return [1] * len(batch)

        return await self._database.run(job)


class Unordered(Bare):
    """Rows that need not wait for each other."""

    ordered = False


async def share(replicas: int, seconds: float, rounds: int) -> None:
    """Let replicas append to one database, in each of the three ways in turn."""
    url = fresh_url()
    stores = [open_store(url) for _ in range(replicas)]
    await stores[0].database.check()
    names = ", ".join(f"{name} {_KINDS.get(name, 'text')}" for name in (*COLUMNS, "record"))

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE TABLE bare_head (last bigint NOT NULL) WITH (fillfactor = 10);
            INSERT INTO bare_head VALUES (0);
            CREATE TABLE bare_ordered (seq bigint PRIMARY KEY, {names}, UNIQUE (decision_id));
            CREATE TABLE bare_unordered (
                seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {names}, UNIQUE (decision_id)
            );
            """.encode()
        )

    kinds: dict[str, list[PostgresDecisions]] = {
        "chained": [PostgresDecisions(one.database) for one in stores],  # type: ignore[arg-type]  # a PostgreSQL store's
        "one sequence, no chain": [Bare(one.database) for one in stores],  # type: ignore[arg-type]  # a PostgreSQL store's
        "no order": [Unordered(one.database) for one in stores],  # type: ignore[arg-type]  # a PostgreSQL store's
    }
    found: dict[str, list[Timing]] = {name: [] for name in kinds}
    waiting = iter(range(100_000_000))

    for _ in range(rounds):
        for name, tables in kinds.items():
            turns = iter(range(100_000_000))

            async def once(tables: list[PostgresDecisions] = tables, turns=turns) -> None:  # type: ignore[no-untyped-def]  # bound for this turn
                [one] = records(next(waiting), 1)
                await tables[next(turns) % len(tables)].append(one)

            found[name].append(await drive(once, replicas * CALLERS, seconds))

    for name, timings in found.items():
        per_s = statistics.median(one.per_s for one in timings)
        p50 = statistics.median(one.p50_ms for one in timings)
        base = statistics.median(one.per_s for one in found["no order"])
        print(
            f"  {replicas} replicas, {name}: {per_s:,.0f} a second (x{per_s / base:.2f}), "
            f"p50 {p50:.1f} ms",
            flush=True,
        )

    for tables in kinds.values():
        for table in tables:
            await table.aclose()

    for store in stores:
        await store.aclose()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--store", choices=["sqlite", "postgresql", "all"], default="all")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 4])
    asked = parser.parse_args()

    if asked.store in ("sqlite", "all"):
        with tempfile.TemporaryDirectory() as folder:
            print("SQLite")
            anyio.run(grow_sqlite, Path(folder), asked.rows, backend_options=FAST)

    if asked.store in ("postgresql", "all"):
        print("PostgreSQL")
        anyio.run(grow_postgres, asked.rows, backend_options=FAST)

        for replicas in asked.replicas:
            anyio.run(share, replicas, asked.seconds, asked.rounds, backend_options=FAST)


if __name__ == "__main__":
    main()
