"""What was exported can be read back, and what is no export is told with its line."""

import pytest

from mcp_router.audit.export import Format, lines
from mcp_router.audit.exported import exported_records
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import FileUnusable
from tests.audit.test_export import STORED
from tests.storage.rows import record


def exported(*stored: StoredRecord) -> list[bytes]:
    return [line.encode() for line in lines(stored, Format.JSONL)]


def test_an_export_is_read_back_as_it_was() -> None:
    long = StoredRecord(seq=3, record=record("é", tenant="Zürich"))
    first, *others = exported(*STORED, long)

    assert list(exported_records([first, b"\n", *others])) == [*STORED, long]


def test_fields_of_a_later_version_are_left_out() -> None:
    [line] = exported(STORED[0])

    later = line.replace(b'{"record":{', b'{"record":{"a_later_field":1,')

    assert list(exported_records([later])) == [STORED[0]]


@pytest.mark.parametrize("wrong", [b"{", b"7\n", b"{}\n", b"seq,at_ms\n", b"\xff\n"])
def test_a_line_that_is_no_record_is_told_by_its_number(wrong: bytes) -> None:
    records = exported_records([*exported(STORED[0]), wrong])

    assert next(records) == STORED[0]

    with pytest.raises(FileUnusable) as refused:
        next(records)

    assert refused.value.message == "Line 2 is no record of a decision log."
