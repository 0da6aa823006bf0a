"""mcp-router doctor: is everything there that the router needs, and what to do if not."""

import json
import sys
from pathlib import Path

import anyio
import click
from rich.table import Table
from rich.text import Text

from mcp_router.canonical import plain
from mcp_router.cli.checks import Finding, State, examine_all
from mcp_router.cli.common import (
    EXIT_FAILED,
    config_option,
    json_option,
    open_source,
    sandbox_option,
)
from mcp_router.cli.printing import table_console
from mcp_router.clock import SystemClock
from mcp_router.settings import Settings

_STYLES = {State.OK: "green", State.NOTE: "yellow", State.FAILED: "bold red"}


@click.command()
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 300),
    default=10.0,
    show_default=True,
    help="Seconds that each provider and desk may take.",
)
@config_option
@sandbox_option
@json_option
def doctor(timeout_s: float, config: Path | None, sandbox: bool, as_json: bool) -> None:
    """Reach everything that is configured, and say what is wrong and what to do about it.

    Looks at the settings, the database, the policy and its pools, the prices, and asks every
    provider and desk at the same time; that changes nothing and costs nothing. The exit code is 1
    when something has failed.
    """
    with open_source(config, sandbox=sandbox) as source:
        read = Finding(part="settings", state=State.OK, said=f"{source.file} is complete")
        findings = (read, *anyio.run(_examine, source.settings, timeout_s))

    failed = sum(one.state is State.FAILED for one in findings)

    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": plain(findings)}))
    else:
        _show(findings)

    if failed:
        sys.exit(EXIT_FAILED)


async def _examine(settings: Settings, timeout_s: float) -> tuple[Finding, ...]:
    """Look at everything, by this machine's clock."""
    return await examine_all(settings, SystemClock(), timeout_s=timeout_s)


def _show(findings: tuple[Finding, ...]) -> None:
    """Print a table, and below it what is to be done."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("part", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("what it said")
    table.add_column("what to do")

    for one in findings:
        state = Text(one.state, style=_STYLES[one.state])
        table.add_row(one.part, state, one.said, one.next)

    console = table_console()
    console.print(table)
    failed = sum(one.state is State.FAILED for one in findings)
    verdict = f"{failed} of {len(findings)} parts need you" if failed else "everything is in order"
    console.print(Text(f"\n{verdict}", style="bold red" if failed else "green"))
