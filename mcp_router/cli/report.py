"""mcp-router audit report: what answers cost, how fast and how good they were."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from mcp_router.audit.exported import exported_records
from mcp_router.cli.common import DEFAULT_CONFIG, config_option, json_option, open_source, text
from mcp_router.cli.printing import check_output, table_console, unwritable
from mcp_router.cli.report_html import page
from mcp_router.cli.report_show import show
from mcp_router.cli.selecting import select, selecting
from mcp_router.domain.glance import Glance, glance
from mcp_router.domain.selection import Selection
from mcp_router.errors import FileUnusable
from mcp_router.report import report as report_on
from mcp_router.storage.records import read_glance
from mcp_router.storage.store import open_archive

_TELL_EVERY = 1_000


@click.command("report")
@selecting
@click.option(
    "--compare",
    nargs=2,
    type=text,
    metavar="BEFORE AFTER",
    help="Two versions of a policy side by side, such as support@1 support@2.",
)
@click.option(
    "--log",
    "exported",
    type=click.Path(path_type=Path),
    help="A file that `audit export` wrote as JSON lines, instead of the store.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    help="Write one HTML file with charts, complete in itself.",
)
@json_option
@config_option
def audit_report(
    since: str | None,
    until: str | None,
    tenant: str | None,
    policy: str | None,
    intent: str | None,
    compare: tuple[str, str] | None,
    exported: Path | None,
    html: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Tell cost, success, speed, fallbacks and cache of the recorded calls, and who cost most."""
    chosen = select(since, until, tenant=tenant, policy=policy, intent=intent)

    check_output(html, exported, config or Path(DEFAULT_CONFIG))

    with _log(chosen, exported, config) as records:
        found = report_on(_watched(records), compare=compare)

    for side in (found.comparison.before, found.comparison.after) if found.comparison else ():
        if not side.calls:
            click.echo(f"{side.name} has decided no call of these", err=True)

    if html is not None:
        _write(html, page(found, chosen))

    if as_json:
        click.echo(json.dumps(asdict(found)))
    elif html is None:
        show(table_console(), found, chosen)


@contextmanager
def _log(
    selection: Selection, exported: Path | None, config: Path | None
) -> Iterator[Iterable[Glance]]:
    """Yield the selected records of the store, or of an export.

    Raises:
        FileUnusable: the export cannot be read.
    """
    if exported is None:
        with open_source(config) as source, open_archive(source.settings.storage) as archive:
            yield (read_glance(seq, text) for seq, text, _ in archive.rows(selection))

        return

    try:
        with exported.open("rb") as lines:
            yield (
                glance(one.record) for one in exported_records(lines) if selection.holds(one.record)
            )
    except OSError as error:
        raise FileUnusable(
            f"The export cannot be read: {error.strerror}.",
            next_step="Name a file that is there and that you may read.",
        ) from None


def _watched(records: Iterable[Glance]) -> Iterator[Glance]:
    """Yield the records beside their count on standard error, which leaves nothing behind."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.completed:,.0f} records"), TimeElapsedColumn())

    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None)

        for number, record in enumerate(records, start=1):
            yield record

            if number % _TELL_EVERY == 0:
                progress.update(task, completed=number)


def _write(file: Path, text: str) -> None:
    """Write the page.

    Raises:
        FileUnusable: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(error) from None
