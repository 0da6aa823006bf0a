"""Running an example as a reader does, and connecting to a server as a host does."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from mcp_router.tools.registry import REGISTRY
from tests.source_tree import CHECKOUT

EXAMPLES = CHECKOUT / "examples"
TOOLS = [tool.name for tool in REGISTRY]
LONGEST_RUN_S = 50


def environment_in(folder: Path) -> dict[str, str]:
    """Return an environment in which `mcp-router` and `mcp_router` are this checkout's.

    The command is made in `folder`, so that it is there whether or not the package is installed.
    """
    command = folder / "bin" / "mcp-router"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mcp_router "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
    }


def run_example(
    script: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a script as a child process, its output captured."""
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN_S,
        check=False,
    )


async def tools_over_stdio(
    command: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """Return the names of the tools of a server that is started with this command."""
    server = StdioServerParameters(command=command, args=list(arguments), env=dict(environment))

    async with Client(server) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


async def tools_over_http(url: str) -> list[str]:
    """Return the names of the tools of a server that runs already."""
    async with Client(url) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


@asynccontextmanager
async def started(command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[str]:
    """Start a server over HTTP, yield the URL that it says it serves, and stop it with SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None

    try:
        line = ""

        while "serving http://" not in line:
            line = (await process.stderr.readline()).decode()
            assert line, "the server ended before it served"

        yield line.split("serving ")[1].split()[0]
    finally:
        if process.returncode is None:
            process.terminate()

        await process.communicate()
