from pathlib import Path

import pytest

from mcp_router.cli.questions import (
    MAX_LINE_BYTES,
    Question,
    QuestionFormat,
    format_of,
    read_questions,
)
from mcp_router.errors import FileUnusable

LINES, CSV, JSONL = QuestionFormat.LINES, QuestionFormat.CSV, QuestionFormat.JSONL


def write(folder: Path, content: bytes) -> Path:
    file = folder / "questions"
    file.write_bytes(content)
    return file


def read(folder: Path, content: bytes, kind: QuestionFormat) -> list[tuple[int, str]]:
    return [(one.line, one.text) for one in read_questions(write(folder, content), kind, "text")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", LINES),
        ("a", LINES),
        ("-", LINES),
        ("a.csv", CSV),
        ("A.CSV", CSV),
        ("a.jsonl", JSONL),
        ("a.ndjson", JSONL),
    ],
)
def test_the_suffix_names_the_format(name: str, kind: QuestionFormat) -> None:
    assert format_of(Path(name)) is kind


def test_one_json_document_needs_a_named_format() -> None:
    with pytest.raises(FileUnusable) as caught:
        format_of(Path("a.json"))

    assert "--format" in caught.value.advice


def test_lines_are_questions_and_blank_ones_are_empty(tmp_path: Path) -> None:
    content = "\ufeffWo ist es?\r\n\n  \n und wann? ".encode()

    assert read(tmp_path, content, LINES) == [(1, "Wo ist es?"), (2, ""), (3, ""), (4, "und wann?")]


def test_each_question_says_where_it_ends(tmp_path: Path) -> None:
    file = write(tmp_path, "é\nb".encode())

    assert list(read_questions(file, LINES, "text")) == [
        Question(line=1, text="é", end=3),
        Question(line=2, text="b", end=4),
    ]


def test_csv_cells_may_hold_line_breaks_and_commas(tmp_path: Path) -> None:
    content = b'id,text\r\n1,"a, b\nc"\r\n\r\n2," "\r\n3,d\r\n'

    assert read(tmp_path, content, CSV) == [(2, "a, b\nc"), (4, ""), (5, ""), (6, "d")]


def test_the_heading_of_csv_may_follow_blank_lines(tmp_path: Path) -> None:
    assert read(tmp_path, b"\n text ,id\na,1\n", CSV) == [(3, "a")]


def test_json_lines_hold_the_question_under_a_key(tmp_path: Path) -> None:
    content = b'{"text": "a\\nb", "id": 1}\n\n{"text": ""}\n'

    assert read(tmp_path, content, JSONL) == [(1, "a\nb"), (2, ""), (3, "")]


@pytest.mark.parametrize(
    ("kind", "content", "before", "message"),
    [
        (LINES, b"a\n\xff\xfe\n", 1, "Line 2 is not UTF-8."),
        (LINES, "é".encode("utf-16"), 0, "Line 1 is not UTF-8."),
        (LINES, b"a\n" + b"b" * (MAX_LINE_BYTES + 1), 1, "Line 2 is longer than 8,388,608 bytes."),
        (JSONL, b'{"text": "a"}\n{"text": \n', 1, "Line 2 is not JSON from column 9 on."),
        (JSONL, b"[" * 100_000, 0, "Line 1 holds JSON that nobody can read."),
        (JSONL, b'["a"]', 0, "Line 1 is JSON, but not an object."),
        (JSONL, b'\n{"question": "a"}', 1, "Line 2 has no key of that name."),
        (JSONL, b'{"text": 7}', 0, "Line 1 has no text under its key of that name."),
        (JSONL, b'{"text": "\\ud800"}', 0, "Line 1 escapes half a character (a lone surrogate)."),
        (
            CSV,
            b"question,id\na,1\n",
            0,
            "Line 1 names 2 columns, and none is the one that was asked for.",
        ),
        (CSV, b"text,text\na,b\n", 0, "Line 1 names that column twice."),
        (CSV, b"id,text\n1,a\n2\n", 1, "Line 3 ends before the column of the questions."),
        (CSV, b'text\na\n"b\nc', 1, "Line 3 is not CSV (unexpected end of data)."),
        (
            CSV,
            b"text\n" + b"a" * 131_073,
            0,
            "Line 2 is not CSV (field larger than field limit (131072)).",
        ),
        (CSV, b"text\na\n\xff\n", 1, "Line 3 is not UTF-8."),
    ],
)
def test_a_line_that_cannot_be_read_is_named_after_the_ones_before_it(
    tmp_path: Path, kind: QuestionFormat, content: bytes, before: int, message: str
) -> None:
    found: list[Question] = []

    with pytest.raises(FileUnusable) as caught:
        found.extend(read_questions(write(tmp_path, content), kind, "text"))

    assert len(found) == before
    assert caught.value.message == message
    assert caught.value.code == "file_unusable"


@pytest.mark.parametrize(("kind", "content"), [(LINES, b""), (CSV, b""), (CSV, b"text\n")])
def test_a_file_without_anything_is_told_at_once(
    tmp_path: Path, kind: QuestionFormat, content: bytes
) -> None:
    file = write(tmp_path, content)

    with pytest.raises(FileUnusable) as caught:
        read_questions(file, kind, "text")

    assert caught.value.message == f"{file} holds no question."


@pytest.mark.parametrize(
    ("name", "why"), [("missing", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path, name: str, why: str) -> None:
    file = tmp_path / name

    with pytest.raises(FileUnusable) as caught:
        read_questions(file, LINES, "text")

    assert caught.value.message == f"{file} cannot be read: {why}."
