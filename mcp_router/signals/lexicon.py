"""Phrases that give a subject away, and the texts in which they stand.

A phrase is written as people say it, `kill|hurt myself`: words in order, alternatives with a bar
between them, `..` for up to three words of any kind, and a last `-insurance|savings` for words that
must not follow. Accents, case, apostrophes and invisible characters do not count. Phrases are
English; what they miss, a caller can supply.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

READ_CHARACTERS = 100_000
"""What is read of a conversation, from its end: the work on a call of any length stays bounded."""

INVISIBLE = (
    "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef"
)
"""What can stand inside a word without being seen, for a set of a regular expression."""

_UNSEEN = re.compile(f"[{INVISIBLE}]+")
_MARKS = re.compile("[\u0300-\u036f]+")
_APOSTROPHES = re.compile("['\u2019\u2018`\u00b4]")
_WORD = re.compile(r"[^\W_]+")
_GAP = r"(?:\S+ ){0,3}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text as phrases are looked for in it: its plain words, and them with a blank around each.

    `text` is the end of the original, as it was written.
    """

    text: str
    words: frozenset[str]
    plain: str


def read(texts: Iterable[str]) -> Reading:
    """Return the reading of these texts, one after the other.

    >>> read(["I can't", "wait!"]).plain
    ' i cant wait '
    """
    text = "\n".join(texts)[-READ_CHARACTERS:]
    words = _WORD.findall(_APOSTROPHES.sub("", _plain(text)))
    return Reading(text=text, words=frozenset(words), plain=f" {' '.join(words)} ")


def _plain(text: str) -> str:
    """Return the text without case, accents and invisible characters."""
    if text.isascii():
        return text.lower()

    seen = _UNSEEN.sub("", text)
    return _MARKS.sub("", unicodedata.normalize("NFKD", seen)).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrase:
    """One phrase of a subject."""

    subject: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """The phrases of some subjects, found by their least usual words."""

    phrases: Mapping[str, tuple[_Phrase, ...]]

    @classmethod
    def of(cls, subjects: Mapping[str, tuple[str, ...]]) -> Self:
        """Return the lexicon of these subjects, each with its phrases."""
        found: dict[str, tuple[_Phrase, ...]] = {}

        for subject, phrases in subjects.items():
            for text in phrases:
                phrase = _Phrase(subject=subject, pattern=_pattern(text))

                for word in _telling(text):
                    found[word] = (*found.get(word, ()), phrase)

        return cls(phrases=found)

    def subjects(self, reading: Reading) -> tuple[str, ...]:
        """Return the subjects of which the text holds a phrase, sorted."""
        if self.phrases.keys().isdisjoint(reading.words):
            return ()

        found: set[str] = set()

        for word in self.phrases.keys() & reading.words:
            found.update(
                one.subject
                for one in self.phrases[word]
                if one.subject not in found and one.pattern.search(reading.plain)
            )

        return tuple(sorted(found))


def _pattern(phrase: str) -> re.Pattern[str]:
    """Return the expression that finds a phrase in a reading's plain words."""
    parts = []

    for item in phrase.split():
        if item == "..":
            parts.append(_GAP)
        elif item.startswith("-"):
            parts.append(f"(?!(?:{item[1:]}) )")
        else:
            parts.append(f"(?:{item}) ")

    return re.compile("(?<= )" + "".join(parts))


def _telling(phrase: str) -> list[str]:
    """Return the words by which a phrase is found: those of its longest item, so the rarest."""
    items = [item.split("|") for item in phrase.split() if item != ".." and item[0] != "-"]
    return max(items, key=lambda words: min(map(len, words)))
