"""An MCP client on each of the doors that hosts come through."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client

from mcp_router.serve.http import asgi
from tests.end_to_end.harness import LEGACY, MODERN, Place, connected, opened
from tests.served import served
from tests.source_tree import CHECKOUT

DOORS = ("memory", "memory-legacy", "stdio", "http", "http-legacy", "sse")


def command(place: Place, *options: str) -> list[str]:
    """Return the command line of a server."""
    return [sys.executable, "-m", "mcp_router", "serve", "--config", str(place.file), *options]


@asynccontextmanager
async def host(door: str, place: Place, *, errors: Path | None = None) -> AsyncIterator[Client]:
    """Connect a client; over stdio, `errors` keeps what the server wrote to standard error."""
    mode = LEGACY if door in ("memory-legacy", "http-legacy", "sse") else MODERN

    if door.startswith("memory"):
        async with connected(place, mode=mode) as client:
            yield client
    elif door == "stdio":
        program, *arguments = command(place)
        server = StdioServerParameters(command=program, args=arguments, cwd=CHECKOUT)

        with (errors or place.file.parent / "stderr").open("w", encoding="utf-8") as log:
            async with Client(stdio_client(server, errlog=log), mode=mode) as client:
                yield client
    else:
        async with opened(place) as app, served(asgi(app)) as url:
            where = sse_client(f"{url}/sse") if door == "sse" else f"{url}/mcp"

            async with Client(where, mode=mode) as client:
                yield client
