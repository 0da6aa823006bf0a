"""mcp-router actions: what the ledger holds."""

import json
import os
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import anyio
import click
from rich.table import Table

from mcp_router.audit.heads import audit_record
from mcp_router.canonical import plain
from mcp_router.cli.common import Commands, config_option, json_option, open_source
from mcp_router.cli.printing import table_console
from mcp_router.clock import SystemClock
from mcp_router.decide.wording import moment
from mcp_router.domain.action import Action, ActionState, Ref
from mcp_router.domain.audit_event import AuditChange, AuditEvent
from mcp_router.errors import UnknownAction
from mcp_router.ledger.ledger import Ledger
from mcp_router.storage.store import open_archive, open_store


@click.group(cls=Commands)
def actions() -> None:
    """Look into the ledger: every write, and whether it happened."""


@actions.command("list")
@click.option(
    "--state",
    type=click.Choice([state.value for state in ActionState]),
    help="Only actions in this state.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="How many at most.",
)
@config_option
@json_option
def list_actions(state: str | None, limit: int, config: Path | None, as_json: bool) -> None:
    """List the newest actions, newest first."""
    with open_source(config) as source, open_archive(source.settings.storage) as archive:
        found = archive.actions(ActionState(state) if state else None, limit)

    if as_json:
        for action in found:
            click.echo(json.dumps(_row(action)))

        return

    if not found:
        click.echo("The ledger holds no such action.")
        return

    table = Table(box=None, pad_edge=False, header_style="dim")

    for column in ("action", "state", "tool", "target", "object", "ref", "sends", "updated"):
        table.add_column(column, no_wrap=True)

    for action in found:
        table.add_row(
            action.action_id,
            action.state,
            action.tool,
            action.target,
            action.object_id or "",
            action.ref.id if action.ref else "",
            str(action.attempts),
            moment(action.updated_ms),
        )

    table_console().print(table)


@actions.command("show")
@click.argument("action_id")
@config_option
@json_option
def show_action(action_id: str, config: Path | None, as_json: bool) -> None:
    """Show one action and everything that happened to it."""
    with open_source(config) as source, open_archive(source.settings.storage) as archive:
        action = archive.action(action_id)
        events = archive.events(action_id)

    if action is None:
        raise UnknownAction("No action has that id.")

    if as_json:
        click.echo(json.dumps({**_row(action), "events": plain(events)}))
        return

    for name, value in _row(action).items():
        click.echo(f"{name:16} {value}")

    click.echo("events")

    for event in events:
        detail = f"  {event.detail}" if event.detail else ""
        click.echo(f"  {moment(event.at_ms)}  {event.state}  send {event.attempts}{detail}")


@actions.command("resolve")
@click.argument("action_id")
@click.option(
    "--as",
    "verdict",
    type=click.Choice(["applied", "not-applied"]),
    required=True,
    help="What you have found at the desk.",
)
@click.option("--by", required=True, help="Who decides.")
@click.option("--why", required=True, help="What the decision rests on.")
@click.option("--ref", help="The id of what it made or changed; default the object it was for.")
@click.option(
    "--fence",
    type=click.IntRange(1),
    help="What `actions show` said before you looked: not-applied is refused if it has moved.",
)
@config_option
def resolve_action(
    action_id: str,
    verdict: str,
    by: str,
    why: str,
    ref: str | None,
    fence: int | None,
    config: Path | None,
) -> None:
    """Decide an action whose outcome is unknown, after a look at the desk.

    It is final: a later call with the same key gets your answer.
    """
    with open_source(config) as source, open_archive(source.settings.storage) as archive:
        action = archive.action(action_id)

    if action is None:
        raise UnknownAction("No action has that id.")

    found = ref or action.object_id

    if verdict == "applied" and found is None:
        raise click.UsageError("Name what it made with --ref: this action was for nothing before.")

    if fence is not None:
        action = replace(action, fence=fence)

    made = Ref(id=found) if verdict == "applied" and found else None
    event = AuditEvent(
        change=AuditChange.ACTION_RESOLVED,
        who=by,
        why=why,
        action_id=action_id,
        tenant=action.tenant,
        state=verdict,
    )
    decided = anyio.run(_resolve, source.settings.storage, action, made, event)
    click.echo(f"{decided.action_id} {decided.state}")


async def _resolve(storage: str, action: Action, ref: Ref | None, event: AuditEvent) -> Action:
    """Write the verdict into the ledger and its event into the log; the server may be running."""
    clock = SystemClock()

    async with aclosing(open_store(storage)) as store:
        decided_by = f"{event.who}: {event.why}"
        told = audit_record(event, clock, os.urandom)
        ledger = Ledger(store.actions, clock)
        return await ledger.resolve(action, ref=ref, decided_by=decided_by, event=told)


def _row(action: Action) -> dict[str, object]:
    """Return an action for programs, without the ticket text in its arguments."""
    return {
        "action_id": action.action_id,
        "state": action.state,
        "tenant": action.tenant,
        "principal": action.principal,
        "tool": action.tool,
        "target": action.target,
        "object_id": action.object_id,
        "run_id": action.run_id,
        "idempotency_key": action.key,
        "strategy": action.strategy,
        "attempts": action.attempts,
        "fence": action.fence,
        "ref": action.ref.id if action.ref else None,
        "url": action.ref.url if action.ref else None,
        "error_code": action.error_code,
        "decided_by": action.decided_by,
        "created": moment(action.created_ms),
        "updated": moment(action.updated_ms),
    }
