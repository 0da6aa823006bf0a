"""Where personal data stands in a text: by its form, its check digits and what stands before."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from mcp_router.domain.privacy import PiiKind
from mcp_router.signals.pii_ids import national_ids
from mcp_router.signals.pii_others import is_of_a_thing
from mcp_router.signals.pii_payments import cards, ibans
from mcp_router.signals.pii_phones import phones, phones_told
from mcp_router.signals.pii_places import NAME_CUES, addresses, names
from mcp_router.signals.pii_secrets import (
    CODE_TOLD,
    CODE_WORDS,
    SECRET_FORMS,
    SECRET_STARTS,
    SECRET_WORDS,
    passwords,
    random_texts,
)

Spans = Iterable[tuple[int, int]]

# Every repetition is bounded, here and below, so that no text takes a square of its length.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.%+'-]{1,64}\s?(?:@|[\[(] ?at ?[\])])\s?"
    r"(?:[\w-]{1,63}(?:\.|\s?[\[(] ?dot ?[\])]\s?)){1,5}[^\W\d_]{2,24}",
    re.IGNORECASE,
)

_CARD_CODE = re.compile(
    r"\b(?:cvv2?|cvc2?|security code)(?: (?:code|number))?\W{1,3}(?:is |was |number )?"
    r"(?P<value>\d{3,4})\b",
    re.IGNORECASE,
)

_SSN = re.compile(r"[0-8](?<![\w-].)\d\d(?<!000)(?<!666)([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])")
_SSN_TOLD = re.compile(
    r"\b(?:(?:ssn|social security)\b\D{0,30}|social(?: (?:number|no|nr|num))?(?: is)?\W{1,4})"
    r"(?P<value>(?!000|666|9)\d{3}[ -]?(?!00)\d{2}[ -]?\d{4})\b",
    re.IGNORECASE,
)
_NINO = re.compile(
    r"[A-CEGHJ-PR-TW-Z](?<!\w.)[A-CEGHJ-NPR-TW-Z](?<!BG|GB|KN|NK|NT|TN|ZZ)"
    r" ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"
)

_IPV4 = re.compile(r"\d(?<![\w.-].)\d{0,2}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_COLONS = re.compile(":[0-9A-Fa-f]{0,4}:")
_VERSION_OF = re.compile(r"(?:version|firmware|release|build|update|\bv|ver)\W{0,3}\w?$", re.I)

# How the months of nine languages begin.
_MONTH = (
    r"(?:jan|j\u00e4n|ene|gen|sty|feb|fev|f\u00e9v|lut|mar|m\u00e4r|mrz|mrt|maa|apr|avr|abr|kwi|"
    r"may|mai|mag|maj|mei|jun|juin|giu|cze|jul|juil|lug|lip|aug|ao\u00fb|aou|ago|sie|sep|set|wrz|"
    r"oct|okt|ott|out|pa\u017a|nov|lis|dec|d\u00e9c|dez|dic|gru)[^\W\d_]{0,8}\.?"
)
_DATE = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|\u00ba)?(?: (?:of|de))? {_MONTH}(?: de)?,? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_BORN = re.compile(
    r"\b(?:born|birth|birth ?date|birthday|d\.?o\.?b|geboren|geb|geburtsdatum|geburtstag|n\u00e9e?|"
    r"n\u00e9\(e\) le|nee le|naissance|nacid[oa]|nacimiento|nat[oa] (?:il|a|nel|in)|nascita|"
    r"nascid[oa]|nascimento|geboortedatum|f\u00f6dd|urodzon[ya])\b\.?[^.\n]{0,25}?"
    rf"(?<!\d)(?P<value>{_DATE})",
    re.IGNORECASE,
)
_BORN_CUES = (
    "born", "birth", "dob", "d.o.b", "gebor", "geburt", "geb.", "n\u00e9", "nee le", "naiss",
    "nacid", "nacim", "nato ", "nata ", "nasc", "geboort", "f\u00f6dd", "urodzon",
)  # fmt: skip
_PASSPORT = re.compile(
    r"\b(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort)(?:nummer)?\b"
    r"(?!\W+(?:order|ticket|case))[^\n\d]{0,30}?(?<!\w)"
    r"(?P<value>(?=(?:[A-Z]{0,3}\d){4})[A-Z0-9]{6,9})(?!\w)",
    re.IGNORECASE,
)


def _ipv6(text: str) -> Spans:
    """Yield addresses of the newer form, looked for only where two colons are near each other."""
    return _machines(text, _IPV6) if _COLONS.search(text) else ()


def _machines(text: str, form: re.Pattern[str]) -> Spans:
    """Yield computers' addresses; this machine's own tells of nobody."""
    for one in form.finditer(text):
        try:
            address = ip_address(one[0])
        except ValueError:
            continue

        before = text[max(0, one.start() - 20) : one.start()]

        if not (address.is_loopback or address.is_unspecified or _VERSION_OF.search(before)):
            yield one.span()


def _ssns(text: str) -> Spans:
    """Yield American and British numbers by their form, which orders have as well."""
    for form in (_SSN, _NINO):
        for found in form.finditer(text):
            if not is_of_a_thing(text, found.start()):
                yield found.span()


def _whole(form: re.Pattern[str]) -> Callable[[str], Spans]:
    return lambda text: (found.span() for found in form.finditer(text))


def _value(form: re.Pattern[str]) -> Callable[[str], Spans]:
    return lambda text: (found.span("value") for found in form.finditer(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form of a kind: where a text has so many digits, and one of the cues if there are any."""

    kind: PiiKind
    spans: Callable[[str], Spans]
    digits: int
    cues: tuple[str, ...] = ()


