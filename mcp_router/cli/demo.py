"""mcp-router demo: the whole product in half a minute, on embedded servers."""

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import click
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from rich.console import Console

from mcp_router.canonical import plain
from mcp_router.cli import demo_show as show
from mcp_router.cli.common import DEFAULT_CONFIG, json_option
from mcp_router.cli.demo_scenes import (
    LostReply,
    Routed,
    Synced,
    lost_reply,
    provider_outage,
    route_tickets,
    sync_case,
)
from mcp_router.cli.printing import check_output
from mcp_router.domain.record import StoredRecord
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that the demo found, for `--json` and for tests."""

    routed: tuple[Routed, ...]
    outage: Routed
    reply: LostReply
    sync: Synced
    records: int
    seconds: float


@click.command()
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save what was shown as an SVG picture.",
)
@json_option
def demo(picture: Path | None, as_json: bool) -> None:
    """Watch tickets routed, a provider fail, an answer get lost, and nothing happen twice.

    Starts two desks and three model providers on this machine and the real server as a child
    process over stdio. Needs no account, no key and no network.
    """
    check_output(picture)
    console = Console(
        # Not `quiet`, which would leave the picture empty too.
        file=StringIO() if as_json else None,
        highlight=False,
        record=picture is not None,
        width=show.PICTURE_WIDTH if picture else None,
    )

    with TemporaryDirectory(prefix="mcp-router-demo-") as folder:
        story = anyio.run(_play, Path(folder), console)

    if picture is not None:
        picture.write_text(show.picture(console), encoding="utf-8")

    show.closing(console, story.seconds)

    if as_json:
        click.echo(json.dumps(plain(story)))


async def _play(folder: Path, console: Console) -> Story:
    """Play the scenes in order, showing each as it ends."""
    started = time.monotonic()
    show.opening(console)

    with Sandbox.start(desk_latency_ms=20, model_latency_ms=60) as sandbox:
        config = folder / DEFAULT_CONFIG
        storage = f"sqlite:///{folder / 'router.db'}"
        config.write_text(sandbox.router_yaml(storage=storage), encoding="utf-8")
        show.servers(console, sandbox)

        async with _server(config, folder) as client:
            routed = await route_tickets(client)
            show.routed(console, routed)
            outage = await provider_outage(client, sandbox)
            show.outage(console, outage)
            reply = await lost_reply(client, sandbox)
            show.reply(console, reply)
            sync = await sync_case(client, sandbox)
            show.sync(console, sync)

        records = _records(storage)
        show.log(console, records)

    return Story(
        routed=routed,
        outage=outage,
        reply=reply,
        sync=sync,
        records=len(records),
        seconds=round(time.monotonic() - started, 1),
    )


@asynccontextmanager
async def _server(config: Path, folder: Path) -> AsyncIterator[Client]:
    """Start the real server as a host would, and connect; its log goes to a file."""
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "mcp_router", "serve", "--config", str(config)]
    )

    with (folder / "server.log").open("w", encoding="utf-8") as log:
        async with Client(stdio_client(command, errlog=log)) as client:
            yield client


def _records(storage: str) -> tuple[StoredRecord, ...]:
    """Return the calls of the decision log, which also holds the first use of the policy."""
    with open_archive(storage) as archive:
        return tuple(one for one in archive.records() if one.record.event is None)
