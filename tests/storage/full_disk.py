"""Fills a small file system while writes are under way, and tells what could still be recorded.

Runs in a mount namespace of its own; ends with 77 where nothing can be mounted.
"""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mcp_router.domain.action import Action, ActionState, Ref
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.owner import ThisHost
from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.reserve import RESERVE_BYTES
from tests.storage.rows import action
from tests.storage.walks import never

UNDER_WAY = 60


def fill(path: Path) -> None:
    """Take every block that is left, down to the last."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def give_back(path: Path, size: int) -> None:
    """Free that much of what `fill` took."""
    os.truncate(path, path.stat().st_size - size)


async def settle(actions: ActionTable, row: Action, answer: str | None) -> bool:
    done = replace(
        row, state=ActionState.SUCCEEDED, owner=None, ref=Ref(id="8"), answer_json=answer
    )

    try:
        return await actions.change(row, done)
    except StorageUnavailable:
        return False


async def begin(actions: ActionTable, name: str) -> Action | None:
    try:
        return await actions.claim(action(name, state=ActionState.SENDING), never, 60)
    except StorageUnavailable:
        return None


async def begun(actions: ActionTable, name: str) -> int:
    return sum([await begin(actions, f"{name}-{n}") is not None for n in range(10)])


async def main(folder: Path) -> None:
    database = Database(folder / "router.db")
    actions = ActionTable(database, ThisHost())
    rows = [await begin(actions, str(n)) for n in range(UNDER_WAY)]
    mine = [row for row in rows if row is not None]
    fill(folder / "filler")
    large = json.dumps("x" * 20_000)

    told = {
        "answers kept": sum([await settle(actions, row, large) for row in mine]),
        "states kept": sum([await settle(actions, row, None) for row in mine]),
        "new actions": await begun(actions, "new"),
    }
    give_back(folder / "filler", RESERVE_BYTES // 2)  # enough with what is left of the room
    told["new actions in less room than both need"] = await begun(actions, "newer")
    told["reads"] = sum([(await actions.by_id("acme", row.action_id)) is not None for row in mine])
    (folder / "filler").unlink()
    told["after there is room"] = int(await begin(actions, "late") is not None)
    database.close()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    small = Path(sys.argv[1]) / "small"
    small.mkdir()

    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small], capture_output=True, check=False
    ).returncode:
        os._exit(77)

    asyncio.run(main(small))
