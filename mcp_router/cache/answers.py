"""Answers that were given before, kept for whoever asks the same again.

Kept in this process only and never on disk: it holds what customers asked. A partition is a hard
wall; nothing that is kept on one side is ever found, or compared, on the other.
"""

from collections import OrderedDict
from dataclasses import dataclass

from mcp_router.cache.shelf import Entry, Hit, Shelf
from mcp_router.cache.wording import Wording, wording_of
from mcp_router.clock import Clock
from mcp_router.domain.completion import Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Who may share an answer: one tenant and locale, under one rule of one document.

    `instructions` stands for everything else that an answer was made from
    (`mcp_router.cache.admission.instructions_of`).
    """

    tenant: str
    locale: str | None
    policy: str  # name@version
    digest: str  # of the policy's document
    rule: str | None
    instructions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer with the target that gave it and the record of the call that it was given in."""

    completion: Completion
    target: str
    decision_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kept answer and how similar its question is to the one asked: 1 for the same words."""

    similarity: float
    answer: KeptAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An answer beside its question's entry in the shelf."""

    entry: Entry
    answer: KeptAnswer


class AnswerCache:
    """Kept answers, each for its time, and the least used ones gone where there are too many."""

    def __init__(self, clock: Clock, *, entries: int = 10_000) -> None:
        """Keep at most so many answers, of all partitions together."""
        self._clock = clock
        self._most = entries
        self._shelves: dict[Partition, Shelf] = {}
        self._used: OrderedDict[tuple[Partition, str], _Kept] = OrderedDict()  # least used first
        self._numbered = 0

    def __len__(self) -> int:
        """Return how many answers are kept, those whose time is over included."""
        return len(self._used)

    def nearest(self, partition: Partition, question: str) -> Found | None:
        """Return the kept answer whose question is most like this one.

        The same question, but for case, punctuation, blanks, greeting and thanks, has similarity
        1. Another one must have the same numbers, negations, question words and names, and is
        told from a similarity of `ALIKE_FROM` on; it never reaches 1.
        """
        shelf = self._shelves.get(partition)

        if shelf is None:
            return None

        asked = wording_of(question)
        hit = self._same(shelf, partition, asked) or shelf.alike(
            asked, now_s=self._clock.monotonic_s()
        )

        if hit is None:
            return None

        place = partition, hit.entry.wording.normal
        self._used.move_to_end(place)
        return Found(similarity=round(hit.similarity, 4), answer=self._used[place].answer)

    def keep(
        self, partition: Partition, question: str, answer: KeptAnswer, *, ttl_s: float
    ) -> None:
        """Keep an answer for `ttl_s` seconds, instead of an older one to the same question."""
        wording = wording_of(question)
        shelf = self._shelves.setdefault(partition, Shelf())
        known = shelf.same(wording.normal)

        if known is not None:
            self._take(partition, known)

        self._numbered += 1
        entry = Entry(
            number=self._numbered,
            wording=wording,
            expires_s=self._clock.monotonic_s() + ttl_s,
        )
        self._shelves.setdefault(partition, shelf).put(entry)
        self._used[partition, wording.normal] = _Kept(entry=entry, answer=answer)

        while len(self._used) > self._most:
            (place, _), least = next(iter(self._used.items()))
            self._take(place, least.entry)

    def _same(self, shelf: Shelf, partition: Partition, asked: Wording) -> Hit | None:
        """Return the same question; one whose time is over is forgotten."""
        entry = shelf.same(asked.normal)

        if entry is None:
            return None

        if entry.expires_s <= self._clock.monotonic_s():
            self._take(partition, entry)
            return None

        return Hit(entry=entry, similarity=1.0)

    def _take(self, partition: Partition, entry: Entry) -> None:
        shelf = self._shelves[partition]
        shelf.take(entry)
        del self._used[partition, entry.wording.normal]

        if not len(shelf):
            del self._shelves[partition]
