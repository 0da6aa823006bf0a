"""The decision log as a Parquet file, in pieces that survive an interruption.

The only file that imports pyarrow, which is an extra. A Parquet file has its table of contents at
the end, so one that was cut off is worth nothing: rows go into numbered files of their own first,
each whole or not there, and are joined at the end.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow
from pyarrow import parquet

from mcp_router.audit.export import COLUMNS, PARTS, cells
from mcp_router.domain.tree_head import ExportRow
from mcp_router.errors import FileUnusable
from mcp_router.storage.records import read_glance

_GROUP_ROWS = 10_000
_GROUP_BYTES = 8_000_000  # of records: what bounds the memory
_ANEW = "000000.anew"  # says that the pieces are an export from the start
_WHOLE = "joined.whole"  # all pieces in one, and what they follow
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


def write_parquet(
    rows: Iterable[ExportRow], output: Path, *, resume: bool, advance: Callable[[int], object]
) -> int:
    """Write rows of the log into the file and return how many rows it has.

    Beside the file stands a folder with its finished pieces until all are there: a file of before
    stays as it is until then. With `resume` what a former export left is kept, as far as it is what
    the log begins with. `advance` is told of rows as they are done.

    Raises:
        FileUnusable: what is there is not the beginning of these rows; it is left as it is.
        StorageUnavailable: a row cannot be read.
        OSError: the disk is full, or the folder is not there.
    """
    folder = output.with_name(output.name + PARTS)

    if not resume:
        _clear(folder)
        folder.mkdir()
        (folder / _ANEW).touch()

    pieces = _kept(output, folder)
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
    (folder / "joined.unfinished").replace(folder / _WHOLE)
    _finish(output, folder)
    return done


def _finish(output: Path, folder: Path) -> None:
    """Put the joined file in its place; whenever this is interrupted, it can be done again."""
    # The pieces go first: beside a file that has their rows already they would come twice.
    for piece in _backwards(folder, "0*"):
        piece.unlink()

    (folder / _WHOLE).replace(output)
    _clear(folder)


def _clear(folder: Path) -> None:
    """Delete what a former export has left; what an interruption leaves of it is a beginning."""
    for one in _backwards(folder, "*"):
        one.unlink()

    if folder.exists():
        folder.rmdir()


def _backwards(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), reverse=True)


def _kept(output: Path, folder: Path) -> list[Path]:
    """Return what a former export has left, in order.

    They are pieces that begin anew, or a whole file, if there is one, and pieces that follow it.
    """
    if (folder / _WHOLE).exists():
        _finish(output, folder)

    pieces = sorted(folder.glob("*.parquet"))
    anew = (folder / _ANEW).exists() or not output.exists()
    return pieces if anew else [output, *pieces]


def _compare(piece: Path, rows: Iterator[ExportRow], advance: Callable[[int], object]) -> int:
    """Take from the rows those that the piece holds, and return how many they are."""
    done = 0

    for kept in _row_groups(piece):
        found = list(zip(kept["seq"].to_pylist(), kept["record"].to_pylist(), strict=True))

        if found != [(seq, text) for seq, text, _ in islice(rows, len(found))]:
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


def _groups(rows: Iterator[ExportRow]) -> Iterator[list[ExportRow]]:
    """Yield the rows in groups that fit into memory."""
    group: list[ExportRow] = []
    size = 0

    for row in rows:
        group.append(row)
        size += len(row[1])

        if len(group) >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0

    if group:
        yield group


def _table(group: list[ExportRow]) -> "pyarrow.Table":
    """Return the rows as columns."""
    read = [(*cells(seq, read_glance(seq, text)), text) for seq, text, _ in group]
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
