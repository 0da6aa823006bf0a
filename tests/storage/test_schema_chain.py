"""A log from before there was a chain is linked when it is opened."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database as Tables

from mcp_router.audit.check import Evidence, verify_store
from mcp_router.storage.records import COLUMNS, record_values
from mcp_router.storage.sqlite.schema import migrations
from mcp_router.storage.store import open_archive, open_store
from tests.storage.rows import record

ROWS = 2_500  # more than one batch of the migration


async def test_rows_that_were_there_before_are_linked(tmp_path: Path) -> None:
    path = tmp_path / "router.db"
    names = ", ".join((*COLUMNS, "record"))
    marks = ", ".join("?" * (len(COLUMNS) + 1))

    with closing(sqlite3.connect(path)) as connection:
        migrations.apply(Tables(connection), stop_before="m011_chain")
        connection.executemany(
            f"INSERT INTO decisions ({names}) VALUES ({marks})",
            [record_values(record(str(number))) for number in range(ROWS)],
        )
        connection.commit()

    store = open_store(f"sqlite:///{path}")
    assert await store.decisions.append(record("new")) == ROWS + 1
    await store.aclose()

    with open_archive(f"sqlite:///{path}") as archive:
        report = verify_store(archive, Evidence())

    assert (report.finding, report.rows) == (None, ROWS + 1)
