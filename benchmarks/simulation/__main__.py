"""Search a million schedules for one that breaks a promise of the ledger.

    python -m benchmarks.simulation [--schedules 20000] [--seed 1] [--strategy cas_marker]
        [--processes 1] [--mutant NAME] [--trace]

Callers, reconcilers and people meet at simulated desks through the router's own walks, ledger and
state machine, one await at a time; processes end and stand still at any of them. A seed is one
schedule, whole and repeatable: `--seed N --schedules 1 --trace` shows its every step. `--mutant`
takes a safety rule out of the router first, to see that the search notices. Exits 1 if a promise
was broken.
"""

import argparse
import sys
import time

from benchmarks.simulation.mutants import MUTANTS
from benchmarks.simulation.search import player, search
from mcp_router.domain.action import Strategy

SHOWN = 5
"""How many seeds of one broken promise are named."""


def main() -> int:
    """Run the command line, and return its exit code."""
    options = _options().parse_args()
    strategy = None if options.strategy is None else Strategy(options.strategy)
    mutant: str | None = options.mutant

    if options.trace:
        verdict = player(mutant)(options.seed, strategy, print)
        print(verdict.check or "every promise was kept")
        return int(verdict.check is not None)

    seeds = range(options.seed, options.seed + options.schedules)
    started_s = time.monotonic()
    broken = search(seeds, strategy, mutant, processes=options.processes)
    took_s = time.monotonic() - started_s
    print(f"{len(seeds)} schedules in {took_s:.1f} s, {len(seeds) / took_s:.0f} a second")

    for check, verdicts in broken.items():
        named = ", ".join(str(verdict.seed) for verdict in verdicts[:SHOWN])
        print(f"BROKEN in {len(verdicts)}: {check}; seeds {named}")

    if not broken:
        print("Every promise was kept.")

    return int(bool(broken))


def _options() -> argparse.ArgumentParser:
    """Return the options of the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation")
    parser.add_argument("--schedules", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule")
    parser.add_argument("--strategy", choices=[one.value for one in Strategy])
    parser.add_argument("--processes", type=int, default=1, help="how many cores to use")
    parser.add_argument("--mutant", choices=[one.name for one in MUTANTS])
    parser.add_argument("--trace", action="store_true", help="show each step of the one schedule")
    return parser


if __name__ == "__main__":
    sys.exit(main())
