"""National numbers of people, each by its own check: a number that fails it is somebody else's.

Every check takes the number without the marks between its digits.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from mcp_router.signals.pii_others import is_of_a_thing


def luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812).

    >>> luhn("4111111111111111")
    True
    """
    numbers = [int(one) for one in digits]
    doubled = (sum(divmod(2 * one, 10)) for one in numbers[-2::-2])
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def iban(plain: str) -> bool:
    """Return whether the check digits of a bank account's number are right (ISO 13616).

    >>> iban("DE89370400440532013000")
    True
    """
    turned = "".join(str(int(one, 36)) for one in plain[4:] + plain[:4])
    return bool(turned) and int(turned) % 97 == 1


def steuer_id(digits: str) -> bool:
    """Return whether it is a German tax number: one digit more than once, check by ISO 7064.

    >>> steuer_id("86095742719")
    True
    """
    most = max(digits[:10].count(one) for one in digits[:10])

    if digits[0] == "0" or not 2 <= most <= 3:
        return False

    product = 10

    for one in digits[:10]:
        total = (int(one) + product) % 10 or 10
        product = total * 2 % 11

    return (11 - product) % 10 == int(digits[10])


def nir(number: str) -> bool:
    """Return whether it is a French number of social insurance, Corsica's letters included.

    >>> nir("255081416802538")
    True
    """
    plain = number.upper().replace("2A", "19").replace("2B", "18")
    return plain.isdecimal() and 97 - int(plain[:13]) % 97 == int(plain[13:])


def dni(number: str) -> bool:
    """Return whether the letter of a Spanish DNI or NIE is that of its digits.

    >>> dni("12345678Z")
    True
    """
    first = {"X": "0", "Y": "1", "Z": "2"}.get(number[0].upper(), number[0])
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(first + number[1:-1]) % 23] == number[-1].upper()


_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
         6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def codice_fiscale(number: str) -> bool:
    """Return whether the last letter of an Italian tax code is that of the others.

    >>> codice_fiscale("RSSMRA85T10A562S")
    True
    """
    odd = sum(_ODD[one] for one in number[0:15:2].upper())
    even = sum(int(one) if one.isdecimal() else ord(one) - 65 for one in number[1:15:2].upper())
    return chr(65 + (odd + even) % 26) == number[15].upper()


def bsn(digits: str) -> bool:
    """Return whether a Dutch service number passes the test of eleven.

    >>> bsn("111222333")
    True
    """
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return int(digits) > 0 and _weighted(digits, weights) % 11 == 0


def pesel(digits: str) -> bool:
    """Return whether it is a Polish number of a person: its check, and a month that exists.

    >>> pesel("44051401359")
    True
    """
    sound = -_weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10 == int(digits[10])
    return sound and 1 <= int(digits[2:4]) % 20 <= 12


def personnummer(number: str) -> bool:
    """Return whether the last ten digits are a Swedish number of a person.

    >>> personnummer("8112189876")
    True
    """
    ten = number[-10:]
    return luhn(ten) and _is_date(ten[:2], ten[2:4], ten[4:6])


def hetu(number: str) -> bool:
    """Return whether the last sign of a Finnish number of a person is that of its digits.

    >>> hetu("131052308T")
    True
    """
    sound = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number[:9]) % 31] == number[9].upper()
    return sound and _is_date(number[4:6], number[2:4], number[0:2])


def rijksregister(digits: str) -> bool:
    """Return whether a Belgian number of a person has the check of its century.

    >>> rijksregister("85073003328")
    True
    """
    check = int(digits[9:])
    return any(97 - int(f"{century}{digits[:9]}") % 97 == check for century in ("", "2"))


def ahv(digits: str) -> bool:
    """Return whether a Swiss number of social insurance has the check of an EAN-13.

    >>> ahv("7569217076985")
    True
    """
    return -_weighted(digits[:12], (1, 3) * 6) % 10 == int(digits[12])


