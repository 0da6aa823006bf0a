"""The kept questions of one partition, by their wording and by their features."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from mcp_router.cache.wording import CARRYING, TELLING, Wording, agree

ALIKE_FROM = 0.8
"""The least similarity that is told: below it, too many pairs are of two different questions."""

_SQUARED_FROM = ALIKE_FROM * ALIKE_FROM - 1e-9  # what just reaches it must not be lost
_MORE = 3  # features looked at beyond what is enough, so that an entry must share so many
_ALMOST = 0.9999  # only the same words in the same order are the same question
_SWEPT_FROM = 64  # taken entries that a shelf may still list


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kept question; `number` counts up, and `expires_s` is the clock's."""

    number: int
    wording: Wording
    expires_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An entry and how similar its question is, from 0 to 1."""

    entry: Entry
    similarity: float


class Shelf:
    """Entries that may answer each other's questions."""

    def __init__(self) -> None:
        """Begin without an entry."""
        self._entries: dict[int, Entry] = {}
        self._sizes: dict[int, int] = {}
        self._same: dict[str, Entry] = {}
        self._listed: dict[str, list[int]] = {}
        self._taken = 0

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries, the oldest first."""
        return iter(self._entries.values())

    def put(self, entry: Entry) -> None:
        """Add an entry; there must be none of the same normal form."""
        self._entries[entry.number] = entry
        self._sizes[entry.number] = entry.wording.size
        self._same[entry.wording.normal] = entry
        self._list(entry)

    def take(self, entry: Entry) -> None:
        """Remove an entry."""
        del self._entries[entry.number]
        del self._sizes[entry.number]
        del self._same[entry.wording.normal]
        self._taken += 1

        # The lists keep the numbers of what was taken, until half of them are such.
        if self._taken > len(self._entries) + _SWEPT_FROM:
            self._taken = 0
            self._listed.clear()

            for one in self._entries.values():
                self._list(one)

    def same(self, normal: str) -> Entry | None:
        """Return the entry of this normal form."""
        return self._same.get(normal)

    def alike(self, asked: Wording, *, now_s: float) -> Hit | None:
        """Return the most similar entry that is valid and agrees with what is asked.

        The newest of equals; None where none reaches `ALIKE_FROM`, or where all that they share is
        words that every question has.
        """
        best: Hit | None = None
        telling, carrying = frozenset(asked.telling), frozenset(asked.carrying)

        for bound, number in self._candidates(asked):
            if best is not None and bound < best.similarity:
                break

            entry = self._entries[number]

            if entry.expires_s <= now_s or not agree(asked, entry.wording):
                continue

            shared = TELLING * sum(map(telling.__contains__, entry.wording.telling))
            shared += CARRYING * sum(map(carrying.__contains__, entry.wording.carrying))
            cosine = min(shared / math.sqrt(asked.size * entry.wording.size), _ALMOST)

            newer = best is None or (cosine, number) > (best.similarity, best.entry.number)

            if cosine >= ALIKE_FROM and newer:
                best = Hit(entry=entry, similarity=cosine)

        return best

    def _candidates(self, asked: Wording) -> list[tuple[float, int]]:
        """Return the entries that may be similar enough, each with the most that it can reach.

        Features are looked at from the rarest on, until what is left of the question is too
        little: an entry that shares none of those cannot reach `ALIKE_FROM` with the rest.
        """
        lists = sorted((self._listed.get(one, ()) for one in asked.telling), key=len)
        enough = math.ceil((1 - _SQUARED_FROM) * asked.size / TELLING)
        looked = lists[: enough + _MORE]
        rest = asked.size - TELLING * len(looked)
        least = (_SQUARED_FROM * asked.size - rest) / TELLING
        counted = Counter(chain.from_iterable(looked))
        found: list[tuple[float, int]] = []

        for number in [number for number, shared in counted.items() if shared >= least]:
            size = self._sizes.get(number, 0)  # none of what was taken
            most = min(TELLING * counted[number] + rest, size)

            if most * most >= _SQUARED_FROM * asked.size * size > 0:
                found.append((most / math.sqrt(asked.size * size), number))

        found.sort(reverse=True)
        return found

    def _list(self, entry: Entry) -> None:
        for feature in entry.wording.telling:
            self._listed.setdefault(feature, []).append(entry.number)
