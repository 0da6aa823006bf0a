"""A labelled corpus of support messages: templates of seven languages, filled from a seed.

Every blank is filled with a made-up value with right check digits, and its place is known. Half of
the messages also hold numbers that must be left alone: orders, parcels, amounts, dates.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from benchmarks.pii_numbers import GENERATORS, drawn, grouped
from mcp_router.domain.privacy import PiiKind

KINDS: Mapping[str, PiiKind] = {
    "address": PiiKind.ADDRESS,
    "birth": PiiKind.DATE_OF_BIRTH,
    "bsn": PiiKind.NATIONAL_ID,
    "card": PiiKind.CARD,
    "codice_fiscale": PiiKind.NATIONAL_ID,
    "dni": PiiKind.NATIONAL_ID,
    "email": PiiKind.EMAIL,
    "foreign_card": PiiKind.CARD,
    "iban": PiiKind.IBAN,
    "ip_address": PiiKind.IP_ADDRESS,
    "key": PiiKind.SECRET,
    "name": PiiKind.NAME,
    "nino": PiiKind.SSN,
    "nir": PiiKind.NATIONAL_ID,
    "passport": PiiKind.PASSPORT,
    "password": PiiKind.SECRET,
    "personnummer": PiiKind.NATIONAL_ID,
    "pesel": PiiKind.NATIONAL_ID,
    "phone": PiiKind.PHONE,
    "ssn": PiiKind.SSN,
    "steuer_id": PiiKind.NATIONAL_ID,
    "word": PiiKind.SECRET,
}
"""What each blank holds."""

TEMPLATES = (
    "Hi, my card {card} was charged twice. Please call me at {phone}.",
    "The payment with {card} failed, CVV is fine. Mail me: {email}",
    "card number: {card}, exp 11/28. The statement goes to {address}.",
    "please refund to {iban} thanks",
    "My IBAN is {iban} and my e-mail is {email}.",
    "SSN {ssn}, date of birth {birth}. I cannot log in.",
    "my social security number is {ssn}; reach me on {phone}",
    "NI number {nino}, born on {birth}",
    "You can reach me at {phone} or {email} after 5 pm.",
    "{phone} is my new number, the old one is gone",
    "Please send the replacement to {address}.",
    "I moved, my new address: {address}. Nothing else changed.",
    "Somebody logged in from {ip_address} last night, and I live nowhere near.",
    "my password is {password} and it still says wrong",
    "password: {password}",
    "We use the key {key} in the integration and get 401.",
    "Authorization: Bearer {key}",
    "passport number {passport}, born {birth}",
    "Guten Tag, meine IBAN lautet {iban}. Bitte rufen Sie mich an: {phone}.",
    "Meine Steuer-ID ist {steuer_id}, geboren am {birth}.",
    "Bitte an {address} liefern. E-Mail: {email}",
    "Mein Passwort ist {password}, es geht nicht.",
    "Bonjour, mon num\u00e9ro de s\u00e9curit\u00e9 sociale est {nir}.",
    "J'habite {address}, t\u00e9l\u00e9phone {phone}.",
    "Mon IBAN : {iban}. Merci de m'\u00e9crire \u00e0 {email}.",
    "Hola, mi DNI es {dni} y mi correo {email}.",
    "Env\u00eden el paquete a {address}, por favor. M\u00f3vil {phone}",
    "Il mio codice fiscale \u00e8 {codice_fiscale}, abito in {address}.",
    "Mijn BSN is {bsn}, bel me op {phone}.",
    "Stuur het naar {address}. Mijn rekening is {iban}",
    "M\u00f3j PESEL to {pesel}, e-mail {email}",
    "Mitt personnummer \u00e4r {personnummer} och mejlen {email}.",
    "Anna,{card},12/27,{phone},Berlin",
    "Karten-Nr.{card} 12/27 123, Tel.{phone}",
    "card_{card}_1227",
    "Meine Karte {foreign_card} geht nicht.",
    "Je m'appelle {name}, n\u00e9e le {birth}.",
    "Hola, mi nombre es {name}, nacido el {birth}.",
    "Ik heet {name}, geboren op {birth}. Het wachtwoord: {word}",
    "Mi chiamo {name}, nato il {birth}.",
    "Ich hei\u00dfe {name}, geb. am {birth}. Das Kennwort ist {word}",
    "La contrase\u00f1a es {word}",
    "Le mot de passe est {word}",
)
HARD = (
    "My order {order} has not arrived.",
    "Order number {long}, placed on {date}.",
    "The tracking number is {tracking}.",
    "Invoice {invoice} over {amount} is wrong.",
    "Ticket #{short} from {date} at 10:30 is still open.",
    "I paid {amount} on {date}.",
    "Error 0x80070057 in version {version}.",
    "SKU {sku}, quantity 12, size 42.",
    "The serial number reads {serial}.",
    "Flight {flight} on {date} was cancelled, reference {reference}.",
    "I waited 45 minutes and called 3 times between 9 and 17.",
    "IMEI {imei}",
    "It costs {amount} per month, not {amount}.",
    "The ratio is 1:2:3 and the score 4-2.",
    "Order {dni} of Spring 2024 is late.",
    "Bestellung {personnummer} fehlt.",
    "order no. {ssn}, parcel {nino}",
    "The file lies in my 2 Google Drive folders, at {latitude}.",
    "We stayed at a 5 Star Hotel Place, 12 Months Way too long.",
    "My password is [SECRET_1], my mail [EMAIL_2].",
)


def _amount(draw: Random) -> str:
    sign = draw.choice(["$", "\u20ac", "\u00a3"])
    return f"{sign}{draw.randint(1, 9)},{draw.randint(100, 999)}.{draw.randint(10, 99)}"


def _date(draw: Random) -> str:
    day, month = draw.randint(1, 28), draw.randint(1, 12)
    return draw.choice([f"{day:02}/{month:02}/2026", f"2026-{month:02}-{day:02}"])


_LOOKALIKES: Mapping[str, Callable[[Random], str]] = {
    "amount": _amount,
    "date": _date,
    "dni": GENERATORS["dni"],
    "flight": lambda draw: f"{draw.choice(['BA', 'LH', 'AF'])} {draw.randint(100, 9999)}",
    "imei": lambda draw: "49015420" + drawn(draw, 7),
    "invoice": lambda draw: f"INV-2026-{drawn(draw, 6)}",
    "latitude": lambda draw: f"{draw.randint(10, 89)}.{drawn(draw, 14)}",
    "long": lambda draw: draw.choice("12389") + drawn(draw, 9),
    "order": lambda draw: f"#{grouped(drawn(draw, 12), (3, 4, 5), '-')}",
    "nino": GENERATORS["nino"],
    "personnummer": GENERATORS["personnummer"],
    "reference": lambda draw: drawn(draw, 6, "ABCDEFGHJKLMNPQRSTUVWXYZ"),
    "serial": lambda draw: f"SN{drawn(draw, 4)}-{drawn(draw, 4, 'ABCDEF')}-{drawn(draw, 4)}",
    "short": lambda draw: drawn(draw, 6),
    "ssn": GENERATORS["ssn"],
    "sku": lambda draw: f"{drawn(draw, 3)}-{drawn(draw, 4)}-{drawn(draw, 2)}",
    "tracking": lambda draw: draw.choice(
        [
            "1Z" + drawn(draw, 16, "0123456789ABCDEF"),
            "9400 " + grouped(drawn(draw, 18), (4,) * 4, " "),
        ]
    ),
    "version": lambda draw: f"{draw.randint(1, 20)}.{draw.randint(0, 9)}.{draw.randint(0, 99)}",
}
_BLANK = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """A piece of a message that is personal data."""

    start: int
    end: int
    blank: str

    @property
    def kind(self) -> PiiKind:
        """Return what kind it is of."""
        return KINDS[self.blank]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A message, and every piece of it that is personal data."""

    text: str
    gold: tuple[Gold, ...]


