"""Where personal data stands in a text: found by its form, its check digits and what stands before.

A number alone is taken for nothing: an order or a tracking number must not look like a telephone.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from mcp_router.domain.privacy import PiiKind
from mcp_router.signals.pii_ids import iban, luhn, national_ids
from mcp_router.signals.pii_places import NAME_CUES, addresses, names

Spans = Iterable[tuple[int, int]]

MAYBE = re.compile(
    r"[\d@]|PRIVATE KEY|passw|passcode|[\[(] ?at ?[\])]|name|hei(?:ss|ß)e|llamo|chiamo|naam",
    re.IGNORECASE,
)
"""What every finding has at least one of; most questions have none, and are done with."""

DIGIT = re.compile(r"\d")

# Every repetition is bounded, here and below, so that no text takes a square of its length.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.%+'-]{1,64}\s?(?:@|[\[(] ?at ?[\])])\s?"
    r"(?:[\w-]{1,63}(?:\.|\s?[\[(] ?dot ?[\])]\s?)){1,5}[^\W\d_]{2,24}",
    re.IGNORECASE,
)

_GAP = "[ \u00a0.\u2010-\u2013-]"
# Here and below a look behind stands after the first sign, not before it: so the search jumps from
# one possible first sign to the next (measured: a third of the time).
_CARD = re.compile(rf"\d(?<![\w.,+-].)(?:{_GAP}?\d){{12,18}}(?![\w-]|[.,]\d)")
_CARD_BRANDS = re.compile(  # the first digits of each brand, and how many it has
    r"4\d{12}(?:\d{3}){0,2}|3[47]\d{13}|3[0689]\d{12}|(?:5\d|6\d|2[2-7]|35)\d{14,17}"
)
_CARD_CODE = re.compile(
    r"\b(?:cvv2?|cvc2?|security code)\W{1,3}(?:is |was |number )?(?P<value>\d{3,4})\b", re.I
)

_IBAN = re.compile(r"[A-Za-z](?<!\w.)[A-Za-z]\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}(?!\w)")
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

_SSN = re.compile(r"[0-8](?<![\w-].)\d\d(?<!000)(?<!666)([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])")
_SSN_TOLD = re.compile(
    r"\b(?:ssn|social security|social)\b\D{0,30}"
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

_PHONES = (
    re.compile(
        r"\+(?<![\w.,/+$\u20ac\u00a3#-].)\d"
        rf"(?:[ ()/]{{0,3}}{_GAP}?\(?\d){{7,14}}(?![\w-]|[.,]\d)"
    ),
    re.compile(
        r"0(?<![\w.,/+$\u20ac\u00a3#-].)(?<!\d .)0\d"
        rf"(?:[ ()/]{{0,3}}{_GAP}?\(?\d){{7,14}}(?![\w-]|[.,]\d)"
    ),
    re.compile(
        r"[+(1-9](?<![\w.,/+$#-].)(?<!\d .)(?:(?:(?<=\+)1|(?<=1))[ .-]?(?:\([2-9]\d{2}\) ?|"
        r"[2-9]\d{2}[-. ])|(?<=\()[2-9]\d{2}\) ?|(?<=[2-9])\d{2}[-. ])"
        r"[2-9]\d{2}[-. ]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w-])"
    ),
    re.compile(
        r"[(0](?<![\w.,/+$#-].)(?<![\dA-Z] .)(?:(?<=\()0|(?<=0))(?!\d\d-\d\d-\d{4}\b)"
        r"\d{1,5}\)?[ /-]{1,2}\d{2,4}(?:[ -]?\d{2,4}){1,3}(?![\w-]|[.,]\d)"
    ),
)
_PHONE_NUMBER = re.compile(
    r"[(+\d](?<![\d.,/+-].)(?:(?<=\()\+?\d|(?<=\+)\d|(?<=\d))"
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
_A_PHONE = re.compile("phone|mobile|cell|tel", re.IGNORECASE)
_NO_PHONE = re.compile(
    r"(?:order|tracking|invoice|ticket|case|ref|reference|account|transaction|serial|model|sku|"
    r"item|part|article|confirmation|booking|imei|isbn|version|id|no|nr|number)\W{0,3}"
    r"(?:(?:number|no|nr|code|id|is|was)\W{0,3}){0,2}$",
    re.IGNORECASE,
)

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_BORN = re.compile(
    r"\b(?:born|birth|birth ?date|birthday|d\.?o\.?b|geboren|geburtsdatum|naissance|nacimiento|"
    rf"nascita|geboortedatum)\b[^.\n]{{0,25}}?(?P<value>{_DATE})",
    re.IGNORECASE,
)
_PASSPORT = re.compile(
    r"\b(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort)(?:nummer)?\b"
    r"(?!\W+(?:order|ticket|case))[^\n\d]{0,30}?(?<!\w)"
    r"(?P<value>(?=(?:[A-Z]{0,3}\d){4})[A-Z0-9]{6,9})(?!\w)",
    re.IGNORECASE,
)

_SECRET_FORMS = re.compile(
    r"(?<!\w)(?:sk|pk|rk)[-_](?:live_|test_|ant-|proj-)?[\w-]{20,}"
    r"|(?<!\w)(?:AKIA|ASIA)[0-9A-Z]{16}(?!\w)"
    r"|(?<!\w)gh[pousr]_\w{36}|(?<!\w)github_pat_\w{22,}|(?<!\w)glpat-[\w-]{20}"
    r"|(?<!\w)xox[abprs]-[\w-]{10,}"
    r"|(?<!\w)AIza[\w-]{35}"
    r"|(?<!\w)eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    # A key goes to its end, or as far as it was pasted.
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-{0,5}(?:[A-Za-z0-9+/=\s]{0,8000}"
    r"(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?)"
    r"|(?<!\w)[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/@]{1,64}@(?:[\w.:-]{1,100}[^\s]{0,100})?"
)
_SECRET_TOLD = re.compile(
    r"\b(?:password|passwd|passphrase|passcode|passwort|kennwort|contrase\u00f1a|wachtwoord|"
    r"mot de passe|pwd|api[ _-]?key|secret[ _-]?key|access[ _-]?key|"
    r"client[ _-]?secret|secret|(?:access|auth|bearer|api)[ _-]?token)\b[\"']?"
    r"(?: (?:for|to|of) (?:my |the |our )?\w{1,20})?"
    r"(?: ?[:=] ?| is (?:currently |now )?| was | ist | lautet | es | \u00e8 | est )"
    r"[\"'`]?(?P<value>[^\s\"'`]{4,128})",
    re.IGNORECASE,
)
_SECRET_STARTS = (
    "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "akia", "asia", "ghp", "gho", "ghu", "ghs", "ghr",
    "github_", "glpat", "xox", "aiza", "eyj", "private key", "://",
)  # fmt: skip
_SECRET_WORDS = (
    "passw", "passp", "passc", "pwd", "key", "secret", "token", "kennw", "contrase", "wachtw",
    "mot de passe",
)  # fmt: skip
_SIGN = re.compile(r"[\d@#$%^&*]")
_CODE_WORDS = ("pin", "otp", "one time", "one-time", "verification", "2fa")
_CODE_TOLD = re.compile(
    r"\b(?:pin|otp|one[ -]time (?:code|password|passcode)|verification code|2fa code)\b"
    r"(?: (?:code|number))?(?: ?[:=] ?| is (?:currently |now )?| was )"
    r"(?P<value>\d{4,8})(?!\w|[.,]\d)",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"[A-Za-z0-9](?<![\w/+=.-].)[A-Za-z0-9_+/-]{31,127}(?![\w/+-])")
_LEAST_RANDOM = 32  # signs
_LEAST_BITS = 4.0
"""Of a sign of a random text: words, even long ones in many cases, stay below."""


def _cards(text: str) -> Spans:
    """Yield numbers of payment cards, by their brand and their check digit."""
    for found in _CARD.finditer(text):
        digits = "".join(one for one in found[0] if one.isdecimal())

        if _CARD_BRANDS.fullmatch(digits) and luhn(digits):
            yield found.span()


def _ibans(text: str) -> Spans:
    """Yield numbers of bank accounts, by their country's length and check digits."""
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[0][:2].upper(), 0)
        # Words may follow without a mark between: what is too long is cut to the country's length.
        signs = [at for at, one in enumerate(found[0]) if one.isalnum()]
        plain = "".join(found[0][at] for at in signs[:length]).upper()

        if length and len(plain) == length and iban(plain):
            yield found.start(), found.start() + signs[length - 1] + 1


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


