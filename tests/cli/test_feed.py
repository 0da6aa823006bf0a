import itertools
import threading
from collections.abc import Iterator

import anyio
import pytest

from mcp_router.cli.feed import AHEAD, Feed
from mcp_router.cli.questions import Question
from mcp_router.errors import FileUnusable


def question(number: int) -> Question:
    return Question(line=number, text=f"question {number}", end=number)


async def test_tasks_share_the_questions_and_all_learn_the_end() -> None:
    feed = Feed(question(number) for number in range(1000))
    found: list[int] = []
    ends = 0

    async def take() -> None:
        nonlocal ends

        while one := await feed.next():
            found.append(one.line)
            await anyio.lowlevel.checkpoint()

        ends += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(take)

    assert sorted(found) == list(range(1000))
    assert ends == 5


async def test_a_question_is_handed_on_while_the_next_is_still_awaited() -> None:
    written = threading.Event()

    def typed() -> Iterator[Question]:
        yield question(1)
        assert written.wait(10)
        yield question(2)

    feed = Feed(typed())

    assert await feed.next() == question(1)

    written.set()

    assert await feed.next() == question(2)
    assert await feed.next() is None


async def test_every_task_gets_the_error_that_ended_the_reading() -> None:
    def broken() -> Iterator[Question]:
        yield question(1)
        raise FileUnusable("Line 2 is not UTF-8.")

    feed = Feed(broken())
    assert await feed.next() == question(1)

    for _ in range(2):
        with pytest.raises(FileUnusable, match="Line 2"):
            await feed.next()


async def test_an_endless_input_is_read_a_little_ahead_and_no_further() -> None:
    read = itertools.count()
    stopped = threading.Event()

    def endless() -> Iterator[Question]:
        try:
            while True:
                yield question(next(read))
        finally:
            stopped.set()

    feed = Feed(endless())
    await feed.next()
    feed.close()

    assert await anyio.to_thread.run_sync(stopped.wait, 10)
    assert next(read) <= AHEAD + 3  # what was taken, the queue, and what waited for room


async def test_closing_ends_the_wait_of_every_task() -> None:
    never = threading.Event()

    def typed() -> Iterator[Question]:
        never.wait(10)
        yield question(1)

    feed = Feed(typed())
    found: list[Question | None] = []

    async def take() -> None:
        found.append(await feed.next())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        tasks.start_soon(take)
        await anyio.lowlevel.checkpoint()
        feed.close()

    never.set()

    assert found == [None, None]
