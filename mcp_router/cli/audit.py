"""mcp-router audit: take the decision log out, and report on it."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mcp_router.audit.export import Format
from mcp_router.audit.manifest import Made, Tally
from mcp_router.canonical import encodable
from mcp_router.cli.audit_evidence import cut_off, unpruned, write_beside
from mcp_router.cli.audit_integrity import key, prune, sign, verify
from mcp_router.cli.common import DEFAULT_CONFIG, Commands, config_option, open_source
from mcp_router.cli.export_begun import begun
from mcp_router.cli.export_file import write_export
from mcp_router.cli.printing import check_output
from mcp_router.cli.selecting import select, selecting
from mcp_router.domain.selection import EVERYTHING
from mcp_router.storage.store import open_archive


@click.group(cls=Commands)
def audit() -> None:
    """Read the decision log: one record for every call."""


for _command in (verify, sign, key, prune):
    audit.add_command(_command)


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
    """Write the decision log out, oldest record first; the server may be running.

    With --output a manifest is written beside the file, and what proves a part of the log. That
    an export was made is a row of the log as well, which the next export has.
    """
    if output is None and (resume or kind == Format.PARQUET):
        raise click.UsageError("--resume and --format parquet need a file: name it by --output.")

    if output is not None and not encodable(output.name):
        raise click.UsageError("--output takes a name in UTF-8: the manifest names the file.")

    check_output(output, config or Path(DEFAULT_CONFIG))
    form = Format(kind)
    wanted = select(since, until, tenant=tenant, policy=policy, intent=intent)

    with (
        open_source(config) as source,
        open_archive(source.settings.storage) as archive,
        begun(output, form, wanted, given=(since, until), resume=resume) as chosen,
    ):
        total = archive.count(selection=chosen)
        cut = cut_off(source.settings, archive, kind=kind, tenant=tenant, sign=output is not None)
        rows = archive.rows(chosen, after=cut.pruned, last=cut.last)
        tally = Tally()

        with _bar(total) as progress:
            task = progress.task_ids[0]
            done = write_export(
                map(tally.row, unpruned(rows, archive, cut)),
                form,
                output,
                resume=resume,
                advance=lambda count: progress.advance(task, count),
            )

        if output is not None and output.is_file():
            with output.open("rb") as file:
                tally.content(file)

            narrowed = chosen != EVERYTHING
            made = Made(file=output.name, kind=form, tenant=tenant, tally=tally, narrowed=narrowed)
            write_beside(output, made, archive, cut)

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
