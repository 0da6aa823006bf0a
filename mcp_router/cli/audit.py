"""mcp-router audit: take the decision log out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import Progress

from mcp_router.audit.export import Format, lines
from mcp_router.cli.common import config_option, open_source
from mcp_router.cli.printing import unwritable
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
    help="jsonl holds every field, csv a row a call for spreadsheets.",
)
@click.option("--tenant", help="Only this tenant's records.")
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of the terminal.")
@config_option
def export(kind: str, tenant: str | None, output: Path | None, config: Path | None) -> None:
    """Write the decision log out, oldest record first; the server may be running."""
    with open_source(config) as source, open_archive(source.settings.storage) as archive:
        total = archive.count(tenant)

        console = Console(stderr=True)
        bar = Progress(console=console, transient=True, disable=not console.is_terminal)

        with bar as progress, _open(output) as to:
            task = progress.add_task("exporting", total=total)

            for line in lines(archive.records(tenant), Format(kind)):
                to.write(line)
                progress.advance(task)

        click.echo(f"{total} records", err=True)


@contextmanager
def _open(output: Path | None) -> Iterator[TextIO]:
    """Yield the file, emptied, or the terminal.

    Raises:
        FileUnusable: the file cannot be opened, or its disk is full.
    """
    if output is None:
        yield sys.stdout
        return

    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise unwritable(error) from None
