"""Play a support copilot's day, before routing and after, and compare: a simulation.

Before: one frontier model, full retries, and a host that calls its ticket tool again. After: the
packaged policy `support` with the router's ledger. The router is the real one, the model servers
and the help desk are the embedded ones, and the time is virtual. What is assumed stands in
assumptions.json with its sources. Exits with 1 if an aim is missed.
"""

import argparse
import json
import sys

from examples.marketplace.assumptions import load_assumptions
from examples.marketplace.report import comparison, lines, outage_report
from examples.marketplace.runs import run_both, run_outage
from mcp_router.canonical import plain


def main() -> int:
    """Run the command line, and return its exit code."""
    assumptions = load_assumptions()
    options = _options(assumptions.traffic.requests).parse_args()
    requests: int = options.requests
    seed: int = options.seed

    if options.outage:
        after, outage = run_outage(requests, seed)
        report = outage_report(after, outage, assumptions, seed=seed)
    else:
        before, after = run_both(requests, seed)
        report = comparison(before, after, assumptions, seed=seed)

    if options.json:
        print(json.dumps(plain(report)))
    else:
        print("\n".join(lines(report)))

    return int(not all(aim.reached for aim in report.aims))


def _options(requests: int) -> argparse.ArgumentParser:
    """Return the options of the command."""
    parser = argparse.ArgumentParser(
        prog="run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument(
        "--requests", type=_count, default=requests, help=f"of the day (default: {requests})"
    )
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument(
        "--outage", action="store_true", help="play the day after with a long outage instead"
    )
    return parser


def _count(text: str) -> int:
    """Return a number of requests; raises ValueError for none."""
    number = int(text)

    if number < 1:
        raise ValueError

    return number


if __name__ == "__main__":
    sys.exit(main())