FORMS = (
    Form(kind=PiiKind.ADDRESS, spans=addresses, digits=1),
    Form(kind=PiiKind.CARD, spans=cards, digits=13),
    Form(kind=PiiKind.CARD, spans=_value(_CARD_CODE), digits=3, cues=("cv", "security code")),
    Form(kind=PiiKind.DATE_OF_BIRTH, spans=_value(_BORN), digits=5, cues=_BORN_CUES),
    Form(
        kind=PiiKind.EMAIL,
        spans=_whole(_EMAIL),
        digits=0,
        cues=("@", "(at", "( at", "[at", "[ at"),
    ),
    Form(kind=PiiKind.IBAN, spans=ibans, digits=10),
    Form(kind=PiiKind.IP_ADDRESS, spans=lambda text: _machines(text, _IPV4), digits=4, cues=(".",)),
    Form(kind=PiiKind.IP_ADDRESS, spans=_ipv6, digits=1, cues=(":",)),
    Form(kind=PiiKind.NAME, spans=names, digits=0, cues=NAME_CUES),
    Form(kind=PiiKind.NATIONAL_ID, spans=national_ids, digits=7),
    Form(kind=PiiKind.PASSPORT, spans=_value(_PASSPORT), digits=4, cues=("pass", "pasap", "pasp")),
    Form(kind=PiiKind.PHONE, spans=phones, digits=8),
    Form(kind=PiiKind.PHONE, spans=phones_told, digits=7),
    Form(kind=PiiKind.SECRET, spans=_whole(SECRET_FORMS), digits=0, cues=SECRET_STARTS),
    Form(kind=PiiKind.SECRET, spans=_value(CODE_TOLD), digits=4, cues=CODE_WORDS),
    Form(kind=PiiKind.SECRET, spans=passwords, digits=0, cues=SECRET_WORDS),
    Form(kind=PiiKind.SECRET, spans=random_texts, digits=2),
    Form(kind=PiiKind.SSN, spans=_ssns, digits=6),
    Form(kind=PiiKind.SSN, spans=_value(_SSN_TOLD), digits=9, cues=("ssn", "social")),
)


def forms_in(text: str) -> Iterator[Form]:
    """Yield the forms that a text may hold at all: it has their digits, and one of their cues."""
    lower = text.lower()
    digits = sum(map(text.count, "0123456789"))

    for form in FORMS:
        if digits >= form.digits and (not form.cues or _has_one(lower, form.cues)):
            yield form


def _has_one(text: str, cues: Iterable[str]) -> bool:
    for cue in cues:  # noqa: SIM110 - of every text: `any` takes half as long again
        if cue in text:
            return True

    return False
