"""A server as a child process, held by its own pipes, so that a test can do to it what hosts do."""

import asyncio
import itertools
import json
import os
import re
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mcp_router.canonical import JsonValue
from tests.end_to_end.harness import Arguments, Place
from tests.source_tree import CHECKOUT

START_S = 20.0
_SERVING = re.compile(r"serving (http://\S+)/mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended and all that it printed."""

    code: int
    out: str
    err: str


@dataclass(slots=True, kw_only=True)
class Child:
    """A running server; `errors` is the file of its standard error."""

    process: asyncio.subprocess.Process
    errors: Path
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def handshake(self) -> None:
        """Introduce a host, as every version of the protocol before 2026-07-28 wants it."""
        about: dict[str, JsonValue] = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "tests", "version": "1"},
        }
        answer = await self.answer(await self.request("initialize", about))
        assert "result" in answer
        await self._send({"method": "notifications/initialized"})

    async def request(self, method: str, params: Arguments) -> int:
        """Send a request and return its id."""
        identity = next(self._ids)
        await self._send({"id": identity, "method": method, "params": dict(params)})
        return identity

    async def start(self, tool: str, arguments: Arguments) -> int:
        """Begin a call and return its id."""
        return await self.request("tools/call", {"name": tool, "arguments": dict(arguments)})

    async def call(self, tool: str, arguments: Arguments) -> dict[str, object]:
        """Call a tool and return its structured result."""
        answer = await self.answer(await self.start(tool, arguments))
        result = answer["result"]
        assert isinstance(result, dict)
        structured = result["structuredContent"]
        assert isinstance(structured, dict)
        return structured

    async def answer(self, identity: int) -> dict[str, object]:
        """Return the answer to a request; anything but a message on the line fails."""
        assert self.process.stdout is not None

        async with asyncio.timeout(START_S):
            while line := await self.process.stdout.readline():
                message = json.loads(line)
                assert message["jsonrpc"] == "2.0"

                if message.get("id") == identity:
                    assert isinstance(message, dict)
                    return message

        raise AssertionError(self.errors.read_text(encoding="utf-8"))

    async def url(self) -> str:
        """Return where an HTTP server listens, from what it says on standard error."""
        async with asyncio.timeout(START_S):
            while not (found := _SERVING.search(self.errors.read_text(encoding="utf-8"))):
                assert self.process.returncode is None, self.errors.read_text(encoding="utf-8")
                await asyncio.sleep(0.01)

        return found[1]

    def stop_reading(self) -> None:
        """Close our end of the server's standard output, as the end of a host does."""
        # The public interface of a subprocess closes what is written to, not what is read.
        pipe = self.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
        pipe.close()

    async def ended(self) -> Ended:
        """Wait for the end, and return the exit code and what was still printed."""
        async with asyncio.timeout(START_S):
            out, _ = await self.process.communicate()

        assert self.process.returncode is not None
        return Ended(
            code=self.process.returncode,
            out=out.decode(),
            err=self.errors.read_text(encoding="utf-8"),
        )

    async def _send(self, message: Arguments) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self.process.stdin.drain()


@asynccontextmanager
async def child(
    place: Place, *options: str, largest_file: int | None = None
) -> AsyncIterator[Child]:
    """Start `mcp-router serve`; kill it if the test leaves it running.

    `largest_file` is in bytes: beyond it every write fails, as on a full disk.
    """

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    errors = place.file.parent / f"stderr-{os.urandom(4).hex()}"

    with errors.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mcp_router", "serve", "--config", str(place.file), *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=CHECKOUT,
            preexec_fn=limit,
        )

    try:
        yield Child(process=process, errors=errors)
    finally:
        if process.returncode is None:
            process.kill()

        await process.communicate()


@asynccontextmanager
async def introduced(place: Place, *, largest_file: int | None = None) -> AsyncIterator[Child]:
    """Start a server over stdio and shake hands with it."""
    async with child(place, largest_file=largest_file) as server:
        await server.handshake()
        yield server
