"""Exact matching of what the desk knows: the only way to find a name without a model.

A field is found in any case, with any blanks between its words and any marks between the digits of
a telephone. The parts of a name are found alone as well, with their capital letter: many are words.
"""

import re

from mcp_router.domain.privacy import Finding, KnownFields, PiiKind
from mcp_router.signals.pii_spans import apart

_LEAST = 3
"""Signs of a field, and of a part of a name: less would be found inside of other things."""

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
        parts = {part for one in known.names for part in one.split() if len(part) >= _LEAST}

        if parts:
            shown = "|".join(re.escape(one[0].upper() + one[1:]) for one in sorted(parts))
            self._forms.append((PiiKind.NAME, re.compile(rf"(?<!\w)(?:{shown})(?!\w)")))

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return where the fields stand."""
        return apart(
            Finding(start=found.start(), end=found.end(), kind=kind)
            for kind, form in self._forms
            for found in form.finditer(text)
        )


def _exact(field: str) -> str:
    """Return the expression for a field, none for one that is too short."""
    words = field.split()

    if len("".join(words)) < _LEAST:
        return ""

    return r"(?<!\w)" + r"[\s,]{1,3}".join(re.escape(one.strip(",")) for one in words) + r"(?!\w)"


def _phone(field: str) -> str:
    """Return the expression for a telephone number by its last digits.

    What stands before them, country or trunk, is written in many ways or not at all.
    """
    digits = re.sub(r"\D", "", field)

    if len(digits) < _LEAST_DIGITS:
        return ""

    last = digits[-max(_LEAST_DIGITS, len(digits) - _COUNTRY) :]
    gap = r"[ ()/.\u2010-\u2013-]{0,3}"
    return rf"(?<![\d+(])[+(]{{0,2}}(?:\d{gap}){{0,5}}{gap.join(last)}(?!\d)"
