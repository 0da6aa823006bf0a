"""The proof: real servers, killed and cut off thousands of times, judged by the desk's own state.

    python -m benchmarks.torture [--faults 1000] [--seed 1] [--store sqlite|postgresql]
        [--controls] [--lanes 6] [--json]

The end code is 1 if anything was done twice, lost or denied, or if a control was not caught.
"""

import argparse
import asyncio
import importlib
import json
import sys
from pathlib import Path

from benchmarks.torture.contest import Score, contest
from benchmarks.torture.databases import Database, SqliteDatabase
from benchmarks.torture.report import as_json, as_text, is_right
from benchmarks.torture.run import MakeDatabase, Result, torture

_CONTROL_SHARE = 20
_FEWEST_CONTROL_FAULTS = 40
_MOST_CONTROL_FAULTS = 150


def main() -> None:
    """Torture and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--controls", action="store_true", help="torture the controls as well")
    parser.add_argument("--lanes", type=int, default=6, help="worlds at a time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result, scores = asyncio.run(_run(options))
    told = (
        json.dumps(as_json(result, scores), indent=1) if options.json else as_text(result, scores)
    )
    print(told)
    sys.exit(0 if is_right(result, scores) else 1)


async def _run(options: argparse.Namespace) -> tuple[Result, tuple[Score, ...]]:
    def tell(line: str) -> None:
        print(line, file=sys.stderr)

    result = await torture(
        faults=options.faults,
        seed=options.seed,
        store=options.store,
        make_database=databases(options.store),
        lanes=options.lanes,
        tell=tell,
    )

    if not options.controls:
        return result, ()

    faults = min(
        max(options.faults // _CONTROL_SHARE, _FEWEST_CONTROL_FAULTS), _MOST_CONTROL_FAULTS
    )
    return result, await contest(faults=faults, seed=options.seed, tell=tell)


def databases(store: str) -> MakeDatabase:
    """Return what makes the databases of that kind; PostgreSQL's libraries are an extra."""
    if store == "sqlite":
        return lambda folder, name, shaky: SqliteDatabase(folder)

    postgres = importlib.import_module("benchmarks.torture.databases_postgres")

    def make(folder: Path, name: str, shaky: bool) -> Database:
        made: Database = postgres.PostgresDatabase(name, shaky=shaky)
        return made

    return make


if __name__ == "__main__":
    main()
