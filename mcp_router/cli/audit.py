"""mcp-router audit: take the decision log out, and report on it."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mcp_router.audit.export import Format
from mcp_router.cli.common import config_option, open_source
from mcp_router.cli.export_file import write_export
from mcp_router.cli.selecting import select, selecting
from mcp_router.storage.store import open_archive


@click.group()
def audit() -> None:
    """Read the decision log: one record for every call."""


@audit.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice([one.value for one in Format]),
    default=Format.JSONL.value,
    show_default=True,
    help="jsonl holds every field, csv a row a call for spreadsheets, parquet both as columns.",
)
@selecting
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of the terminal.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted export to --output ended.")
@config_option
def export(
    kind: str,
    since: str | None,
    until: str | None,
    tenant: str | None,
    policy: str | None,
    intent: str | None,
    output: Path | None,
    resume: bool,
    config: Path | None,
) -> None:
    """Write the decision log out, oldest record first; the server may be running."""
    if output is None and (resume or kind == Format.PARQUET):
        raise click.UsageError("--resume and --format parquet need a file: name it by --output.")

    chosen = select(since, until, tenant=tenant, policy=policy, intent=intent)

    with open_source(config) as source, open_archive(source.settings.storage) as archive:
        with _bar(archive.count(selection=chosen)) as progress:
            task = progress.task_ids[0]
            done = write_export(
                archive.rows(chosen),
                Format(kind),
                output,
                resume=resume,
                advance=lambda count: progress.advance(task, count),
            )

        click.echo(f"{done} records", err=True)


def _bar(total: int) -> Progress:
    """Return a bar on standard error that leaves nothing behind; where nobody looks, no bar."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("exporting"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    progress.add_task("", total=total)
    return progress
