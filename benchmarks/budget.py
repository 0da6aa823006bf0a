"""What it costs to set money aside: a hold and its settlement, beside a bare record of the log.

    python -m benchmarks.budget [--stores memory,sqlite,postgresql] [--url URL]
        [--seconds 1] [--rounds 5] [--json]

Every call has a ticket and a run of its own, and all share one tenant's month, which is the account
that calls really meet at. A reservation is a hold in all three and its settlement: two durable
commits. It is compared with a reference loop of plain Python, which runs in every round, and with
the append of one record to the same database: one commit. `extended` asks for more once in between.
Every load runs once a round; figures are medians over the rounds. Milliseconds depend on the
machine, ratios much less. Nothing is asserted.
"""

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from benchmarks.ledger import embedded_postgres
from benchmarks.ledger_timing import Timing, drive, median
from benchmarks.reference_loop import reference_loop
from mcp_router.audit.log import RecordStore
from mcp_router.budget.budgets import Budgets
from mcp_router.clock import SystemClock
from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.record import Record
from mcp_router.storage.owner import this_process
from mcp_router.storage.store import open_store
from mcp_router.testing.budgets import MemoryBudgets
from mcp_router.testing.stores import MemoryRecords

APPEND, RESERVE, EXTEND = "record appended", "held, settled", "held, extended, settled"
CALLERS = (1, 8, 64)
FAST = {"use_uvloop": True}  # as `mcp-router serve --transport http` runs

_LOOPS = 200  # of the reference, in a round
_LIMIT = 10**15  # nothing is refused
_PLAN = BudgetPlan(ticket_microusd=_LIMIT, run_microusd=_LIMIT, tenant_month_microusd=_LIMIT)
_PROCESS = this_process()
_numbers = itertools.count(1)

Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The medians of one load on one store, and what its p50 is a multiple of."""

    store: str
    load: str
    callers: int
    timing: Timing
    of_loop: float
    of_append: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A store that is open, with what is measured on it."""

    budgets: Budgets
    records: RecordStore

    def acts(self) -> dict[str, Act]:
        """Return the loads by name."""
        return {APPEND: self._append, RESERVE: self._reserve, EXTEND: self._extend}

    async def _append(self) -> None:
        await self.records.append(_record(next(_numbers)))

    async def _reserve(self) -> None:
        await self._call(0)

    async def _extend(self) -> None:
        await self._call(500)

    async def _call(self, more: int) -> None:
        """Hold money, ask for more of it, and settle."""
        name = f"{_PROCESS}-{next(_numbers)}"
        accounts = self.budgets.accounts(_PLAN, tenant="acme", ticket_id=name, run_id=name)
        held = await self.budgets.hold("acme", accounts, 2_000, ttl_s=60)

        if more:
            await held.extend(more)

        await held.settle(1_234)


def _record(number: int) -> Record:
    """Return a record as a refused call leaves it: as small as they are."""
    return Record(
        decision_id=f"dec_{_PROCESS}-{number}",
        at_ms=0,
        tenant="acme",
        principal="http",
        transport="http",
        tool="route_completion",
        outcome="ok",
        latency_ms=1,
    )


@asynccontextmanager
async def opened(url: str | None) -> AsyncIterator[Place]:
    """Open the store of a URL, or one in memory."""
    clock = SystemClock()

    if url is None:
        memory = Budgets(MemoryBudgets(clock), clock, os.urandom)
        yield Place(budgets=memory, records=MemoryRecords())
        return

    store = open_store(url)
    await store.database.check()

    try:
        budgets = Budgets(store.budgets, clock, os.urandom)
        yield Place(budgets=budgets, records=store.decisions)
    finally:
        await store.aclose()


async def measure(url: str | None, rounds: int, seconds: float) -> dict[tuple[str, int], Timing]:
    """Run every load once a round; return the medians."""
    found: dict[tuple[str, int], list[Timing]] = {}

    async with opened(url) as place:
        for _ in range(rounds):
            for (name, act), callers in itertools.product(place.acts().items(), CALLERS):
                found.setdefault((name, callers), []).append(await drive(act, callers, seconds))

    return {key: median(timings) for key, timings in found.items()}


def url_of(store: str, folder: Path, postgres: str | None) -> str | None:
    """Return where a store is; None for the one in memory."""
    match store:
        case "memory":
            return None
        case "sqlite":
            return f"sqlite:///{folder / 'router.db'}"
        case "postgresql":
            return postgres or embedded_postgres()
        case _:
            raise SystemExit(f"No store is called {store}.")


def loop_ms() -> float:
    """Return the median time of the reference loop, in milliseconds."""
    times_s = []

    for _ in range(_LOOPS):
        started_s = time.perf_counter()
        reference_loop()
        times_s.append(time.perf_counter() - started_s)

    return statistics.median(times_s) * 1000


def figures(store: str, url: str | None, rounds: int, seconds: float) -> list[Figure]:
    """Return what was measured on a store, the loads of a number of callers together."""
    before_ms = loop_ms()
    found = anyio.run(measure, url, rounds, seconds, backend_options=FAST)
    loop = statistics.mean((before_ms, loop_ms()))
    return [
        Figure(
            store=store,
            load=load,
            callers=callers,
            timing=timing,
            of_loop=timing.p50_ms / loop,
            of_append=timing.p50_ms / found[APPEND, callers].p50_ms,
        )
        for (load, callers), timing in sorted(found.items(), key=lambda item: item[0][1])
    ]


def show(found: list[Figure]) -> None:
    """Print the table."""
    print(
        f"{'':11} {'':24} {'callers':>7} {'per s':>8} {'p50 ms':>8} {'p99 ms':>8} "
        f"{'/ loop':>7} {'/ append':>8}"
    )

    for one in found:
        print(
            f"{one.store:11} {one.load:24} {one.callers:7} {one.timing.per_s:8.0f} "
            f"{one.timing.p50_ms:8.3f} {one.timing.p99_ms:8.3f} {one.of_loop:7.1f} "
            f"{one.of_append:8.2f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stores", default="memory,sqlite,postgresql")
    parser.add_argument("--url", help="a PostgreSQL database, instead of an embedded one")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each load in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: list[Figure] = []

    with TemporaryDirectory(prefix="mcp-router-bench-") as folder:
        for store in options.stores.split(","):
            url = url_of(store, Path(folder), options.url)
            found += figures(store, url, options.rounds, options.seconds)

    if options.json:
        print(json.dumps([asdict(one) for one in found]))
    else:
        show(found)


if __name__ == "__main__":
    main()
