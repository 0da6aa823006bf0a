"""Waiting items share one durable commit; while one commits, the next ones gather.

A commit costs one flush of the database's disk however many items it holds, so under load the
cost per item falls with the number of callers, and no caller starves: items keep their order.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeAlias, TypeVar

from mcp_router.errors import RouterError, StorageUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_BATCH = 256

Commit: TypeAlias = Callable[[Sequence[Item]], Awaitable[Sequence[Result | RouterError]]]
"""Commits a batch and returns what became of each item; StorageUnavailable goes to all of them."""


class Writer(Generic[Item, Result]):
    """Gives every item to `commit` once, in order; lives on the event loop that calls it."""

    def __init__(
        self, commit: "Commit[Item, Result]", key: Callable[[Item], Hashable], *, workers: int = 1
    ) -> None:
        """Hand batches of at most `MAX_BATCH` items to `commit`, `workers` at a time.

        Two items of one `key` never share a batch.
        """
        self._commit = commit
        self._key = key
        self._most_workers = workers
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._closed = False

    async def add(self, item: Item) -> Result:
        """Return the item's result once its commit is on disk.

        A caller that goes away does not take its item back.

        Raises:
            StorageUnavailable: the item could not be committed, or nobody knows whether it was.
            RouterError: what `commit` has found wrong with this item.
        """
        if self._closed:
            raise StorageUnavailable("The database is closed.")

        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))

        if len(self._workers) < self._most_workers:
            # A task of its own: the caller that happens to come first may be cancelled.
            self._workers.add(loop.create_task(self._work()))

        return await future

    async def aclose(self) -> None:
        """Take nothing more, and return once what was accepted is answered."""
        self._closed = True

        if self._workers:
            await asyncio.wait(self._workers)  # unlike `await`, it never cancels a worker

    async def _work(self) -> None:
        """Commit what waits until nothing waits."""
        try:
            while self._waiting:
                await self._serve(self._next_batch())
        finally:
            self._workers = {one for one in self._workers if one is not asyncio.current_task()}

            if not self._workers:
                _answer_all(self._waiting, StorageUnavailable("The database was closed."))

    def _next_batch(self) -> "list[tuple[Item, asyncio.Future[Result]]]":
        """Take the first items that wait, each second one of a key left for the next batch."""
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        later: list[tuple[Item, asyncio.Future[Result]]] = []
        keys: set[Hashable] = set()

        while self._waiting and len(batch) < MAX_BATCH:
            one = self._waiting.popleft()
            key = self._key(one[0])
            (later if key in keys else batch).append(one)
            keys.add(key)

        self._waiting.extendleft(reversed(later))
        return batch

    async def _serve(self, batch: "list[tuple[Item, asyncio.Future[Result]]]") -> None:
        """Commit one batch and answer each of its callers, whatever happens."""
        try:
            results = await self._commit([item for item, _ in batch])

            for (_, future), result in zip(batch, results, strict=True):
                _answer(future, result)
        except StorageUnavailable as error:
            _answer_all(batch, error)
        finally:
            _answer_all(batch, StorageUnavailable("The write was interrupted."))


def _answer(future: "asyncio.Future[Result]", result: Result | RouterError) -> None:
    """Hand a result to the caller, unless it has gone away or has an answer."""
    if future.done():
        return

    if isinstance(result, RouterError):
        future.set_exception(result)
    else:
        future.set_result(result)


def _answer_all(
    batch: "Sequence[tuple[Item, asyncio.Future[Result]]]", error: StorageUnavailable
) -> None:
    """Fail every caller that has no answer yet, each with an error of its own."""
    for _, future in batch:
        _answer(future, StorageUnavailable(error.message, next_step=error.advice))
