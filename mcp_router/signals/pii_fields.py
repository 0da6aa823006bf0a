"""Exact matching of what the desk knows: the only way to find a name without a model.

A field is found in any case, with any accents or none, with an umlaut's other spelling ("Mueller",
"Hauptstr."), with any blanks or hyphens between its words, with the dots of what is cut short or
without them, and with any marks between the digits of a telephone. The parts of a name are found
alone as well, with their capital letter or in capitals: many are words.
"""

import re
import unicodedata

from mcp_router.domain.privacy import Finding, KnownFields, PiiKind
from mcp_router.signals.pii_folded import Folded, folded
from mcp_router.signals.pii_spans import apart

_LEAST = 3
"""Signs of a field, and of a part of a name: less would be found inside of other things."""

_BETWEEN = re.compile("[\\s\u2010-\u2013-]+")
_E = dict.fromkeys("\u00e4\u00f6\u00fc", "e?") | dict.fromkeys("\u00c4\u00d6\u00dc", "[Ee]?")
_LEAST_DIGITS = 6
_COUNTRY = 3  # digits: people write their number without them


class FieldDetector:
    """Finds the fields of one requester."""

    def __init__(self, known: KnownFields) -> None:
        """Prepare to find these."""
        groups = (
            (PiiKind.EMAIL, [_exact(one) for one in known.emails]),
            (PiiKind.PHONE, [_phone(one) for one in known.phones]),
            (PiiKind.ADDRESS, [_exact(one) for one in known.addresses]),
            (PiiKind.ORGANISATION, [_exact(one) for one in known.organisations]),
            (PiiKind.NAME, [_exact(one) for one in known.names]),
        )
        self._forms = [
            (kind, re.compile("|".join(sources), re.IGNORECASE))
            for kind, given in groups
            if (sources := sorted(filter(None, given), key=len, reverse=True))
        ]
        parts = {part for one in known.names for part in one.split() if _signs(part) >= _LEAST}

        if parts:
            shown = "|".join(sorted({form for one in parts for form in _shown(one)}))
            self._forms.append((PiiKind.NAME, re.compile(rf"(?<!\w)(?:{shown})(?!\w)")))

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return where the fields stand."""
        read = Folded(text)
        spans = (
            (kind, read.span(*found.span()))
            for kind, form in self._forms
            for found in form.finditer(read.text)
        )
        return apart(Finding(start=start, end=end, kind=kind) for kind, (start, end) in spans)


def _exact(field: str) -> str:
    """Return the expression for a field, none for one that is too short."""
    words = [word for one in _BETWEEN.split(field) if (word := one.strip(","))]

    if _signs(field) < _LEAST:
        return ""

    last = _word(words[-1])
    return (
        r"(?<!\w)" + "".join(rf"{_word(one)}[\s,-]{{1,3}}" for one in words[:-1]) + last + r"(?!\w)"
    )


def _signs(field: str) -> int:
    return sum(one.isalnum() or one in "&+" for one in field)  # C&A is a name, n/a is none


def _word(word: str) -> str:
    """Return the expression for a word of a field; one that is cut short may lose its dot."""
    plain = _letters(word.rstrip("."))
    plain = plain.replace("strasse", r"str(?:asse|\.?)").replace("Strasse", r"Str(?:asse|\.?)")
    return plain + (r"\.?" if word.endswith(".") else "")


def _shown(part: str) -> tuple[str, str]:
    """Return the expressions for a part of a name: with its capital letter, and in capitals."""
    is_loud = part.replace("\u00df", "").isupper()
    first = part.title() if is_loud else part[0].upper() + part[1:]
    return _letters(first), _letters(part.upper())


def _letters(word: str) -> str:
    """Return the expression for letters in plain ones, an umlaut also as it is written without."""
    return "".join(
        rf"{re.escape(folded(one))}{_E.get(one, '')}" for one in unicodedata.normalize("NFC", word)
    )


def _phone(field: str) -> str:
    """Return the expression for a telephone number by its last digits.

    What stands before them, country or trunk, is written in many ways or not at all.
    """
    digits = re.sub(r"\D", "", folded(field))

    if len(digits) < _LEAST_DIGITS:
        return ""

    last = digits[-max(_LEAST_DIGITS, len(digits) - _COUNTRY) :]
    gap = r"[ ()/.-]{0,3}"
    return rf"(?<![\d+(])[+(]{{0,2}}(?:\d{gap}){{0,5}}{gap.join(last)}(?!\d)"
