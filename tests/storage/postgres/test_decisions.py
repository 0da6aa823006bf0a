"""The decision log on PostgreSQL: one numbering for all replicas, without gaps."""

import asyncio
from dataclasses import replace

import pytest

from mcp_router.domain.record import StoredRecord
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.postgres.database import Database
from mcp_router.storage.postgres.decisions import DecisionTable
from tests.storage.postgres.server import connect, rows
from tests.storage.rows import record


async def test_records_are_counted_from_one_and_found_within_their_tenant(
    decisions: DecisionTable,
) -> None:
    assert [await decisions.append(record(name)) for name in ("a", "b", "c")] == [1, 2, 3]
    assert await decisions.find("acme", "dec_b") == StoredRecord(seq=2, record=record("b"))
    assert await decisions.find("other", "dec_b") is None
    assert await decisions.find("acme", "dec_z") is None


async def test_replicas_share_one_numbering_without_gaps(url: str) -> None:
    databases = [Database(url, connections=2) for _ in range(3)]
    tables = [DecisionTable(one) for one in databases]

    places = await asyncio.gather(
        *(tables[n % 3].append(record(str(n), tenant=f"t{n % 3}")) for n in range(150))
    )

    for table, database in zip(tables, databases, strict=True):
        await table.aclose()
        await database.aclose()

    assert sorted(places) == list(range(1, 151))
    assert rows(url, "SELECT decision_id FROM decisions ORDER BY seq") == [
        (f"dec_{places.index(place)}",) for place in range(1, 151)
    ]


async def test_a_record_that_is_refused_leaves_no_gap_and_harms_no_other(
    decisions: DecisionTable, url: str
) -> None:
    await decisions.append(record("twice"))

    results = await asyncio.gather(
        *(decisions.append(record(name)) for name in ("a", "twice", "b")), return_exceptions=True
    )

    assert [results[0], results[2]] == [2, 3]
    assert isinstance(results[1], StorageUnavailable)
    assert "dec_twice" not in str(results[1])
    assert rows(url, "SELECT last FROM decisions_head") == [(3,)]


async def test_a_record_is_kept_whatever_its_call_held(decisions: DecisionTable, url: str) -> None:
    odd = replace(record("odd"), run_id="nul \0 and half \ud800", ticket_id="é")

    assert await decisions.append(odd) == 1
    assert rows(url, "SELECT run_id, ticket_id FROM decisions") == [("nul \ufffd and half ?", "é")]


async def test_a_caller_that_goes_away_leaves_its_record(
    decisions: DecisionTable, url: str
) -> None:
    await decisions.append(record("first"))

    with connect(url) as other, other.transaction():
        other.execute("SELECT * FROM decisions_head FOR UPDATE")
        gone = asyncio.create_task(decisions.append(record("gone")))
        await asyncio.sleep(0)
        staying = asyncio.create_task(decisions.append(record("staying")))
        await asyncio.sleep(0)
        gone.cancel()

    assert await staying == 3
    assert gone.cancelled()
    assert await decisions.find("acme", "dec_gone") is not None


async def test_closing_finishes_what_was_accepted(decisions: DecisionTable, url: str) -> None:
    waiting = [asyncio.create_task(decisions.append(record(str(n)))) for n in range(5)]
    await asyncio.sleep(0)
    await decisions.aclose()

    assert await asyncio.gather(*waiting) == [1, 2, 3, 4, 5]

    with pytest.raises(StorageUnavailable):
        await decisions.append(record("late"))
