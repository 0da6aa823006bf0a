"""One process of a race: claims every key of the test and tells whom it saw own each."""

import asyncio
import json
import sys

from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.database import Database
from tests.storage.rows import action
from tests.storage.walks import as_it_is


async def main(url: str, name: str) -> None:
    database = Database(url, connections=4)
    actions = ActionTable(database)
    wanted = [action(f"{name}-{n}", key=f"key-{n}", owner=f"{name}#{n}") for n in range(60)]
    got = await asyncio.gather(*(actions.claim(one, as_it_is, 60) for one in wanted))
    await actions.aclose()
    await database.aclose()
    sys.stdout.write(json.dumps({row.key: row.owner for row in got}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
