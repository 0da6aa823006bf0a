"""What outcomes have taught about the targets of each intent, shared by all replicas."""

import itertools
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

import anyio

from mcp_router.clock import Clock
from mcp_router.domain.learning import Estimate, Learned, Lesson
from mcp_router.domain.record import Record
from mcp_router.errors import StorageUnavailable
from mcp_router.learning.reward import lessons_of

_logger = logging.getLogger(__name__)

MOST_OWED = 10_000
"""How many lessons wait in memory while the store is away; then the oldest are forgotten."""

_BATCH = 256
_NOTHING: Mapping[str, Estimate] = MappingProxyType({})

_Known: TypeAlias = dict[tuple[str, str], dict[str, Estimate]]


class EstimateStore(Protocol):
    """What estimates ask of a database."""

    async def learn(self, lessons: Sequence[Lesson], at_ms: int) -> tuple[bool, ...]:
        """Count, in one transaction, each lesson whose decision, target and kind are new.

        Says of each whether it was. The evidence of one estimate is added up and remembered as
        `Estimate.after` says, whoever else adds to it meanwhile; together the lessons weigh less
        than `MEMORY`.
        """

    async def learned(self) -> tuple[Learned, ...]:
        """Return every estimate, by policy, intent and target."""


class Estimates:
    """Answers from memory; `refresh` brings in what the other replicas have learned."""

    def __init__(self, store: EstimateStore, clock: Clock, *, most_owed: int = MOST_OWED) -> None:
        """Know nothing until the first `refresh`; `clock` dates what is counted."""
        self._store = store
        self._clock = clock
        self._known: _Known = {}
        self._owed: deque[Lesson] = deque(maxlen=most_owed)
        self._refreshing = anyio.Lock()

    def of(self, policy: str, intent: str | None) -> Mapping[str, Estimate]:
        """Return the estimate of each target that has served that intent under a policy's name."""
        known = self._known.get((policy, intent or ""))
        return _NOTHING if known is None else MappingProxyType(known)

    async def learn(self, lesson: Lesson) -> bool:
        """Count one lesson, now and on disk; False if that decision had taught it before.

        Raises:
            StorageUnavailable: it is not counted, as far as can be known; learn it again.
        """
        [counted] = await self._store.learn([lesson], self._clock.now_ms())

        if counted:
            _add(self._known, lesson)

        return counted

    def observe(self, record: Record) -> None:
        """Learn from a call's record, in memory; it goes to disk with the next `refresh`.

        So that no call waits for it: what a process that dies has learned last is lost with it.
        """
        for lesson in lessons_of(record):
            _add(self._known, lesson)
            self._owed.append(lesson)

    async def refresh(self) -> None:
        """Put on disk what was observed, and read what all replicas have learned.

        Raises:
            StorageUnavailable: what was observed waits; what is known stays.
        """
        async with self._refreshing:
            while self._owed:
                batch = tuple(itertools.islice(self._owed, _BATCH))
                await self._store.learn(batch, self._clock.now_ms())
                self._forget(batch)

            known: _Known = {}

            for one in await self._store.learned():
                known.setdefault((one.policy, one.intent or ""), {})[one.target] = one.estimate

            # What was observed meanwhile is not on disk yet.
            for lesson in self._owed:
                _add(known, lesson)

            self._known = known

    async def aclose(self) -> None:
        """Put on disk what was observed, or say how much is lost with this process."""
        try:
            await self.refresh()
        except StorageUnavailable as error:
            _logger.warning("%d lessons are lost: %s", len(self._owed), error.message)

    def _forget(self, batch: Iterable[Lesson]) -> None:
        """Owe no longer what is on disk; where too much was owed, some of it is gone already."""
        for lesson in batch:
            if self._owed and self._owed[0] is lesson:
                self._owed.popleft()


def _add(known: _Known, lesson: Lesson) -> None:
    """Add one lesson to what is known in memory."""
    targets = known.setdefault((lesson.policy, lesson.intent or ""), {})
    good, bad = lesson.weight * lesson.reward, lesson.weight * (1.0 - lesson.reward)
    targets[lesson.target] = targets.get(lesson.target, Estimate()).after(good, bad)
