"""What was exported can be read back, and what is no export is told with its line."""

import json
from dataclasses import replace

import pytest

from mcp_router.audit.export import Format, lines
from mcp_router.audit.exported import exported_records
from mcp_router.canonical import plain
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import FileUnusable, StorageUnavailable
from mcp_router.storage.records import read_glance, read_record
from tests.audit.test_export import FULL, STORED
from tests.storage.rows import export_rows, record


def exported(*stored: StoredRecord) -> list[bytes]:
    return [line.encode() for line in lines(export_rows(*stored), Format.JSONL)]


def test_an_export_is_read_back_as_it_was() -> None:
    long = StoredRecord(seq=3, record=record("é", tenant="Zürich"))
    first, *others = exported(*STORED, long)

    assert list(exported_records([first, b"\n", *others])) == [*STORED, long]


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"at_ms":' + "1" * 5_000 + "}", '{"at_ms":1}']
)
def test_a_row_that_cannot_be_read_is_told_by_its_number(text: str) -> None:
    for read in (read_record, read_glance):
        with pytest.raises(StorageUnavailable, match="Record 7"):
            read(7, text)


def test_fields_of_a_later_version_are_left_out() -> None:
    [line] = exported(STORED[0])

    later = line.replace(b'{"record":{', b'{"record":{"a_later_field":1,')

    assert list(exported_records([later])) == [STORED[0]]


def test_a_record_knows_the_line_that_it_was_read_from() -> None:
    [line] = exported(STORED[1])
    older = line.replace(b'"attempts":[],', b"")

    [stored] = exported_records([older])

    assert stored == STORED[1]
    assert stored.line == older.decode().removesuffix("\n")


def test_a_record_of_the_log_knows_its_line_in_an_export() -> None:
    [(seq, text, link)] = export_rows(STORED[1])
    [line] = exported(STORED[1])

    for kept in (text, text.replace(",", ",\n")):
        assert read_record(seq, kept, link).line == line.decode().removesuffix("\n")

    assert read_record(seq, text).line is None


@pytest.mark.parametrize("wrong", [b"{", b"7\n", b"{}\n", b"seq,at_ms\n", b"\xff\n"])
def test_a_line_that_is_no_record_is_told_by_its_number(wrong: bytes) -> None:
    records = exported_records([*exported(STORED[0]), wrong])

    assert next(records) == STORED[0]

    with pytest.raises(FileUnusable) as refused:
        next(records)

    assert refused.value.message == "Line 2 is no record of a decision log."


@pytest.mark.parametrize(
    "change",
    [
        {"at_ms": 10**18},
        {"at_ms": -1},
        {"latency_ms": 10**400},
        {"cost_microusd": -(10**30)},
        {"attempts": (replace(FULL.attempts[0], latency_ms=10**30),)},
    ],
)
def test_numbers_that_nobody_can_calculate_with_are_told_by_their_line(
    change: dict[str, object],
) -> None:
    line = exported(StoredRecord(seq=1, record=FULL))[0].decode()
    found = json.loads(line)
    found["record"].update(json.loads(json.dumps({k: plain(v) for k, v in change.items()})))

    with pytest.raises(FileUnusable, match="Line 1 is no record"):
        next(exported_records([json.dumps(found).encode()]))

    with pytest.raises(StorageUnavailable, match="Record 1 of"):
        read_glance(1, json.dumps(found["record"]))
