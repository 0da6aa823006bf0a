"""mcp-router audit: take the decision log out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import Progress

from mcp_router.audit.export import Format, lines
from mcp_router.audit.manifest import Made, Tally
from mcp_router.cli.audit_evidence import cut_off, write_beside
from mcp_router.cli.audit_integrity import key, prune, sign, verify
from mcp_router.cli.common import config_option, open_source
from mcp_router.cli.printing import unwritable
from mcp_router.storage.store import open_archive


@click.group()
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
    help="jsonl holds every field, csv a row a call for spreadsheets.",
)
@click.option("--tenant", help="Only this tenant's records.")
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of the terminal.")
@config_option
def export(kind: str, tenant: str | None, output: Path | None, config: Path | None) -> None:
    """Write the decision log out, oldest record first; the server may be running.

    With --output a manifest is written beside the file, and what proves a part of the log. That
    an export was made is a row of the log as well, which the next export has.
    """
    with open_source(config) as source, open_archive(source.settings.storage) as archive:
        total = archive.count(tenant)
        cut = cut_off(source.settings, archive, kind=kind, tenant=tenant, sign=output is not None)

        console = Console(stderr=True)
        bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        tally = Tally()

        with bar as progress, _open(output) as to:
            task = progress.add_task("exporting", total=total)
            rows = takewhile(lambda stored: stored.seq <= cut.last, archive.records(tenant))

            for line in lines(map(tally.record, rows), Format(kind)):
                to.write(tally.line(line))
                progress.advance(task)

        if output is not None and output.is_file():
            made = Made(file=output.name, kind=Format(kind), tenant=tenant, tally=tally)
            write_beside(output, made, archive, cut)

        click.echo(f"{tally.rows} records", err=True)


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
