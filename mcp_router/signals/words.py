"""A text as the features that two texts can share, in any language.

Accents, vowel signs and invisible characters are dropped, because people leave them out when they
type; digits count as digits only, because an order number says nothing about what its owner
wants. Scripts that write no spaces are read character by character, so that pairs of neighbours
stand for their words.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from itertools import pairwise

CONSIDERED_CHARACTERS = 2_000
"""What is read of a text, from its start: about 350 English words, more than most messages of
customers have, while the work on a text of any length stays bounded."""

_KEPT_LETTERS = 24  # longer words are hardly words, and would fill the memory of the pieces
_SENTENCE_WORDS = 2  # a sentence of one word ("Hello", "Thanks!") resembles examples by accident

_DROPPED = frozenset({"Mn", "Mc", "Me", "Cf"})  # marks, and invisible format characters
_DIGITS = re.compile(r"\d+")
_SENTENCE_END = re.compile("[.!?\n\u061f\u0964\u3002]+")  # the rest: Arabic, Devanagari, CJK
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(
    "(["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff"  # hiragana, katakana
    "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"  # ideographs
    "])"
)


def passages(text: str) -> list[list[str]]:
    """Return the words of the whole text, then of each of its sentences if it has several.

    Only the first `CONSIDERED_CHARACTERS` are read. A sentence of one word is no passage.

    >>> passages("Hi! Où est ma carte n° 123?")
    [['hi', 'ou', 'est', 'ma', 'carte', 'n', '0'], ['ou', 'est', 'ma', 'carte', 'n', '0']]
    """
    plain = _plain(text[:CONSIDERED_CHARACTERS])
    sentences = [words for part in _SENTENCE_END.split(plain) if (words := _WORD.findall(part))]
    whole = [word for words in sentences for word in words]

    if len(sentences) < 2:
        return [whole]

    return [whole, *(words for words in sentences if len(words) >= _SENTENCE_WORDS)]


def features(words: list[str]) -> dict[str, int]:
    """Return how often each word, pair of neighbours, and piece of 3 or 4 characters occurs.

    Pieces forgive typing errors and other forms of a word. `<` and `>` mark where a word begins
    and ends, so that no piece is taken for a word.

    >>> sorted(features(["pin"]))
    ['<pi', '<pin', '<pin>', 'in>', 'pin', 'pin>']
    """
    found = [f"<{left}><{right}>" for left, right in pairwise(words)]

    for word in words:
        found += _pieces(word) if len(word) <= _KEPT_LETTERS else _cut(word)

    return Counter(found)


def _cut(word: str) -> tuple[str, ...]:
    """Return a word with its marks, and its pieces."""
    marked = f"<{word}>"
    size = len(marked)
    found = [marked]

    if size > 3:
        found += [marked[at : at + 3] for at in range(size - 2)]

    if size > 4:
        found += [marked[at : at + 4] for at in range(size - 3)]

    return tuple(found)


_pieces = lru_cache(maxsize=4_096)(_cut)
"""The same for words that come again and again, which is most of them; about 5 MB at most."""


def _plain(text: str) -> str:
    """Return the text without case, marks, invisible characters and the values of numbers."""
    if text.isascii():
        return _DIGITS.sub("0", text.lower())

    # Decomposed, a letter can be told from its marks; recomposed, a Korean syllable is one again.
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(one for one in apart if unicodedata.category(one) not in _DROPPED)
    whole = unicodedata.normalize("NFKC", bare)[:CONSIDERED_CHARACTERS]
    return _DIGITS.sub("0", _UNSPACED.sub(r" \1 ", whole))