def messages(count: int, *, seed: int = 20261125) -> tuple[Labelled, ...]:
    """Return that many messages, the same for the same seed."""
    draw = Random(seed)  # drawn so that it can be drawn again
    return tuple(_message(draw, TEMPLATES[at % len(TEMPLATES)]) for at in range(count))


def hard_negatives(count: int, *, seed: int = 20261125) -> tuple[str, ...]:
    """Return that many messages without personal data, full of numbers that look like some."""
    draw = Random(seed)  # drawn so that it can be drawn again
    return tuple(_hard(draw, HARD[at % len(HARD)]) for at in range(count))


def long_messages(count: int, length: int = 500, *, seed: int = 20261125) -> tuple[str, ...]:
    """Return messages of so many signs, personal data among plain sentences as in real tickets."""
    draw = Random(seed)  # drawn so that it can be drawn again
    return tuple(_long(draw, length) for _ in range(count))


def _message(draw: Random, template: str) -> Labelled:
    """Fill one template, and put a sentence with a lookalike before or after it in half of them."""
    before = _hard(draw, draw.choice(HARD)) + " " if draw.random() < 0.25 else ""
    after = " " + _hard(draw, draw.choice(HARD)) if draw.random() < 0.25 else ""
    text, gold, at = before, [], 0

    for blank in _BLANK.finditer(template):
        value = GENERATORS[blank[1]](draw)
        text += template[at : blank.start()]
        gold.append(Gold(start=len(text), end=len(text) + len(value), blank=blank[1]))
        text += value
        at = blank.end()

    return Labelled(text=text + template[at:] + after, gold=tuple(gold))


def _hard(draw: Random, template: str) -> str:
    return _BLANK.sub(lambda blank: _LOOKALIKES[blank[1]](draw), template)


_PLAIN = (
    "I have been a customer for years and this has never happened before.",
    "The app keeps loading and then shows an empty page.",
    "Could somebody please look into it today?",
    "I already tried to restart the device and to install it again.",
    "Thanks for your help, it is much appreciated.",
    "The colleague on the chat said that it would be solved by now.",
)


def _long(draw: Random, length: int) -> str:
    """Return sentences, every third one with personal data."""
    parts: list[str] = []

    while sum(map(len, parts)) + len(parts) < length:
        parts += [
            draw.choice(_PLAIN),
            _hard(draw, draw.choice(HARD)),
            _message(draw, draw.choice(TEMPLATES)).text,
        ]

    return " ".join(parts)[:length]