def _phones(text: str) -> Spans:
    """Yield numbers of a telephone's form that are not said to be others."""
    for form in _PHONES:
        for found in form.finditer(text):
            before = text[max(0, found.start() - 40) : found.start()]

            if not _NO_PHONE.search(before) or _A_PHONE.search(before):
                yield found.span()


def _phones_told(text: str) -> Spans:
    """Yield numbers of any form that are said to be a telephone's."""
    for found in _PHONE_NUMBER.finditer(text):
        before = text[max(0, found.start() - 45) : found.start()].lower()

        if any(cue in before for cue in _PHONE_CUES) and _PHONE_TOLD.search(before):
            yield found.span()


def _passwords(text: str) -> Spans:
    """Yield passwords and keys that are told; a word alone may end a sentence ("is wrong")."""
    for found in _SECRET_TOLD.finditer(text):
        if _SIGN.search(found["value"]):
            yield found.start("value"), found.start("value") + len(found["value"].rstrip(".,;"))


def _random_texts(text: str) -> Spans:
    """Yield texts that only a machine can have drawn: what they open is nobody's to know."""
    if all(len(word) < _LEAST_RANDOM for word in text.split()):
        return

    for found in _RANDOM.finditer(text):
        mixed = not found[0].islower() and not found[0].isupper() and DIGIT.search(found[0])

        if mixed and _bits(found[0]) >= _LEAST_BITS:
            yield found.span()


