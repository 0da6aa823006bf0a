"""The questions of a file, one at a time: a line each, or a column of CSV or JSON lines.

Nothing but the record at hand is in memory. A complaint names the line, never what stands there.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import BinaryIO, assert_never

from mcp_router.canonical import encodable
from mcp_router.errors import FileUnusable

STDIN = Path("-")
DEFAULT_COLUMN = "text"
MAX_LINE_BYTES = 8 * 1024 * 1024
"""The largest prompt (see `tools/route_completion.py`) fits even where JSON escapes it all."""

_STDIN_DESCRIPTOR = 0
_SAVE_AS_UTF8 = "Save the file as UTF-8 text and start again."


class QuestionFormat(StrEnum):
    """How a file holds its questions."""

    LINES = "lines"
    CSV = "csv"
    JSONL = "jsonl"


_SUFFIXES = {
    ".csv": QuestionFormat.CSV,
    ".jsonl": QuestionFormat.JSONL,
    ".ndjson": QuestionFormat.JSONL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with the line that it begins on, from 1; empty `text` is a blank line.

    `end` counts the bytes of the file up to the end of the question.
    """

    line: int
    text: str
    end: int


def format_of(file: Path) -> QuestionFormat:
    """Return the format that the file's suffix stands for; any other suffix means lines.

    Raises:
        FileUnusable: the file is one JSON document, which is none of the formats.
    """
    suffix = file.suffix.lower()

    if suffix == ".json":
        raise FileUnusable(
            f"{file} is one JSON document by its name.",
            next_step="Write one JSON object a line, or say with --format how it is to be read.",
        )

    return _SUFFIXES.get(suffix, QuestionFormat.LINES)


def read_questions(file: Path, kind: QuestionFormat, column: str) -> Iterator[Question]:
    """Return the questions of `file`, of standard input for `-`, blank lines included.

    The first one has been read, so that a wrong file is told of before anything else happens.
    `column` is for CSV and JSONL. What is returned closes the file at its end.

    Raises:
        FileUnusable: there is nothing to read. While iterating: a line cannot be read; the ones
            before it have been yielded.
    """
    questions = _read(file, kind, column)
    first = next(questions, None)

    if first is None:
        raise FileUnusable(f"{_name(file)} holds no question.", next_step=_A_QUESTION)

    return chain((first,), questions)


_A_QUESTION = "Write one question a line, or name a file of CSV or JSON lines."


def _read(file: Path, kind: QuestionFormat, column: str) -> Iterator[Question]:
    """Yield the questions and close the file."""
    with _open(file) as stream:
        lines = _Lines(stream)

        match kind:
            case QuestionFormat.LINES:
                yield from _plain(lines)
            case QuestionFormat.JSONL:
                yield from _jsonl(lines, column)
            case QuestionFormat.CSV:
                yield from _csv(lines, column)
            case _:
                assert_never(kind)


def _open(file: Path) -> BinaryIO:
    try:
        if file == STDIN:
            # A reader of its own: a thread may still wait in it when the interpreter ends, and
            # must not hold the lock of sys.stdin then.
            return open(_STDIN_DESCRIPTOR, "rb", closefd=False)  # not a path

        return file.open("rb")
    except OSError as error:
        raise FileUnusable(
            f"{_name(file)} cannot be read: {error.strerror}.",
            next_step="Name a file that you may read, or - for standard input.",
        ) from None


def _name(file: Path) -> str:
    return "Standard input" if file == STDIN else str(file)


class _Lines:
    """The decoded lines of a stream, each with its ending, counted from 1."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0
        self.end = 0

    def __iter__(self) -> Iterator[str]:
        while raw := self._read():
            self.number += 1
            self.end += len(raw)

            if len(raw) > MAX_LINE_BYTES:
                raise _wrong(self.number, f"is longer than {MAX_LINE_BYTES:,} bytes")

            try:
                yield raw.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise _wrong(self.number, "is not UTF-8", _SAVE_AS_UTF8) from None

    def _read(self) -> bytes:
        try:
            return self._stream.readline(MAX_LINE_BYTES + 1)
        except OSError as error:  # a folder opens, and fails here
            raise _wrong(self.number + 1, f"cannot be read: {error.strerror}") from None


def _plain(lines: _Lines) -> Iterator[Question]:
    for text in lines:
        yield Question(line=lines.number, text=text.strip(), end=lines.end)


def _jsonl(lines: _Lines, column: str) -> Iterator[Question]:
    for text in lines:
        found = _member(text, column, lines.number) if text.strip() else ""
        yield Question(line=lines.number, text=found.strip(), end=lines.end)


def _member(text: str, column: str, line: int) -> str:
    """Return the text that a JSON object holds under the name of the column."""
    try:
        value: object = json.loads(text.rstrip())  # else an error at the end is on the next line
    except json.JSONDecodeError as error:
        raise _wrong(line, f"is not JSON from column {error.colno} on") from None
    except (RecursionError, ValueError):  # nested a thousand levels deep; an endless number
        raise _wrong(line, "holds JSON that nobody can read") from None

    if not isinstance(value, dict):
        raise _wrong(line, "is JSON, but not an object")

    found = value.get(column)

    if not isinstance(found, str):
        what = "no" if column not in value else "no text under its"
        raise _wrong(line, f"has {what} key of that name", _OTHER_COLUMN)

    if not encodable(found):
        raise _wrong(line, "escapes half a character (a lone surrogate)")

    return found


_OTHER_COLUMN = "Name the one that holds the questions with --column."


def _csv(lines: _Lines, column: str) -> Iterator[Question]:
    """Yield the cells of one column; a cell may hold line breaks."""
    # Strict: a quotation mark that is never closed would take the rest of the file for one cell.
    rows = csv.reader(iter(lines), strict=True)
    place: int | None = None

    while True:
        first = lines.number + 1

        try:
            row = next(rows, None)
        except csv.Error as error:
            raise _wrong(first, f"is not CSV ({error})") from None

        if row is None:
            return

        if place is None:
            place = _place(row, column, first) if row else None
            continue

        if row and len(row) <= place:
            raise _wrong(first, "ends before the column of the questions")

        yield Question(line=first, text=row[place].strip() if row else "", end=lines.end)


def _place(heading: list[str], column: str, line: int) -> int:
    """Return where the column stands."""
    names = [name.strip() for name in heading]

    if names.count(column) > 1:
        raise _wrong(line, "names that column twice", "Rename one of the two.")

    if column not in names:
        raise _wrong(
            line,
            f"names {len(names)} columns, and none is the one that was asked for",
            f"{_OTHER_COLUMN} The first line names the columns, with commas between them.",
        )

    return names.index(column)


def _wrong(line: int, what: str, next_step: str | None = None) -> FileUnusable:
    return FileUnusable(f"Line {line} {what}.", next_step=next_step)