def cpf(digits: str) -> bool:
    """Return whether both check digits of a Brazilian tax number are right.

    >>> cpf("11144477735")
    True
    """
    first = _weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == f"{first}{second}"


_VERHOEFF = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_TURNS = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def aadhaar(digits: str) -> bool:
    """Return whether the check digit of an Indian number of a person is right (Verhoeff).

    >>> aadhaar("234123412346")
    True
    """
    check = 0

    for at, one in enumerate(reversed(digits)):
        check = int(_VERHOEFF[check][int(_TURNS[at % 8][int(one)])])

    return check == 0 and digits[0] not in "01"


def tfn(digits: str) -> bool:
    """Return whether an Australian tax file number passes its test.

    >>> tfn("123456782")
    True
    """
    return _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def nif(digits: str) -> bool:
    """Return whether the check digit of a Portuguese tax number is right.

    >>> nif("123456789")
    True
    """
    return -_weighted(digits[:8], range(9, 1, -1)) % 11 % 10 == int(digits[8])


def svnr(digits: str) -> bool:
    """Return whether the check digit of an Austrian number of social insurance is right.

    >>> svnr("1237010180")
    True
    """
    others = digits[:3] + digits[4:]
    return _weighted(others, (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11 == int(digits[3])


def _weighted(digits: str, weights: Iterable[int]) -> int:
    return sum(int(one) * weight for one, weight in zip(digits, weights, strict=True))


def _is_date(year: str, month: str, day: str) -> bool:
    """Return whether there is such a day; 60 more stand for a number given to a visitor."""
    try:
        date(2000 + int(year), int(month), int(day) % 60)
    except ValueError:
        return False

    return True


def compact(number: str) -> str:
    """Return a number without the marks between its digits and letters.

    >>> compact("756.9217.0769.85")
    '7569217076985'
    """
    return _MARKS.sub("", number)


_MARKS = re.compile(r"[\W_]")

# A look behind stands after the first sign, not before it: so the search jumps from one possible
# first sign to the next (measured: a third of the time).
# First what every number of the form has and few texts do.
_BY_FORM: tuple[tuple[re.Pattern[str], re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        re.compile(r"[12] ?\d\d ?\d\d ?\d[\dABab] ?\d{3} ?\d{3} ?\d\d"),
        re.compile(
            r"[12](?<![\w-].) ?\d\d ?(?:0[1-9]|1[0-2]|[2-4]\d|5[0-9]) ?(?:\d\d|2[ABab]) ?"
            r"\d{3} ?\d{3} ?\d\d(?![\w-])"
        ),
        nir,
    ),
    (
        re.compile(r"\d{7}-?[A-Za-z]"),
        re.compile(
            r"[\dXYZxyz](?<![\w-].)(?:(?<=\d)\d{7}|(?<!\d)-?\d{7})-?"
            r"[A-HJ-NP-TV-Za-hj-np-tv-z](?![\w-])"
        ),
        dni,
    ),
    (
        re.compile(r"\d[A-Za-z][\dLMNP-Vlmnp-v]{2} ?[A-Za-z][\dLMNP-Vlmnp-v]{3} ?[A-Za-z]"),
        re.compile(
            r"[A-Za-z](?<!\w.)[A-Za-z]{5} ?[\dLMNP-Vlmnp-v]{2}[ABCDEHLMPRSTabcdehlmprst]"
            r"[\dLMNP-Vlmnp-v]{2} ?[A-Za-z][\dLMNP-Vlmnp-v]{3} ?[A-Za-z](?!\w)"
        ),
        codice_fiscale,
    ),
    (
        re.compile(r"\d{6}[-+]\d{4}"),
        re.compile(r"\d(?<![\w-].)(?:(?<=1)9\d{6}|(?<=2)0\d{6}|\d{5})[-+]\d{4}(?![\w-])"),
        personnummer,
    ),
    (
        re.compile(r"\d{6}[-+A-Fa-f]\d{3}"),
        re.compile(r"\d(?<![\w-].)\d{5}[-+A-Fa-f]\d{3}[\dA-Ya-y](?![\w-])"),
        hetu,
    ),
    (
        re.compile(r"\.\d\d-\d{3}\."),
        re.compile(r"\d(?<![\w.-].)\d\.\d\d\.\d\d-\d{3}\.\d\d(?![\w-])"),
        rijksregister,
    ),
    (
        re.compile(r"756"),
        re.compile(r"7(?<![\w.-].)56\.?\d{4}\.?\d{4}\.?\d\d(?![\w-])"),
        ahv,
    ),
    (
        re.compile(r"\.\d{3}-\d\d"),
        re.compile(r"\d(?<![\w.-].)\d\d\.\d{3}\.\d{3}-\d\d(?![\w-])"),
        cpf,
    ),
)
"""Numbers whose form and check say enough; nothing has to stand before them."""

_TOLD: tuple[tuple[str, int, Callable[[str], bool]], ...] = (
    (r"steuer-?(?:id|identifikationsnummer|nummer)|idnr|german tax (?:id|number)", 11, steuer_id),
    (r"bsn|burger ?service ?nummer|sofi-?nummer", 9, bsn),
    (r"pesel", 11, pesel),
    (r"person(?:al )?nummer|personal identity number", 10, personnummer),
    (r"aadhaar|aadhar", 12, aadhaar),
    (r"sin|social insurance(?: number| no)?", 9, luhn),
    (r"tfn|tax file (?:number|no)", 9, tfn),
    (r"nif|contribuinte", 9, nif),
    (r"svnr|sv-?nummer|sozialversicherungsnummer", 10, svnr),
    (r"cpf", 11, cpf),
)
_NUMBER = re.compile(r"\d(?<![\w-].)(?:[ ./-]?\d){7,11}(?![\w-])")
_WORDS = re.compile(
    r"\b(?:"
    + "|".join(f"(?P<t{at}>{words})" for at, (words, _, _) in enumerate(_TOLD))
    + r")\b[^\d\n]{0,25}$",
    re.IGNORECASE,
)
_CUES = (
    "steuer", "idnr", "tax", "bsn", "burger", "sofi", "pesel", "person", "aadha", "sin", "social",
    "tfn", "nif", "contribuinte", "svnr", "sv-n", "svn", "soz", "cpf",
)  # fmt: skip
_BEFORE = 60  # signs: the longest word and what may stand after it
_CHECKS: Mapping[str, tuple[int, Callable[[str], bool]]] = {
    f"t{at}": (length, check) for at, (_, length, check) in enumerate(_TOLD)
}


def national_ids(text: str) -> Iterable[tuple[int, int]]:
    """Yield where national numbers stand, some of them only after a word that tells of them."""
    for cue, form, check in _BY_FORM:
        if not cue.search(text):
            continue

        for found in form.finditer(text):
            if _passes(compact(found[0]), check) and not is_of_a_thing(text, found.start()):
                yield found.span()

    for found in _NUMBER.finditer(text):
        number = compact(found[0])

        if len(number) < _FEWEST:
            continue

        before = text[max(0, found.start() - _BEFORE) : found.start()]

        if not any(cue in before.lower() for cue in _CUES):
            continue  # most numbers: the words themselves take longer to look for

        told = _WORDS.search(before)

        if told and _is_sound(number, told):
            yield found.span()


_FEWEST = min(length for _, length, _ in _TOLD)


def _is_sound(number: str, told: re.Match[str]) -> bool:
    """Return whether a number passes the check of what it is said to be."""
    name = next(name for name, words in told.groupdict().items() if words)
    length, check = _CHECKS[name]
    return len(number) == length and _passes(number, check)


def _passes(number: str, check: Callable[[str], bool]) -> bool:
    """Return whether a number passes its check, which counts with the digits of ASCII only."""
    return number.isascii() and check(number)
