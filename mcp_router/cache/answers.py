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
from mcp_router.signals.words import CONSIDERED_CHARACTERS

_COMPARED_BY = 32
"""What a character of a question counts for: the pieces that it is compared by are so much more."""


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

    @property
    def characters(self) -> int:
        """Return what it counts for."""
        return _COMPARED_BY * len(self.entry.wording.normal) + len(self.answer.completion.text)


class AnswerCache:
    """Kept answers, each for its time, and the least used ones gone where there are too many.

    One whose time is over is never found, but stays in memory until its question is asked again or
    others need its place.
    """

    def __init__(
        self, clock: Clock, *, entries: int = 10_000, characters: int = 32_000_000
    ) -> None:
        """Keep at most so many answers and characters, of all partitions together.

        A character of a question counts for 32, so that the default is about 350 MB at most.
        """
        self._clock = clock
        self._most = entries
        self._most_characters = characters
        self._characters = 0
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
        told from a similarity of `ALIKE_FROM` on; it never reaches 1. A question without a word
        or symbol, or of more than `CONSIDERED_CHARACTERS`, is like no other.
        """
        shelf = self._shelves.get(partition)
        asked = None if shelf is None else _compared(question)

        if shelf is None or asked is None:
            return None

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
        """Keep an answer for `ttl_s` seconds, instead of an older one to the same question.

        One to a question that is like no other is not kept.
        """
        wording = _compared(question)

        if wording is None:
            return

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
        kept = _Kept(entry=entry, answer=answer)
        self._used[partition, wording.normal] = kept
        self._characters += kept.characters

        while len(self._used) > self._most or self._characters > self._most_characters:
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
        self._characters -= self._used.pop((partition, entry.wording.normal)).characters

        if not len(shelf):
            del self._shelves[partition]


def _compared(question: str) -> Wording | None:
    """Return the wording of a question, None for one that is like no other."""
    if len(question) > CONSIDERED_CHARACTERS:
        return None

    wording = wording_of(question)
    return wording if wording.normal else None