def _bits(text: str) -> float:
    """Return how many bits a sign of the text tells, by how often each stands there."""
    shares = [text.count(one) / len(text) for one in set(text)]
    return -sum(share * math.log2(share) for share in shares)


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
    Form(kind=PiiKind.CARD, spans=_cards, digits=13),
    Form(kind=PiiKind.CARD, spans=_value(_CARD_CODE), digits=3, cues=("cv", "security code")),
    Form(
        kind=PiiKind.DATE_OF_BIRTH,
        spans=_value(_BORN),
        digits=5,
        cues=("born", "birth", "dob", "d.o.b", "gebor", "geburt", "naiss", "nacim", "nascita",
              "geboort"),
    ),
    Form(
        kind=PiiKind.EMAIL,
        spans=_whole(_EMAIL),
        digits=0,
        cues=("@", "(at", "( at", "[at", "[ at"),
    ),
    Form(kind=PiiKind.IBAN, spans=_ibans, digits=10),
    Form(
        kind=PiiKind.IP_ADDRESS, spans=lambda text: _machines(text, _IPV4), digits=4, cues=(".",)
    ),
    Form(
        kind=PiiKind.IP_ADDRESS, spans=_ipv6, digits=1, cues=(":",)
    ),
    Form(kind=PiiKind.NAME, spans=names, digits=0, cues=NAME_CUES),
    Form(kind=PiiKind.NATIONAL_ID, spans=national_ids, digits=7),
    Form(
        kind=PiiKind.PASSPORT, spans=_value(_PASSPORT), digits=4, cues=("pass", "pasap", "pasp")
    ),
    Form(kind=PiiKind.PHONE, spans=_phones, digits=8),
    Form(kind=PiiKind.PHONE, spans=_phones_told, digits=7),
    Form(kind=PiiKind.SECRET, spans=_whole(_SECRET_FORMS), digits=0, cues=_SECRET_STARTS),
    Form(kind=PiiKind.SECRET, spans=_value(_CODE_TOLD), digits=4, cues=_CODE_WORDS),
    Form(kind=PiiKind.SECRET, spans=_passwords, digits=0, cues=_SECRET_WORDS),
    Form(kind=PiiKind.SECRET, spans=_random_texts, digits=2),
    Form(kind=PiiKind.SSN, spans=_whole(_SSN), digits=9),
    Form(kind=PiiKind.SSN, spans=_value(_SSN_TOLD), digits=9, cues=("ssn", "social")),
    Form(kind=PiiKind.SSN, spans=_whole(_NINO), digits=6),
)  # fmt: skip


def forms_in(text: str) -> Iterator[Form]:
    """Yield the forms that a text may hold at all."""
    if not MAYBE.search(text):
        return

    lower = text.lower()
    digits = sum(map(text.count, "0123456789"))

    for form in FORMS:
        if digits >= form.digits and (not form.cues or any(cue in lower for cue in form.cues)):
            yield form
