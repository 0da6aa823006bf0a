"""Salesforce record ids in their one comparable form."""

import re

_SHORT = re.compile(r"[A-Za-z0-9]{15}")
_FULL = re.compile(r"[A-Za-z0-9]{18}")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(text: str) -> str | None:
    """Return the 18-character form of a record id, or None when `text` is no record id.

    The three added characters say which letters of the 15 are capitals, five letters each, lowest
    bit first (Salesforce help, "15-character and 18-character IDs"). Error messages name records
    by the short form, every other answer by the long one.

    >>> full_id("0015500001QdQWa")
    '0015500001QdQWaAAN'
    """
    if _FULL.fullmatch(text):
        return text

    if not _SHORT.fullmatch(text):
        return None

    groups = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(
        _CHECK[sum(1 << bit for bit, letter in enumerate(group) if letter.isupper())]
        for group in groups
    )
