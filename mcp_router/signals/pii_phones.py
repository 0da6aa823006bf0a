"""Telephone numbers, by the forms of several countries or by a word that says so.

A number alone is taken for nothing: an order or a tracking number must not look like a telephone.
"""

import re
from collections.abc import Iterable

from mcp_router.signals.pii_others import is_of_a_thing

_GAP = "[ .\u2010-\u2013-]"
_PHONES = (
    re.compile(
        r"\+(?<![^\W_].)(?<![/+$\u20ac\u00a3#-].)\d"
        rf"(?:[ ()/]{{0,3}}{_GAP}?\(?\d){{7,14}}(?![^\W_]|-|\.\d)"
    ),
    re.compile(
        r"0(?<![\w/+$\u20ac\u00a3#-].)(?<!\d[ .].)0\d"
        rf"(?:[ ()/]{{0,3}}{_GAP}?\(?\d){{7,14}}(?![\w-]|[.,]\d)"
    ),
    re.compile(
        r"[+(1-9](?<![\w/+$#-].)(?<!\d[ .].)(?:(?:(?<=\+)1|(?<=1))[ .-]?(?:\([2-9]\d{2}\) ?|"
        r"[2-9]\d{2}[-. ])|(?<=\()[2-9]\d{2}\) ?|(?<=[2-9])\d{2}[-. ])"
        r"[2-9]\d{2}[-. ]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w-])"
    ),
    re.compile(
        r"[(0](?<![\w/+$#-].)(?<!\d\..)(?<![\dA-Z] .)(?:(?<=\()0|(?<=0))(?!\d\d-\d\d-\d{4}\b)"
        r"\d{1,5}\)?[ /-]{1,2}\d{2,4}(?:[ -]?\d{2,4}){1,3}(?![\w-]|[.,]\d)"
    ),
)
_PHONE_NUMBER = re.compile(
    r"[(+\d](?<![\d/+-].)(?<!\d[.,].)(?:(?<=\()\+?\d|(?<=\+)\d|(?<=\d))"
    r"(?:[ ()/.-]{0,3}\d){6,14}(?![\w-]|[.,]\d)"
)
_PHONE_CUES = (
    "phone", "tel", "mobile", "cell", "handy", "fax", "whatsapp", "sms", "landline", "call",
    "reach", "text", "ring", "contact", "my number", "t\u00e9l", "appel", "m\u00f3vil", "rufen",
    "bel me",
)  # fmt: skip
_PHONE_TOLD = re.compile(
    r"\b(?:phone|telephone|telefono|telefoonnummer|tel\u00e9fono|t\u00e9l\u00e9phone|telefon|tel|"
    r"mobile|m\u00f3vil|cellulare|cell|cellphone|handy|handynummer|telefonnummer|"
    r"fax|whatsapp|sms|landline|(?:call|reach|text|ring|phone|contact) (?:me|us|him|her|back)|"
    r"rufen sie (?:mich|uns)|bel me|appelez[- ]moi|my number)\b"
    r"(?!\W+(?:order|ticket|case|ref))\D{0,25}$",
    re.IGNORECASE,
)
_A_PHONE = re.compile(r"phone|mobile|telefon|\b(?:cell|tel)", re.IGNORECASE)
_NO_PHONE = re.compile(
    r"(?:account|imei|isbn|version|id|no|nr|number)\W{0,3}"
    r"(?:(?:number|no|nr|code|id|is|was)\W{0,3}){0,2}$",
    re.IGNORECASE,
)


def phones(text: str) -> Iterable[tuple[int, int]]:
    """Yield numbers of a telephone's form that are not said to be others."""
    for form in _PHONES:
        for found in form.finditer(text):
            before = text[max(0, found.start() - 40) : found.start()]

            if _A_PHONE.search(before) or not (
                _NO_PHONE.search(before) or is_of_a_thing(text, found.start())
            ):
                yield found.span()


def phones_told(text: str) -> Iterable[tuple[int, int]]:
    """Yield numbers of any form that are said to be a telephone's."""
    for found in _PHONE_NUMBER.finditer(text):
        before = text[max(0, found.start() - 45) : found.start()].lower()

        if any(cue in before for cue in _PHONE_CUES) and _PHONE_TOLD.search(before):
            yield found.span()
