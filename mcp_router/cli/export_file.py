"""Where an export goes: the terminal, or a file that can be continued after an interruption."""

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mcp_router.audit.export import Format, TextFormat, lines
from mcp_router.cli.printing import unwritable
from mcp_router.domain.tree_head import ExportRow
from mcp_router.errors import FileUnusable, MissingExtra

Advance = Callable[[int], object]

_BATCH = 500  # lines that are written at once: with one by one, half the time is the calls'


def write_export(
    rows: Iterable[ExportRow], kind: Format, output: Path | None, *, resume: bool, advance: Advance
) -> int:
    """Write the rows and return how many they were; `advance` is told of them as they are done.

    With `resume` the file's content is kept as far as it is what this export begins with; the
    result is the same, byte for byte, as that of an export which was never interrupted.

    Raises:
        FileUnusable: the file cannot be written, or is not the beginning of this export.
        MissingExtra: the format's library is not installed.
    """
    try:
        if kind is Format.PARQUET:
            assert output is not None, "the command line asks for a file"
            return _parquet(rows, output, resume=resume, advance=advance)

        if output is None:
            return _print(rows, kind, advance)

        going_on = resume and output.exists()

        with output.open("r+b" if going_on else "wb") as file:
            return _text(rows, kind, file, advance, going_on=going_on)
    except BrokenPipeError:
        raise  # whoever read standard output has seen enough
    except OSError as error:
        raise unwritable(error) from None


def _print(rows: Iterable[ExportRow], kind: TextFormat, advance: Advance) -> int:
    """Write text to standard output."""
    done = 0

    for batch, count in _batches(rows, kind):
        sys.stdout.write(batch)
        done += count
        advance(count)

    return done


def _text(
    rows: Iterable[ExportRow], kind: TextFormat, file: BinaryIO, advance: Advance, *, going_on: bool
) -> int:
    """Write text into the file, behind what of it is there already."""
    done = 0

    for batch, count in _batches(rows, kind):
        content = batch.encode()
        found = file.read(len(content)) if going_on else b""

        if not content.startswith(found):
            raise _foreign()

        file.write(content[len(found) :])
        done += count
        advance(count)

    if going_on and file.read(1):
        raise _foreign()

    return done


def _batches(rows: Iterable[ExportRow], kind: TextFormat) -> Iterator[tuple[str, int]]:
    """Yield text with the number of records in it."""
    told = lines(rows, kind)

    if kind is Format.CSV:
        yield next(told), 0  # the heading

    while batch := list(islice(told, _BATCH)):
        yield "".join(batch), len(batch)


def _parquet(rows: Iterable[ExportRow], output: Path, *, resume: bool, advance: Advance) -> int:
    if find_spec("pyarrow") is None:
        raise MissingExtra(
            "Parquet needs pyarrow, which is not installed.",
            next_step="Run `pip install 'mcp-support-router[parquet]'`.",
        )

    from mcp_router.audit.parquet import write_parquet  # noqa: PLC0415  # an extra

    return write_parquet(rows, output, resume=resume, advance=advance)


def _foreign() -> FileUnusable:
    return FileUnusable(
        "What is there is not the beginning of this export.",
        next_step="Export without --resume, or with the options that it was begun with.",
    )
