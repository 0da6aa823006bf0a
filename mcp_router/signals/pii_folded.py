"""A text as known fields are looked for in it: without accents, and with the way back."""

import re
import unicodedata
from functools import cached_property, lru_cache
from itertools import chain

_FOREIGN = re.compile(r"[^\x00-\x7f]")
_PLAIN = {
    "\u00df": "ss", "\u1e9e": "SS", "\u00e6": "ae", "\u00c6": "AE", "\u0153": "oe",
    "\u0152": "OE", "\u00f8": "o", "\u00d8": "O", "\u0142": "l", "\u0141": "L", "\u0111": "d",
    "\u0110": "D", "\u0131": "i", "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u00b4": "'",
    "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2212": "-",
}  # fmt: skip
"""Signs that are not taken apart into a letter and its marks."""


class Folded:
    """A text in plain letters, from which the way to its original is known."""

    def __init__(self, original: str) -> None:
        """Fold a text; one of ASCII is what it was."""
        self._original = original
        self.text = original if original.isascii() else _FOREIGN.sub(_folded, original)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a piece stands in the original, with the marks on its last letter."""
        if self.text is self._original:
            return start, end

        last = self._origins[end - 1] + 1

        while last < len(self._original) and not _plain(self._original[last]):
            last += 1

        return self._origins[start], last

    @cached_property
    def _origins(self) -> tuple[int, ...]:
        """Return where each sign comes from; most texts hold nothing known and are never asked."""
        return tuple(
            chain.from_iterable([at] * len(_plain(sign)) for at, sign in enumerate(self._original))
        )


def folded(text: str) -> str:
    """Return a text in plain letters.

    >>> folded("M\u00fcller, O\u2019Neill, Hauptstra\u00dfe")
    "Muller, O'Neill, Hauptstrasse"
    """
    return Folded(text).text


def _folded(found: re.Match[str]) -> str:
    return _plain(found[0])


@lru_cache(maxsize=4_096)
def _plain(sign: str) -> str:
    """Return the letters of one sign without their marks, none for a mark alone."""
    apart = _PLAIN.get(sign) or unicodedata.normalize("NFKD", sign)
    value = unicodedata.decimal(sign, None)
    return (
        str(value)
        if value is not None
        else "".join(_PLAIN.get(one, one) for one in apart if not unicodedata.combining(one))
    )
