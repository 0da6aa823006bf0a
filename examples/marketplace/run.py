"""A support copilot's day at 40 requests a second, before routing and after: a simulation.

    python examples/marketplace/run.py                    # 24,000 requests, both runs
    python examples/marketplace/run.py --outage           # 45 minutes without one provider
    python examples/marketplace/run.py --requests 1200 --seed 7 --json

It needs mcp-router with its embedded servers, and no account, key or network.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs from any folder
    runpy.run_module("examples.marketplace", run_name="__main__")
