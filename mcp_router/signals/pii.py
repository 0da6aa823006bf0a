"""Which kinds of personal data a text holds: found by their form, their check digits and what
stands before them.

Only what has a form can be found so; names and street addresses have none. A number alone is taken
for nothing: an order or a tracking number must not look like a telephone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

_MAYBE = re.compile(r"[\d@]|PRIVATE KEY|passw|passcode|[\[(] ?at ?[\])]", re.IGNORECASE)
"""What every finding has at least one of; most questions have none, and are done with."""

_DIGIT = re.compile(r"\d")

# Every repetition is bounded, here and below, so that no text takes a square of its length.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.%+'-]{1,64}\s?(?:@|[\[(] ?at ?[\])])\s?"
    r"(?:[\w-]{1,63}(?:\.|\s?[\[(] ?dot ?[\])]\s?)){1,5}[^\W\d_]{2,24}",
    re.IGNORECASE,
)

_GAP = "[ \u00a0.\u2010-\u2013-]"
_CARD = re.compile(rf"(?<![\w.,+-])\d(?:{_GAP}?\d){{12,18}}(?![\w-]|[.,]\d)")
_CARD_BRANDS = re.compile(  # the first digits of each brand, and how many it has
    r"4\d{12}(?:\d{3}){0,2}|3[47]\d{13}|3[0689]\d{12}|(?:5\d|6\d|2[2-7]|35)\d{14,17}"
)
_CARD_CODE = re.compile(
    r"\b(?:cvv2?|cvc2?|security code)\W{1,3}(?:is |was |number )?\d{3,4}\b", re.I
)

_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
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

_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])")
_SSN_TOLD = re.compile(
    r"\b(?:ssn|social security|social)\b\D{0,30}(?!000|666|9)\d{3}[ -]?(?!00)\d{2}[ -]?\d{4}\b",
    re.IGNORECASE,
)
_NINO = re.compile(
    r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
    r" ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"
)

_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_VERSION_OF = re.compile(r"(?:version|firmware|release|build|update|\bv|ver)\W{0,3}\w?$", re.I)

_PHONE = re.compile(
    r"(?<![\w.,/+$\u20ac\u00a3#-])(?:\+|(?<!\d )00)\d"
    rf"(?:[ ()/]{{0,3}}{_GAP}?\(?\d){{7,14}}(?![\w-]|[.,]\d)"
    r"|(?<![\w.,/+$#-])(?<!\d )(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])"
    r"[2-9]\d{2}[-. ]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w-])"
    r"|(?<![\w.,/+$#-])(?<![\dA-Z] )(?!\d{3}-\d\d-\d{4}\b)"
    r"\(?0\d{1,5}\)?[ /-]{1,2}\d{2,4}(?:[ -]?\d{2,4}){1,3}(?![\w-]|[.,]\d)"
)
_PHONE_WORDS = (
    "phone", "tel", "mobile", "cell", "handy", "fax", "whatsapp", "sms", "landline", "call",
    "reach", "text", "ring", "contact", "my number",
)  # fmt: skip
_PHONE_TOLD = re.compile(
    r"\b(?:phone|telephone|tel|mobile|cell|cellphone|handy|fax|whatsapp|sms|landline|"
    r"(?:call|reach|text|ring|phone|contact) (?:me|us|him|her|back)|my number)\b"
    r"(?!\W+(?:order|ticket|case|ref))\D{0,25}\(?\+?\d(?:[ ()/.-]{0,3}\d){6,14}(?![\w-]|[.,]\d)",
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
    rf"\b(?:born|birth|birth ?date|birthday|d\.?o\.?b)\b[^.\n]{{0,25}}?{_DATE}", re.IGNORECASE
)
_PASSPORT = re.compile(
    r"\bpassport\b(?!\W+(?:order|ticket|case))[^\n\d]{0,30}?(?<!\w)(?=(?:[A-Z]{0,3}\d){4})"
    r"[A-Z0-9]{6,9}(?!\w)",
    re.IGNORECASE,
)

_SECRET_FORMS = re.compile(
    r"(?<!\w)(?:sk|pk|rk)[-_](?:live_|test_|ant-|proj-)?[\w-]{20,}"
    r"|(?<!\w)(?:AKIA|ASIA)[0-9A-Z]{16}(?!\w)"
    r"|(?<!\w)gh[pousr]_\w{36}|(?<!\w)github_pat_\w{22,}|(?<!\w)glpat-[\w-]{20}"
    r"|(?<!\w)xox[abprs]-[\w-]{10,}"
    r"|(?<!\w)AIza[\w-]{35}"
    r"|(?<!\w)eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY"
    r"|(?<!\w)[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/@]{1,64}@"
)
_SECRET_TOLD = re.compile(
    r"\b(?:password|passwd|passphrase|passcode|pwd|api[ _-]?key|secret[ _-]?key|access[ _-]?key|"
    r"client[ _-]?secret|secret|(?:access|auth|bearer|api)[ _-]?token)\b"
    r"(?: (?:for|to|of) (?:my |the |our )?\w{1,20})?(?: ?[:=] ?| is (?:currently |now )?| was )"
    r"[\"'`]?(?P<value>[^\s\"'`]{4,128})",
    re.IGNORECASE,
)
_SECRET_STARTS = (
    "sk", "pk", "rk", "akia", "asia", "gh", "glpat", "xox", "aiza", "eyj", "private key", "://",
)  # fmt: skip
_SIGN = re.compile(r"[\d@#$%^&*]")
_CODE_WORDS = ("pin", "otp", "one time", "one-time", "verification", "2fa")
_CODE_TOLD = re.compile(
    r"\b(?:pin|otp|one[ -]time (?:code|password|passcode)|verification code|2fa code)\b"
    r"(?: (?:code|number))?(?: ?[:=] ?| is (?:currently |now )?| was )\d{4,8}(?!\w|[.,]\d)",
    re.IGNORECASE,
)


def pii_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of personal data in a text, sorted.

    >>> pii_kinds("Reach me at anna@example.com or +44 20 7946 0958.")
    ('email', 'phone')
    """
    if not _MAYBE.search(text):
        return ()

    lower = text.lower()
    digits = len(_DIGIT.findall(text))
    found: list[str] = []

    for form in _FORMS:
        if form.kind in found or digits < form.digits:
            continue

        if any(cue in lower for cue in form.cues) and form.holds(text):
            found.append(form.kind)

    return tuple(found)


