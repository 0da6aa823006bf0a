"""Standard input and output: one trusted host, which started this process."""

import asyncio
import logging
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from mcp.server.stdio import stdio_server

from mcp_router.app import App
from mcp_router.errors import NotConfigured
from mcp_router.serve.drain import drained
from mcp_router.serve.mcp import build_server

MAX_LINE = 8 * 1024 * 1024
"""Bytes of one message: more than the largest prompt takes as JSON."""

_logger = logging.getLogger(__name__)


async def serve_stdio(app: App) -> None:
    """Serve until standard input closes or SIGTERM comes, then return.

    Calls that came before the end of the input are answered; a signal lets writes alone finish,
    and so does a host that reads no more.

    Raises:
        NotConfigured: this process was started without standard input or output.
    """
    if sys.stdin is None or sys.stdout is None:
        raise NotConfigured(
            "There is no standard input and output to serve a host on.",
            next_step="Let a host start the command, or serve with --transport http.",
        )

    try:
        await _serve(app)
    except* BrokenPipeError:
        _logger.info("the host has gone away")


async def _serve(app: App) -> None:
    """Serve on the process's own streams."""
    # The SDK's public way to stdio takes no streams of ours; see _stdin_lines for why we need one.
    server = build_server(app)._lowlevel_server

    async with _stdin_lines() as lines, anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_signal, tasks.cancel_scope)

        async with (
            stdio_server(
                stdin=lines  # type: ignore[arg-type]  # lines are all that the SDK asks of a file
            ) as transport,
            drained(*transport) as (read, write),
        ):
            await server.run(read, write, server.create_initialization_options())

        tasks.cancel_scope.cancel()


async def _cancel_on_signal(scope: anyio.CancelScope) -> None:
    """Cancel what may be cancelled; writes are shielded and end first."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


@asynccontextmanager
async def _stdin_lines() -> AsyncIterator["_Lines | None"]:
    """Yield standard input as lines that a cancelled reader can let go of.

    The SDK reads in a thread, which would hold the process until the host sends one more line.
    A regular file or /dev/null cannot be watched by the loop, which says so too late to be told;
    they end by themselves, so the SDK's way is right.
    """
    if not _is_watchable(sys.stdin.fileno()):
        yield None
        return

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_LINE)

    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )

    try:
        yield _Lines(reader)
    finally:
        transport.close()


def _is_watchable(file: int) -> bool:
    """Return whether the loop can tell when there is something to read."""
    mode = os.fstat(file).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(file)


class _Lines:
    """Standard input, line by line."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        """Read from `reader`."""
        self._reader = reader

    def __aiter__(self) -> "_Lines":
        """Return the lines themselves."""
        return self

    async def __anext__(self) -> str:
        """Return the next line; a line beyond the limit becomes one that no parser takes."""
        try:
            line = await self._reader.readline()
        except ValueError:
            return "\n"

        if not line:
            raise StopAsyncIteration

        return line.decode(errors="replace")
