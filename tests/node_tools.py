"""Programs for Node that tests run where they are installed."""

import asyncio
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

HOME_VARIABLE = "MCP_ROUTER_NODE_HOME"
OLDEST_NODE = (22, 19)
HOW = (
    f"needs Node >= 22.19 and the packages of .ci/node/package.json: "
    f"npm install them into a folder and set {HOME_VARIABLE} to it, or run .ci/run"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a program left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTools:
    """The folder that npm installed into."""

    home: Path

    @property
    def modules(self) -> Path:
        return self.home / "node_modules"

    async def run(self, program: str, *arguments: str, timeout_s: float) -> Output:
        """Run an installed program to its end; it is killed when the time is up."""
        process = await asyncio.create_subprocess_exec(
            str(self.modules / ".bin" / program),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(self.home),
        )

        try:
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

        assert process.returncode is not None
        return Output(code=process.returncode, out=out.decode(), err=err.decode())


def require_node_tools() -> NodeTools:
    """Return the installed programs; skip the test where there are none."""
    named = os.environ.get(HOME_VARIABLE)
    if named is None:
        pytest.skip(HOW)

    home = Path(named)
    if _node_version(home) < OLDEST_NODE:
        pytest.skip(HOW)

    return NodeTools(home=home)


def _environment(home: Path) -> dict[str, str]:
    """Return the environment in which an installed Node goes before the machine's own."""
    path = os.pathsep.join((str(home / "node_modules" / ".bin"), os.environ.get("PATH", "")))
    # The Inspector keeps a catalog in the home folder; the tests must not touch the user's.
    return {**os.environ, "PATH": path, "HOME": str(home), "NO_COLOR": "1"}


@cache
def _node_version(home: Path) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            ["node", "--version"],
            env=_environment(home),
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ()

    return tuple(int(part) for part in done.stdout.strip().removeprefix("v").split("."))
