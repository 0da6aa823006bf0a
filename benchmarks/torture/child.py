"""What a fork of the nursery becomes: the router behind its real stdio door, or a control."""

import socket
from pathlib import Path

import anyio

from benchmarks.torture.failpoints import Failpoints
from benchmarks.torture.orders import Birth
from mcp_router.app import open_app
from mcp_router.serve.stdio import serve_stdio
from mcp_router.settings import load_settings


def run_child(birth: Birth, control: socket.socket) -> None:
    failpoints = Failpoints(control)
    anyio.run(_serve, birth, failpoints)


async def _serve(birth: Birth, failpoints: Failpoints) -> None:
    async with open_app(
        load_settings(Path(birth.settings), {}), busy_timeout_ms=birth.busy_timeout_ms
    ) as app:
        await serve_stdio(app)
