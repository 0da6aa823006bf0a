"""How the demo's scenes look in a terminal."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from mcp_router.cli.demo_scenes import REPLY_KEY, REPLY_TICKET, LostReply, Routed, Synced
from mcp_router.domain.money import format_usd
from mcp_router.domain.record import StoredRecord
from mcp_router.sandbox.fleet import Sandbox

POOL_STYLE = {"cost": "green", "balanced": "yellow", "quality": "magenta"}
SHOWN_RECORDS = 6
EXPORT_WIDTH = 100
TITLE = "mcp-router demo"
PICTURE_WIDTH = 100
COLUMNS = (8, 24, 10, 22, 10)


def opening(console: Console) -> None:
    """Say what is going to happen."""
    console.print(
        Panel(
            "A support copilot's calls, routed by policy, recorded, and never done twice.\n"
            "[dim]Two desks, three model providers and the real server, all on this machine.[/dim]",
            title="[bold]mcp-router",
            border_style="cyan",
        )
    )


def servers(console: Console, sandbox: Sandbox) -> None:
    """Show what was started."""
    names = ", ".join(server.name for server in sandbox.servers)
    console.print(f"[dim]embedded servers over TLS:[/dim] {names}")


def routed(console: Console, scene: tuple[Routed, ...]) -> None:
    """Show five tickets and where their questions went."""
    _heading(console, "1  Five tickets, each to the pool that its question needs")
    console.print(_row("ticket", "intent", "pool", "model", "cost", style="dim"))

    for one in scene:
        pool = Text(one.pool, style=POOL_STYLE.get(one.pool, ""))
        console.print(_row(one.ticket_id, one.intent, pool, one.model, _cost(one.cost_usd)))
        console.print(Padding(Text(one.why, style="dim"), (0, 0, 0, 8)))

    total = sum(one.cost_usd for one in scene)
    console.print(f"[dim]together {_cost(total)}, each with a record that says why[/dim]")


def outage(console: Console, scene: Routed) -> None:
    """Show how a question got its answer while a provider was down."""
    _heading(console, "2  A provider goes down: the next target answers")
    console.print(f"   question  [italic]{scene.subject}[/italic]")

    for target, reason in scene.attempts:
        mark = "[green]answered[/green]" if reason == "ok" else f"[red]{reason}[/red]"
        console.print(f"   {target:24} {mark}")

    console.print("   [dim]the host made one call and saw one answer[/dim]")


def reply(console: Console, scene: LostReply) -> None:
    """Show that a lost answer did not become a second reply."""
    _heading(console, "3  A reply is applied, its answer is lost, and the host retries")
    console.print(f"   key [bold]{REPLY_KEY}[/bold], ticket {REPLY_TICKET}")
    console.print(
        f"   first call    {_outcome(scene.first_outcome)}  "
        "[dim]answer lost on the wire; the desk was asked, not told again[/dim]"
    )
    console.print(
        f"   retry         {_outcome(scene.second_outcome)}  "
        f"[dim]{'the same action' if scene.same_action else 'another action'}[/dim]"
    )
    added = scene.comments_after - scene.comments_before
    console.print(
        f"   asked at the desk: [bold]{added} comment added[/bold], "
        f"{scene.updates_received} update received"
    )


def sync(console: Console, scene: Synced) -> None:
    """Show that two syncs made one case."""
    _heading(console, "4  The ticket's case in the CRM, synced twice")
    console.print(
        f"   {' then '.join(_outcome(one) for one in scene.outcomes)}: case {scene.case_id}, "
        f"[bold]{scene.cases_in_crm} case[/bold] in the CRM"
    )


def log(console: Console, records: tuple[StoredRecord, ...]) -> None:
    """Show the end of the decision log, and one line of its export."""
    _heading(console, f"5  The decision log: {len(records)} calls, {len(records)} records")
    table = Table(box=None, pad_edge=False, header_style="dim")

    for column in ("seq", "tool", "outcome", "target", "action"):
        table.add_column(column, no_wrap=True)

    table.add_column("cost", justify="right", no_wrap=True)

    for stored in records[-SHOWN_RECORDS:]:
        record = stored.record
        table.add_row(
            str(stored.seq),
            record.tool,
            record.outcome,
            record.target or "",
            (record.action_id or "")[-8:],
            format_usd(record.cost_microusd) if record.cost_microusd else "",
        )

    console.print(table)
    line = re.sub('"chain":"[0-9a-f]+"', '"chain":"…"', records[-1].line or "")
    console.print("   [dim]mcp-router audit export --format jsonl[/dim]")
    console.print(Text(f"   {line[:EXPORT_WIDTH]}…", style="dim"), soft_wrap=True)


def picture(console: Console) -> str:
    """Return what was shown so far as an SVG that loads nothing from anywhere."""
    return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title=TITLE), flags=re.DOTALL)


def closing(console: Console, seconds: float) -> None:
    """Show how to connect a host."""
    _heading(console, "Connect your agent host")
    command, *arguments = _command()
    shown = " ".join([command, *arguments])
    console.print("stdio: the host starts the server")
    console.print(_block({"command": command, "args": [*arguments, "serve", "--sandbox"]}))
    console.print(
        "HTTP: start the server yourself",
        Text(f"{shown} serve --transport http --sandbox", style="bold"),
    )
    console.print(_block({"type": "http", "url": "http://127.0.0.1:8080/mcp"}))
    console.print(
        "With your own accounts: write a router.yaml and leave --sandbox out. "
        f"[dim]({seconds} s)[/dim]"
    )


def _heading(console: Console, text: str) -> None:
    """Print a scene's title."""
    console.print()
    console.print(Rule(f"[bold]{text}", align="left", style="cyan"))


def _row(
    ticket: str, intent: str, pool: str | Text, model: str, cost: str, style: str = ""
) -> Table:
    """Return one ticket's columns; they fit a terminal of 80."""
    row = Table.grid()

    for width in COLUMNS:
        row.add_column(width=width, no_wrap=True)

    row.columns[-1].justify = "right"
    row.add_row(ticket, intent, pool, model, cost, style=style)
    return row


def _outcome(outcome: str) -> str:
    """Return an outcome in its colour."""
    style = "green" if outcome in ("succeeded", "replayed") else "red"
    return f"[{style}]{outcome}[/{style}]"


def _cost(dollars: float) -> str:
    """Return a cost in dollars."""
    return f"${dollars:.6f}"


def _command() -> list[str]:
    """Return how this very program can be started from anywhere."""
    script = Path(sys.argv[0]).absolute()
    installed = script.name == "mcp-router" and script.exists()
    return [str(script)] if installed else [sys.executable, "-m", "mcp_router"]


def _block(host: Mapping[str, object]) -> Syntax:
    """Return a configuration block to copy."""
    fields = ",\n".join(f"      {json.dumps(key)}: {json.dumps(host[key])}" for key in host)
    block = f'{{\n  "mcpServers": {{\n    "mcp-router": {{\n{fields}\n    }}\n  }}\n}}'
    return Syntax(block, "json", background_color="default", word_wrap=True)
