"""Items that wait share a commit, keep their order, and are each answered for themselves."""

import asyncio
from collections.abc import Sequence

import pytest

from mcp_router.errors import StorageUnavailable
from mcp_router.storage.postgres.writer import MAX_BATCH, Writer


class Disk:
    """Commits when it is let; notes each batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.fault: BaseException | None = None

    async def commit(self, batch: Sequence[int]) -> Sequence[int | StorageUnavailable]:
        self.batches.append(list(batch))
        await self.open.wait()

        if self.fault is not None:
            raise self.fault

        return [item * 10 if item >= 0 else StorageUnavailable("negative") for item in batch]


async def started(writer: Writer[int, int], items: Sequence[int]) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(writer.add(item)) for item in items]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_what_gathers_during_a_commit_shares_the_next_one() -> None:
    disk = Disk()
    writer: Writer[int, int] = Writer(disk.commit, str)
    first = await started(writer, [1])
    rest = await started(writer, range(2, MAX_BATCH + 4))
    disk.open.set()

    assert await asyncio.gather(*first, *rest) == [n * 10 for n in range(1, MAX_BATCH + 4)]
    assert [len(batch) for batch in disk.batches] == [1, MAX_BATCH, 2]
    assert [item for batch in disk.batches for item in batch] == list(range(1, MAX_BATCH + 4))


async def test_one_bad_item_is_answered_alone_and_a_caller_gone_is_passed_over() -> None:
    disk = Disk()
    writer: Writer[int, int] = Writer(disk.commit, str)
    gone, bad, good = await started(writer, [1, -1, 2])
    gone.cancel()
    disk.open.set()
    results = await asyncio.gather(bad, good, return_exceptions=True)

    assert isinstance(results[0], StorageUnavailable)
    assert results[0].message == "negative"
    assert results[1] == 20
    assert gone.cancelled()


async def test_a_commit_that_fails_fails_its_batch_and_not_the_next() -> None:
    disk = Disk()
    disk.open.set()
    disk.fault = StorageUnavailable("gone", next_step="wait")
    writer: Writer[int, int] = Writer(disk.commit, str)
    results = await asyncio.gather(writer.add(1), writer.add(2), return_exceptions=True)

    assert [(str(one), getattr(one, "advice", "")) for one in results] == [("gone", "wait")] * 2
    assert results[0] is not results[1]

    disk.fault = None
    assert await writer.add(3) == 30


async def test_nobody_waits_for_ever_when_the_worker_is_stopped() -> None:
    disk = Disk()
    disk.open.set()
    disk.fault = asyncio.CancelledError()
    writer: Writer[int, int] = Writer(disk.commit, str)

    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await writer.add(1)


async def test_closing_answers_what_was_accepted_and_takes_nothing_more() -> None:
    disk = Disk()
    writer: Writer[int, int] = Writer(disk.commit, str)
    accepted = await started(writer, [1, 2])
    closing = asyncio.create_task(writer.aclose())
    await asyncio.sleep(0)

    with pytest.raises(StorageUnavailable):
        await writer.add(3)

    disk.open.set()
    await closing
    assert [task.result() for task in accepted] == [10, 20]


async def test_two_items_of_one_key_never_share_a_batch() -> None:
    disk = Disk()
    writer: Writer[int, int] = Writer(disk.commit, lambda item: item % 10)
    disk.open.set()
    tasks = await started(writer, [1, 11, 2, 21, 12, 3])
    await asyncio.gather(*tasks)

    assert disk.batches == [[1, 2, 3], [11, 12], [21]]


async def test_workers_commit_side_by_side_and_the_last_one_answers_who_is_left() -> None:
    disk = Disk()
    writer: Writer[int, int] = Writer(disk.commit, str, workers=2)
    first = await started(writer, [1])
    second = await started(writer, [2])
    third = await started(writer, [3])
    assert disk.batches == [[1], [2]]

    disk.fault = asyncio.CancelledError()
    disk.open.set()
    left = await asyncio.gather(*first, *second, *third, return_exceptions=True)

    assert [str(one) for one in left] == [
        "The write was interrupted.",
        "The write was interrupted.",
        "The database was closed.",
    ]