def _has_card(text: str) -> bool:
    """Return whether a number of a payment card is there, by its brand and its check digit."""
    for found in _CARD.finditer(text):
        digits = [int(one) for one in found[0] if one.isdecimal()]

        if _CARD_BRANDS.fullmatch("".join(map(str, digits))) and _luhn(digits):
            return True

    return False


def _luhn(digits: list[int]) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812)."""
    doubled = (sum(divmod(2 * one, 10)) for one in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _has_iban(text: str) -> bool:
    """Return whether a bank account's number is there, by its country's length and check digits."""
    for found in _IBAN.finditer(text):
        plain = re.sub("[ \u00a0-]", "", found[0]).upper()
        # Words may follow without a mark between: what is too long is cut to the country's length.
        plain = plain[: _IBAN_LENGTHS.get(plain[:2], 0)]
        turned = "".join(str(int(one, 36)) for one in plain[4:] + plain[:4])

        if turned and int(turned) % 97 == 1:
            return True

    return False


def _has_address(found: Iterable[re.Match[str]]) -> bool:
    """Return whether one of these is a computer's address; this machine's own tells of nobody."""
    for one in found:
        try:
            address = ip_address(one[0])
        except ValueError:
            continue

        before = one.string[max(0, one.start() - 20) : one.start()]

        if not (address.is_loopback or address.is_unspecified or _VERSION_OF.search(before)):
            return True

    return False


def _has_phone(text: str) -> bool:
    """Return whether a number of a telephone's form is there, and is not said to be another."""
    for found in _PHONE.finditer(text):
        before = text[max(0, found.start() - 40) : found.start()]

        if not _NO_PHONE.search(before) or _A_PHONE.search(before):
            return True

    return False


def _has_password(text: str) -> bool:
    """Return whether a password or a key is told; a word alone may end a sentence ("is wrong")."""
    return any(_SIGN.search(one["value"]) for one in _SECRET_TOLD.finditer(text))


def _searched(form: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: form.search(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """One form of a kind; a text without so many digits, or without any of the cues, has none."""

    kind: str
    holds: Callable[[str], bool]
    digits: int
    cues: tuple[str, ...] = ("",)


_FORMS = (
    _Form(kind="card", holds=_has_card, digits=13),
    _Form(kind="card", holds=_searched(_CARD_CODE), digits=3, cues=("cv", "security code")),
    _Form(
        kind="date_of_birth",
        holds=_searched(_BORN),
        digits=5,
        cues=("born", "birth", "dob", "d.o.b"),
    ),
    _Form(kind="email", holds=_searched(_EMAIL), digits=0, cues=("@", "(", "[")),
    _Form(kind="iban", holds=_has_iban, digits=10),
    _Form(
        kind="ip_address",
        holds=lambda text: _has_address(_IPV4.finditer(text)),
        digits=4,
        cues=(".",),
    ),
    _Form(
        kind="ip_address",
        holds=lambda text: _has_address(_IPV6.finditer(text)),
        digits=1,
        cues=(":",),
    ),
    _Form(kind="passport", holds=_searched(_PASSPORT), digits=4, cues=("passport",)),
    _Form(kind="phone", holds=_has_phone, digits=8),
    _Form(kind="phone", holds=_searched(_PHONE_TOLD), digits=7, cues=_PHONE_WORDS),
    _Form(kind="secret", holds=_searched(_SECRET_FORMS), digits=0, cues=_SECRET_STARTS),
    _Form(kind="secret", holds=_searched(_CODE_TOLD), digits=4, cues=_CODE_WORDS),
    _Form(
        kind="secret",
        holds=_has_password,
        digits=0,
        cues=("passw", "passp", "passc", "pwd", "key", "secret", "token"),
    ),
    _Form(kind="ssn", holds=_searched(_SSN), digits=9),
    _Form(kind="ssn", holds=_searched(_SSN_TOLD), digits=9, cues=("ssn", "social")),
    _Form(kind="ssn", holds=_searched(_NINO), digits=6),
)
