"""A log that is pruned while it is read, a page at a time, or by two at once."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import anyio.from_thread
import anyio.to_thread
import psycopg
import pytest
from psycopg.rows import DictRow

from mcp_router.audit.check import Evidence, verify_store
from mcp_router.audit.verify import Report
from mcp_router.domain.tree_head import KeptRow
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.postgres.archive import Archive
from mcp_router.storage.store import open_archive, open_store
from tests.audit.logs import SIGNER, keeper_of
from tests.audit.prunings import prune
from tests.storage.postgres.server import connect, rows, wait_for_backend
from tests.storage.rows import record

EVIDENCE = Evidence(public_key=SIGNER.public_key)
HEADS = (3, 5, 7, 9, 11)  # the first one also covers the event of its key


@pytest.fixture
async def log(url: str) -> str:
    """A log of eleven rows with five heads."""
    store = open_store(url)

    for number in range(len(HEADS)):
        await store.decisions.append(record(f"{number}-a"))
        await store.decisions.append(record(f"{number}-b"))
        await keeper_of(store.heads).sign()

    await store.aclose()
    return url


class PrunedMeanwhile(Archive):
    """An archive whose log is pruned, up to another head, when its rows are about to be read."""

    def __init__(self, url: str, heads: Iterator[int]) -> None:
        super().__init__(url)
        self._url = url
        self._next = heads

    def kept(self, after: int | None = None) -> Iterator[KeptRow]:
        if heads := next(self._next, None):
            anyio.from_thread.run(prune, self._url, heads)

        return super().kept(after)


async def verified_meanwhile(url: str, *heads: int) -> Report:
    def verify() -> Report:
        with PrunedMeanwhile(url, iter(heads)) as archive:
            return verify_store(archive, EVIDENCE)

    return await anyio.to_thread.run_sync(verify)


async def test_a_log_that_is_pruned_while_it_is_verified_is_verified_again(log: str) -> None:
    report = await verified_meanwhile(log, 1, 2)

    assert (report.finding, report.first, report.last) == (None, HEADS[1] + 1, HEADS[-1] + 2)


async def test_a_log_that_is_pruned_again_and_again_is_not_called_broken(log: str) -> None:
    with pytest.raises(StorageUnavailable, match="pruned faster"):
        await verified_meanwhile(log, 1, 2, 3, 4, 5)


async def test_what_an_interrupted_pruning_left_is_no_part_of_the_log(log: str) -> None:
    await prune(log, 2, sweep=1)

    with open_archive(log) as archive:
        report = verify_store(archive, EVIDENCE)
        assert (report.finding, report.first, report.rows) == (None, HEADS[1] + 1, 7)
        assert [seq for seq, *_ in archive.rows()] == list(range(6, 13))
        assert (archive.count(), archive.lingering()) == (7, 4)
        assert (archive.place("dec_1-b"), archive.place("dec_4-b")) == (0, 11)


async def test_what_another_replica_prunes_at_the_same_time_is_pruned(
    log: str, admin: psycopg.Connection[DictRow]
) -> None:
    with connect(log) as other:
        with other.transaction():
            other.execute("INSERT INTO prunings VALUES (%s, 0)", (HEADS[0],))
            ours = asyncio.create_task(prune(log, 1))
            await asyncio.to_thread(wait_for_backend, admin, "wait_event_type = 'Lock'")

        await ours

    assert rows(log, "SELECT size FROM prunings") == [(HEADS[0],)]
    assert rows(log, "SELECT min(seq), max(seq) FROM decisions") == [(HEADS[0] + 1, HEADS[-1])]


async def test_a_record_with_what_no_column_can_hold_verifies(log: str) -> None:
    store = open_store(log)
    await store.decisions.append(replace(record("nul"), run_id="a\0b"))
    await store.aclose()

    with open_archive(log) as archive:
        assert verify_store(archive, EVIDENCE).finding is None
