"""What a fork of the nursery becomes: the router behind its real stdio door, or a control."""

import socket
import sys
from pathlib import Path

import anyio

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.controls.catalog import CONTROLS
from benchmarks.torture.failpoints import Failpoints, JumpingClock
from benchmarks.torture.orders import ROUTER, Birth
from benchmarks.torture.watched import WatchedRecords, WatchedStore, watch_desks
from mcp_router.app import Instruments, open_app
from mcp_router.sandbox import credentials
from mcp_router.serve.stdio import serve_stdio
from mcp_router.settings import load_settings


def run_child(birth: Birth, control: socket.socket) -> None:
    """Serve standard input until it ends, in the role that the birth names."""
    failpoints = Failpoints(control)

    if birth.role == ROUTER:
        anyio.run(_serve, birth, failpoints)
        return

    served = next(one for one in CONTROLS if one.name == birth.role)
    access = DeskAccess(
        base_url=birth.base_url,
        email=credentials.ZENDESK_EMAIL,
        token=credentials.ZENDESK_TOKEN,
        ca_bundle=Path(birth.ca_bundle),
    )
    served.serve(sys.stdin, sys.stdout, access, Path(birth.folder), failpoints.passed)


def instruments(failpoints: Failpoints, busy_timeout_ms: int) -> Instruments:
    """Return what stands between the router and its edges."""
    return Instruments(
        clock=JumpingClock(failpoints),
        busy_timeout_ms=busy_timeout_ms,
        store=lambda store: WatchedStore(store, failpoints),
        records=lambda store: WatchedRecords(store, failpoints),
        desk=watch_desks(failpoints),
    )


async def _serve(birth: Birth, failpoints: Failpoints) -> None:
    """Open the router and its stdio door."""
    settings = load_settings(Path(birth.settings), {})

    async with open_app(
        settings, instruments=instruments(failpoints, birth.busy_timeout_ms)
    ) as app:
        await serve_stdio(app)
