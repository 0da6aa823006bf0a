"""One process of several over one store: fails a target, or asks for the probe when told to.

python -m tests.health.prober URL NAME fail
python -m tests.health.prober URL NAME probe
"""

import asyncio
import json
import sys

from mcp_router.clock import SystemClock
from mcp_router.domain.attempt import Reason
from mcp_router.health.board import HealthBoard
from mcp_router.health.breaker import BreakerPace
from mcp_router.storage.store import open_store
from tests.health.attempts import attempt

CALLS = 20
IMPATIENT = BreakerPace(pause_s=0, probe_s=600)


async def main(url: str, name: str, work: str) -> None:
    store = open_store(url)
    board = HealthBoard(store.health, SystemClock(), process=name, pace=IMPATIENT)
    await board.refresh()

    if work == "fail":
        for _ in range(IMPATIENT.in_a_row):
            await board.observe(attempt(Reason.TIMEOUT))

        await board.refresh()
        sys.stdout.write("failed\n")
    else:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        admitted = await asyncio.gather(*(board.admit("haiku") for _ in range(CALLS)))
        sys.stdout.write(json.dumps(sum(admitted)) + "\n")

    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
