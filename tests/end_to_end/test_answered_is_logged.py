"""A call that was answered is in the log, always: whenever the server is killed."""

import asyncio
import random
from pathlib import Path

from mcp_router.audit.check import Evidence, verify_store
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive
from tests.end_to_end.child import introduced
from tests.end_to_end.harness import settle

ROUNDS = 4
UNDER_WAY = 8
QUESTION = {"prompt": "Reset my password"}


async def test_whatever_was_answered_before_a_kill_is_in_a_log_that_verifies(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    answered: list[str] = []
    draw = random.Random(20261125)

    for _ in range(ROUNDS):
        async with introduced(place) as server:
            for _ in range(draw.randrange(1, 40)):
                result = await server.call("route_completion", QUESTION)
                answered.append(str(result["decision_id"]))

            # More calls are under way when it is killed: some are recorded and never answered.
            for _ in range(UNDER_WAY):
                await server.start("route_completion", QUESTION)

            await asyncio.sleep(draw.random() / 100)
            server.process.kill()
            await server.process.wait()

    with open_archive(place.storage) as archive:
        logged = {one.record.decision_id for one in archive.records()}
        report = verify_store(archive, Evidence())

    assert len(answered) > ROUNDS
    assert set(answered) - logged == set()
    assert report.finding is None
