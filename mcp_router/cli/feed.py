"""Hands what a thread reads to the tasks of an event loop: reading standard input blocks."""

import asyncio
import queue
import threading
from collections.abc import Iterator

from mcp_router.cli.questions import Question
from mcp_router.errors import RouterError

AHEAD = 256
"""How many questions are read before they are asked for."""


class Feed:
    """The questions of an iterator, for any number of tasks on the loop that made this feed."""

    def __init__(self, questions: Iterator[Question]) -> None:
        """Begin to read; what is iterated belongs to the reading thread from now on."""
        self._loop = asyncio.get_running_loop()
        self._read: queue.Queue[Question | RouterError | None] = queue.Queue(AHEAD)
        self._arrived = asyncio.Event()
        self._end: tuple[RouterError | None] | None = None
        self._closed = False
        # A daemon: where nothing more arrives, it waits in a read that nobody can end.
        threading.Thread(target=self._run, args=(questions,), name="questions", daemon=True).start()

    async def next(self) -> Question | None:
        """Return the next question, None after the last one.

        Raises:
            FileUnusable: the file cannot be read any further.
        """
        while self._end is None:
            self._arrived.clear()

            try:
                found = self._read.get_nowait()
            except queue.Empty:
                await self._arrived.wait()
                continue

            if isinstance(found, Question):
                return found

            self._end = (found,)
            self._arrived.set()  # for the other tasks that wait

        if self._end[0] is not None:
            raise self._end[0]

        return None

    def close(self) -> None:
        """End here for everybody who asks, and stop reading after the line at hand."""
        self._closed = True
        self._end = self._end or (None,)
        self._arrived.set()

        while not self._read.empty():  # the thread may wait for room
            self._read.get_nowait()

    def _run(self, questions: Iterator[Question]) -> None:
        """Read until the end, an error or `close`."""
        try:
            for question in questions:
                if self._closed:
                    return

                self._put(question)

            self._put(None)
        except RouterError as error:
            self._put(error)

    def _put(self, found: Question | RouterError | None) -> None:
        self._read.put(found)

        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:  # the loop has ended: nobody waits any more
            self._closed = True
