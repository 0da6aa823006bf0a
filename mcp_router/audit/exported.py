"""Reads an exported decision log back, a line at a time."""

from collections.abc import Iterable, Iterator

from mcp_router.domain.record import StoredRecord
from mcp_router.errors import FileUnusable
from mcp_router.storage.records import read_line


def exported_records(lines: Iterable[bytes]) -> Iterator[StoredRecord]:
    """Yield the records of an export in JSON lines; blank lines are skipped.

    Raises:
        FileUnusable: a line holds no record; the message says which line.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue

        stored = read_line(line)

        if stored is None:
            raise FileUnusable(
                f"Line {number} is no record of a decision log.",
                next_step="Name what `mcp-router audit export` wrote as JSON lines, or a database.",
            )

        yield stored
