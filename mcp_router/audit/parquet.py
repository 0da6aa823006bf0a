"""The decision log as a Parquet file, in pieces that survive an interruption.

The only file that imports pyarrow, which is an extra. A Parquet file has its table of contents at
the end, so one that was cut off is worth nothing: rows go into numbered files of their own first,
each whole or not there, and are joined at the end.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow
from pyarrow import parquet

from mcp_router.audit.export import COLUMNS, cells
from mcp_router.errors import FileUnusable
from mcp_router.storage.records import read_glance

_GROUP_ROWS = 10_000
_GROUP_BYTES = 8_000_000  # of records: what bounds the memory
_NUMBERS = {"seq", "at_ms", "attempts", "latency_ms"}
_FRACTIONS = {"confidence", "cost_usd"}
_NAMES = (*COLUMNS, "record")
_SCHEMA = pyarrow.schema(
    [
        (
            name,
            pyarrow.int64()
            if name in _NUMBERS
            else pyarrow.float64()
            if name in _FRACTIONS
            else pyarrow.string(),
        )
        for name in _NAMES
    ]
)

Row = tuple[int, str]


def write_parquet(
    rows: Iterable[Row], output: Path, *, resume: bool, advance: Callable[[int], object]
) -> int:
    """Write places and texts of the log into the file and return how many rows it has.

    Beside the file stands a folder with its finished pieces until all are there. With `resume`
    what a former export left is kept, as far as it is what the log begins with. `advance` is told
    of rows as they are done.

    Raises:
        FileUnusable: what is there is not the beginning of these rows; it is left as it is.
        StorageUnavailable: a row cannot be read.
        OSError: the disk is full, or the folder is not there.
    """
    folder = output.with_name(f"{output.name}.parts")
    pieces = _kept(output, folder) if resume else []

    if not resume:
        shutil.rmtree(folder, ignore_errors=True)

    left = iter(rows)
    done = 0

    for piece in pieces:
        done += _compare(piece, left, advance)

    folder.mkdir(exist_ok=True)

    for group in _groups(left):
        piece = folder / f"{len(pieces) + 1:06}.parquet"
        unfinished = piece.with_suffix(".unfinished")
        parquet.write_table(_table(group), unfinished, compression="zstd")
        unfinished.replace(piece)
        pieces.append(piece)
        done += len(group)
        advance(len(group))

    _join(pieces, folder / "joined.unfinished")
    (folder / "joined.unfinished").replace(output)
    shutil.rmtree(folder)
    return done


def _kept(output: Path, folder: Path) -> list[Path]:
    """Return what a former export has left, in order: a whole file, then pieces that follow it."""
    return [*([output] if output.exists() else []), *sorted(folder.glob("*.parquet"))]


def _compare(piece: Path, rows: Iterator[Row], advance: Callable[[int], object]) -> int:
    """Take from the rows those that the piece holds, and return how many they are."""
    done = 0

    for kept in _row_groups(piece):
        found = list(zip(kept["seq"].to_pylist(), kept["record"].to_pylist(), strict=True))

        if found != list(islice(rows, len(found))):
            raise _foreign()

        done += len(found)
        advance(len(found))

    return done


def _row_groups(piece: Path) -> "Iterator[pyarrow.Table]":
    """Yield the row groups of a file of ours, one in memory at a time."""
    try:
        with parquet.ParquetFile(piece) as file:
            if file.schema_arrow != _SCHEMA:
                raise _foreign()

            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
    except pyarrow.ArrowInvalid:
        raise _foreign() from None


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield the rows in groups that fit into memory."""
    group: list[Row] = []
    size = 0

    for row in rows:
        group.append(row)
        size += len(row[1])

        if len(group) >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0

    if group:
        yield group


def _table(group: list[Row]) -> "pyarrow.Table":
    """Return the rows as columns."""
    read = [(*cells(seq, read_glance(seq, text)), text) for seq, text in group]
    columns = zip(*read, strict=True)
    return pyarrow.table(
        {
            name: pyarrow.array(column, field.type)
            for name, column, field in zip(_NAMES, columns, _SCHEMA, strict=True)
        },
        schema=_SCHEMA,
    )


def _join(pieces: list[Path], to: Path) -> None:
    """Write all pieces into one file."""
    with parquet.ParquetWriter(to, _SCHEMA, compression="zstd") as writer:
        for piece in pieces:
            for group in _row_groups(piece):
                writer.write_table(group)


def _foreign() -> FileUnusable:
    return FileUnusable(
        "What is there is not the beginning of this export.",
        next_step="Export without --resume, or with the options that it was begun with.",
    )
