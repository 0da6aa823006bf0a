"""mcp-router serve: open the doors."""

import logging
import sys
from pathlib import Path

import anyio
import click

from mcp_router.app import open_app
from mcp_router.cli.common import (
    Source,
    config_option,
    open_source,
    sandbox_option,
)
from mcp_router.serve.http import check_bind, serve_http
from mcp_router.serve.stdio import serve_stdio
from mcp_router.telemetry.logs import log_to_stderr


@click.command()
@click.option(
    "--transport",
    type=click.Choice(["stdio", "http", "sse"]),
    default="stdio",
    show_default=True,
    help="stdio for one local host; http and sse serve both /mcp and /sse.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address for http and sse.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: a free one."
)
@config_option
@sandbox_option
def serve(transport: str, host: str, port: int, config: Path | None, sandbox: bool) -> None:
    """Serve MCP until standard input closes or SIGTERM comes.

    Writes under way are finished first. Logs go to standard error, never to standard output.
    """
    log_to_stderr(logging.INFO)

    with open_source(config, sandbox=sandbox) as source:
        if transport != "stdio":
            check_bind(host, source.settings.tokens)

        # uvloop saves a sixth of the CPU per call over HTTP (benchmarks/), nothing over pipes.
        fast = transport != "stdio" and sys.platform != "win32"
        anyio.run(_serve, source, transport, host, port, backend_options={"use_uvloop": fast})


async def _serve(source: Source, transport: str, host: str, port: int) -> None:
    """Open the router and one of its doors."""
    async with open_app(source.settings) as app:
        if transport == "stdio":
            await serve_stdio(app)
        else:
            await serve_http(app, host=host, port=port)
