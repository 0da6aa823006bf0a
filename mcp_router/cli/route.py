"""mcp-router route: a file of questions through the router, and a table of where they went."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import anyio
import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from mcp_router.app import open_app
from mcp_router.cli.batch import Batch, Output, Plan
from mcp_router.cli.common import (
    EXIT_FAILED,
    config_option,
    json_option,
    open_source,
    sandbox_option,
)
from mcp_router.cli.printing import check_output, table_console
from mcp_router.cli.questions import (
    DEFAULT_COLUMN,
    STDIN,
    Question,
    QuestionFormat,
    format_of,
    read_questions,
)
from mcp_router.cli.summary import Report
from mcp_router.cli.summary_show import show_report
from mcp_router.decide.wording import count
from mcp_router.errors import FileUnusable
from mcp_router.settings import Settings

EXIT_INTERRUPTED = 130  # what a shell reports for a command that SIGINT ended

_REFRESH_S = 0.2


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice([one.value for one in QuestionFormat]),
    help="How FILE holds the questions; default by its suffix, and lines for any other.",
)
@click.option("--column", help=f"The column or key of CSV and JSONL; default {DEFAULT_COLUMN}.")
@click.option("--policy", help="name or name@version; default the configured one.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 128),
    default=16,
    show_default=True,
    help="Questions under way at once.",
)
@click.option("--limit", type=click.IntRange(1), help="Stop after this many questions.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write what became of each question to this file, as JSON lines without its text.",
)
@config_option
@sandbox_option
@json_option
def route(
    file: Path,
    kind: str | None,
    column: str | None,
    policy: str | None,
    concurrency: int,
    limit: int | None,
    output: Path | None,
    config: Path | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Route the questions of FILE, one a line; `-` reads standard input.

    CSV and JSON lines are read by one column. Each question is a call like a host's: it is
    answered by a model, costs what that costs, and leaves its record. Ctrl-C shows the table so
    far. The exit code is 1 when no question was answered.
    """
    shape = QuestionFormat(kind) if kind else format_of(file)

    if column is not None and shape is QuestionFormat.LINES:
        raise click.UsageError("--column goes with CSV and JSONL; see --format.")

    questions = read_questions(file, shape, column or DEFAULT_COLUMN)
    plan = Plan(concurrency=concurrency, limit=limit)

    with open_source(config, sandbox=sandbox) as source:
        check_output(output, file, source.file)
        settings = replace(source.settings, policy=policy or source.settings.policy)
        target = Output(output) if output else None
        batch = anyio.run(
            _route,
            settings,
            plan,
            target,
            questions,
            _size(file),
            backend_options={
                "use_uvloop": sys.platform != "win32"
            },  # a fifth more questions a second
        )

    report = batch.summary.report(seconds=batch.seconds, stopped=batch.stopped)

    if report.figures.questions == 0 and report.stopped is None:
        raise FileUnusable("There are only blank lines, and no question.")

    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        show_report(table_console(), report)

    _end(batch, report)


def _end(batch: Batch, report: Report) -> None:
    """Leave with the exit code of what happened.

    Raises:
        FileUnusable, StorageUnavailable: what ended the batch early.
    """
    if batch.failure is not None:
        raise batch.failure

    if batch.interrupted:
        sys.exit(EXIT_INTERRUPTED)

    if report.figures.answered == 0:
        sys.exit(EXIT_FAILED)


async def _route(
    settings: Settings,
    plan: Plan,
    output: Output | None,
    questions: Iterator[Question],
    size: int | None,
) -> Batch:
    """Run the batch beside a progress bar, and return it."""
    async with open_app(settings) as app, anyio.create_task_group() as tasks:
        batch = Batch(app, plan, output)

        with _progress() as progress:
            tasks.start_soon(_watch, batch, progress, progress.add_task("", total=size, told=""))
            await batch.run(questions)
            tasks.cancel_scope.cancel()

    return batch


def _progress() -> Progress:
    """Return the bar, which leaves nothing behind; a pipe or a file gets none."""
    console = Console(stderr=True)
    return Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


async def _watch(batch: Batch, progress: Progress, task: TaskID) -> None:
    """Keep the bar up to date; how far it is goes by bytes, for nobody has counted the lines."""
    while True:
        done, errors = batch.summary.questions, batch.summary.errors.total()
        rate = done / batch.seconds
        failed = f", {count(errors, 'error')}" if errors else ""
        told = f"{count(done, 'question')}, {rate:,.0f} per second{failed}"
        progress.update(task, completed=batch.routed_bytes, told=told)
        await anyio.sleep(_REFRESH_S)


def _size(file: Path) -> int | None:
    """Return the bytes of a regular file; anything else has no end that is known."""
    return file.stat().st_size if file != STDIN and file.is_file() else None
