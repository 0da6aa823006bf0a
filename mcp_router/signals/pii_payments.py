"""Numbers of payment cards and bank accounts, by their form and their check digits.

A card must never leave: whatever stands beside it, and whatever it is said to be. So an order's
number with a card's brand and check digit is taken for a card.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from mcp_router.signals.pii_ids import iban, luhn

_GAP = "[ .\u2010-\u2013-]"
_BETWEEN = r"[ /_.+\u2010-\u2013\n\t-]|  | [/\u2010-\u2013-] "
_ROW = re.compile(r"\d(?<!\d.)[\d /_.+\u2010-\u2013\n\t-]{12,}")
# Here and in the other files a look behind stands after the first sign, not before it: so the
# search jumps from one possible first sign to the next (measured: a third of the time).
_ANY_GROUPS = re.compile(
    rf"\d(?<![^\W_].)(?<!\d[.,_+-].)(?<!\+.)(?:{_GAP}?\d){{12,18}}(?![^\W_]|-|\.\d)"
)
_IN_ONE = re.compile(r"\d(?<!\d.)(?<!\d\..)\d{12,18}(?!\d)")
_IN_FOURS = re.compile(
    rf"\d(?<!\d.)(?=(?P<most>(?P<sixteen>\d{{3}}({_BETWEEN})\d{{4}}\3\d{{4}}\3\d{{4}})(?!\d)"
    r"(?:\3\d{3}(?!\d))?))"
)
_SHORTER = re.compile(
    rf"\d(?<!\d.)(?=(?P<most>\d{{3}}({_BETWEEN})(?:\d{{6}}\2\d{{4,5}}|\d{{4}}\2\d{{4}}\2\d{{2,3}})"
    r"(?!\d)))"
)
_BRANDS = re.compile(  # the first digits of each brand, and how many it has
    r"4\d{12}(?:\d{3}){0,2}|3[47]\d{13}|3[0689]\d{12}|(?:5\d|6\d|2[2-7]|35)\d{14,17}"
)
_FRACTION = re.compile(r"\d{1,3}\.\d+")
_MARKS = re.compile(r"\D+")
_MOST_OF_PHONE = 15  # digits, after a plus
_PARCEL = re.compile(r"(?<!\d)9[1-5]\d\d(?:[ -]?\d{4}){4}[ -]?\d\d(?!\d)")
"""A number of the American post, which is longer than a card and holds one by accident."""

_IBAN = re.compile(r"[A-Za-z](?<!\w.)[A-Za-z]\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?!\w)")
_IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28,
    "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30,
    "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip


def cards(text: str) -> Iterable[tuple[int, int]]:
    """Yield numbers of payment cards, by their brand and their check digit."""
    found = sorted({span for span in _like_cards(text) if _is_card(text[slice(*span)])})

    if found:
        others = [*ibans(text), *(one.span() for one in _PARCEL.finditer(text))]
        taken = {at for span in others for at in range(*span)}
        yield from ((start, end) for start, end in found if taken.isdisjoint((start, end - 1)))


def _like_cards(text: str) -> Iterator[tuple[int, int]]:
    """Yield what has the form of a card's number, also within longer rows of digits."""
    for row in _ROW.finditer(text):
        at = (row.start(), row.end() + 2)  # what stands behind the row counts
        yield from (one.span() for one in _ANY_GROUPS.finditer(text, *at))

        for one in _IN_ONE.finditer(text, *at):
            if not _is_joined(text, *one.span()):
                yield one.span()

        for one in _IN_FOURS.finditer(text, *at):
            yield one.start(), one.end("most")
            yield one.start(), one.end("sixteen")

        yield from ((one.start(), one.end("most")) for one in _SHORTER.finditer(text, *at))


def _is_joined(text: str, start: int, end: int) -> bool:
    """Return whether digits are a part of something else: of a telephone's number, or of a code.

    A word may touch a card's number, but letters of codes stand in ones and twos.
    """
    if text[start - 1 : start] == "+" and end - start <= _MOST_OF_PHONE:
        return True

    before = re.search(r"[^\W\d_]*$", text[max(0, start - 3) : start])
    after = re.match(r"[^\W\d_]*", text[end : end + 3])
    return any(one is not None and 0 < len(one[0]) < 3 for one in (before, after))


def _is_card(number: str) -> bool:
    digits = _MARKS.sub("", number)
    is_whole = _BRANDS.fullmatch(digits) is not None and luhn(digits)
    return is_whole and not _FRACTION.fullmatch(number)


def ibans(text: str) -> Iterable[tuple[int, int]]:
    """Yield numbers of bank accounts, by their country's length and check digits."""
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[0][:2].upper(), 0)
        # Words may follow without a mark between: what is too long is cut to the country's length.
        signs = [at for at, one in enumerate(found[0]) if one.isalnum()]
        number = "".join(found[0][at] for at in signs[:length]).upper()

        if length and len(number) == length and iban(number):
            yield found.start(), found.start() + signs[length - 1] + 1
