"""Made-up numbers of people with right check digits, drawn from a seed; nobody's own.

Check digits are worked out here and not by the router's code, so that one mistake cannot hide
another.
"""

from collections.abc import Callable, Mapping
from random import Random
from string import ascii_letters, ascii_uppercase, digits


def drawn(draw: Random, length: int, signs: str = digits) -> str:
    """Return that many signs."""
    return "".join(draw.choice(signs) for _ in range(length))


def grouped(text: str, sizes: tuple[int, ...], mark: str) -> str:
    """Return a text in groups of these sizes; what is left over is the last group.

    >>> grouped("12345678", (3, 2), "-")
    '123-45-678'
    """
    parts = []

    for size in sizes:
        parts.append(text[:size])
        text = text[size:]

    return mark.join([*parts, text] if text else parts)


def luhn_digit(number: str) -> str:
    """Return the check digit of ISO/IEC 7812."""
    total = 0

    for at, one in enumerate(reversed(number)):
        value = int(one) * (2 if at % 2 == 0 else 1)
        total += value - 9 if value > 9 else value

    return str((10 - total % 10) % 10)


def card(draw: Random) -> str:
    """Return the number of a payment card, in one of the forms that people write."""
    start, length = draw.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("6011", 16)])
    start, length = draw.choice([(start, length), (start, length), ("37", 15)])
    number = start + drawn(draw, length - len(start) - 1)
    number += luhn_digit(number)
    sizes = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    return draw.choice([number, grouped(number, sizes, " "), grouped(number, sizes, "-")])


def foreign_card(draw: Random) -> str:
    """Return the number of a card in the digits of another script."""
    zero = draw.choice(["\u0660", "\u0966", "\uff10"])
    return card(draw).translate({ord("0") + at: chr(ord(zero) + at) for at in range(10)})


def iban(draw: Random) -> str:
    """Return a bank account's number of one of eight countries."""
    country, form = draw.choice(
        [("DE", "9" * 18), ("GB", "AAAA" + "9" * 14), ("FR", "9" * 23), ("NL", "AAAA" + "9" * 10),
         ("ES", "9" * 20), ("IT", "A" + "9" * 22), ("AT", "9" * 16), ("BE", "9" * 12)]
    )  # fmt: skip
    body = "".join(drawn(draw, 1, ascii_uppercase if one == "A" else digits) for one in form)
    turned = "".join(str(int(one, 36)) for one in body + country + "00")
    number = f"{country}{98 - int(turned) % 97:02}{body}"
    return draw.choice([number, grouped(number, (4,) * 8, " ").strip()])


def ssn(draw: Random) -> str:
    """Return an American number of social security."""
    area = draw.choice([one for one in range(1, 900) if one != 666])
    return f"{area:03}-{draw.randint(1, 99):02}-{draw.randint(1, 9999):04}"


def nino(draw: Random) -> str:
    """Return a British number of national insurance."""
    prefix = draw.choice(["AB", "CE", "JG", "PX", "SR", "WK"])
    return f"{prefix} {grouped(drawn(draw, 6), (2, 2, 2), ' ')} {draw.choice('ABCD')}"


def steuer_id(draw: Random) -> str:
    """Return a German tax number: one of its first ten digits stands there twice."""
    ten = list("1234567890")
    draw.shuffle(ten)
    ten[draw.randrange(1, 10)] = ten[0]

    if ten[0] == "0":
        return steuer_id(draw)

    product = 10

    for one in ten:
        total = (int(one) + product) % 10 or 10
        product = total * 2 % 11

    number = "".join(ten) + str((11 - product) % 10)
    return draw.choice([number, grouped(number, (2, 3, 3, 3), " ")])


def nir(draw: Random) -> str:
    """Return a French number of social insurance."""
    number = (
        f"{draw.choice('12')}{drawn(draw, 2)}{draw.randint(1, 12):02}{draw.randint(1, 95):02}"
        f"{draw.randint(1, 990):03}{draw.randint(1, 999):03}"
    )
    number += f"{97 - int(number) % 97:02}"
    return draw.choice([number, grouped(number, (1, 2, 2, 2, 3, 3, 2), " ")])


def dni(draw: Random) -> str:
    """Return a Spanish DNI or NIE."""
    start = draw.choice(["", "", "X", "Y", "Z"])
    number = drawn(draw, 7 if start else 8)
    whole = int({"": "", "X": "0", "Y": "1", "Z": "2"}[start] + number)
    return f"{start}{number}{draw.choice(['', '-'])}{'TRWAGMYFPDXBNJZSQVHLCKE'[whole % 23]}"


def codice_fiscale(draw: Random) -> str:
    """Return an Italian tax code."""
    body = (
        f"{drawn(draw, 6, 'BCDFGLMNPRSTV')}{drawn(draw, 2)}{draw.choice('ABCDEHLMPRST')}"
        f"{draw.randint(1, 28):02}{draw.choice('ABCDEFGHIL')}{draw.randint(1, 999):03}"
    )
    odd = "BAFHJNPRTVCESULDGIMOQKWZYX"  # what stands at an odd place counts as this letter's place
    values = [int(one) if one.isdigit() else ord(one) - 65 for one in body]
    total = sum(ord(odd[one]) - 65 if at % 2 == 0 else one for at, one in enumerate(values))
    return body + chr(65 + total % 26)


def bsn(draw: Random) -> str:
    """Return a Dutch service number."""
    while True:
        number = str(draw.randint(1, 9)) + drawn(draw, 7)
        check = sum(int(one) * (9 - at) for at, one in enumerate(number)) % 11

        if check < 10:
            return number + str(check)


def pesel(draw: Random) -> str:
    """Return a Polish number of a person."""
    number = f"{drawn(draw, 2)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{drawn(draw, 4)}"
    total = sum(int(one) * (1, 3, 7, 9)[at % 4] for at, one in enumerate(number))
    return number + str((10 - total % 10) % 10)


def personnummer(draw: Random) -> str:
    """Return a Swedish number of a person."""
    born = f"{drawn(draw, 2)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"
    serial = drawn(draw, 3)
    return f"{draw.choice(['', '19'])}{born}-{serial}{luhn_digit(born + serial)}"


def phone(draw: Random) -> str:
    """Return a telephone number in one of the forms that people write."""
    area, middle, last = f"{draw.randint(201, 989)}", f"{draw.randint(200, 999)}", drawn(draw, 4)
    return draw.choice(
        [
            f"({area}) {middle}-{last}",
            f"{area}-{middle}-{last}",
            f"{area}.{middle}.{last}",
            f"+1 {area} {middle} {last}",
            f"+1{area}{middle}{last}",
            f"+44 20 {draw.randint(7000, 8999)} {last}",
            f"07{draw.randint(700, 999)} {drawn(draw, 6)}",
            f"020 7{drawn(draw, 3)} {last}",
            f"+49 30 {drawn(draw, 8)}",
            f"+49 (0)89 {drawn(draw, 6)}",
            f"0664/{drawn(draw, 7)}",
            f"+33 {draw.choice('167')} {grouped(drawn(draw, 8), (2, 2, 2, 2), ' ')}",
            f"0{draw.choice('167')} {grouped(drawn(draw, 8), (2, 2, 2, 2), ' ')}",
            f"+34 6{drawn(draw, 2)} {drawn(draw, 3)} {drawn(draw, 3)}",
            f"+39 3{drawn(draw, 2)} {drawn(draw, 7)}",
            f"+31 6 {drawn(draw, 8)}",
            f"+46 70 {drawn(draw, 3)} {drawn(draw, 2)} {drawn(draw, 2)}",
        ]
    )


def email(draw: Random) -> str:
    """Return an e-mail address."""
    first = draw.choice(["anna", "j.smith", "o'neil", "maria-jose", "m_rossi", "lars", "k.muller"])
    host = draw.choice(["example.com", "mail.example.co.uk", "example.org", "firma-example.de"])
    return f"{first}{draw.choice(['', drawn(draw, 2), '+shop'])}@{host}"


def ip_address(draw: Random) -> str:
    """Return a computer's address."""
    return draw.choice(
        [
            ".".join(str(draw.randint(1, 254)) for _ in range(4)),
            "2001:db8:" + ":".join(drawn(draw, 4, "0123456789abcdef") for _ in range(6)),
        ]
    )


def birth(draw: Random) -> str:
    """Return a date of birth."""
    german = draw.choice(["M\u00e4rz", "J\u00e4nner", "Dezember"])
    french = draw.choice(["mars", "ao\u00fbt", "d\u00e9cembre"])
    day, month, year = draw.randint(1, 28), draw.randint(1, 12), draw.randint(1940, 2006)
    return draw.choice(
        [
            f"{day:02}/{month:02}/{year}",
            f"{year}-{month:02}-{day:02}",
            f"{day:02}.{month:02}.{year}",
            f"{day}. {german} {year}",
            f"{day} {french} {year}",
            f"{day} de {draw.choice(['enero', 'marzo', 'diciembre'])} de {year}",
            f"{day} {draw.choice(['gennaio', 'maart', 'ottobre'])} {year}",
        ]
    )


def name(draw: Random) -> str:
    """Return the name of a person."""
    first = draw.choice(["Anna", "Jean-Luc", "Jos\u00e9", "J\u00f6rg", "Zo\u00eb"])
    last = draw.choice(["M\u00fcller", "de Vries", "Ruiz", "Dupont", "von Stein"])
    return f"{first} {last}"


def passport(draw: Random) -> str:
    """Return the number of a passport."""
    return draw.choice([drawn(draw, 9), f"{draw.choice('CFGX')}{drawn(draw, 7)}"])


def password(draw: Random) -> str:
    """Return a password such as people choose."""
    word = draw.choice(["Summer", "hunter", "Passw0rd", "letmein", "Tr0ub4dor", "qwerty"])
    return f"{word}{draw.choice(['!', '#', '@', '_'])}{drawn(draw, 3)}"


def word(draw: Random) -> str:
    """Return a password without a digit."""
    return draw.choice(["perro#gato", "hund$katze", "chien#chat", "hond^kat"])


def key(draw: Random) -> str:
    """Return a key of one of the services that mark theirs, or a text that a machine drew."""
    marked = [
        "sk-proj-" + drawn(draw, 32, ascii_letters + digits),
        "AKIA" + drawn(draw, 16, ascii_uppercase + digits),
        "ghp_" + drawn(draw, 36, ascii_letters + digits),
        "xoxb-" + drawn(draw, 24, digits),
        "AIza" + drawn(draw, 35, ascii_letters + digits),
        "glpat-" + drawn(draw, 20, ascii_letters + digits),
        "Aa1" + drawn(draw, 40, ascii_letters + digits),
    ]
    return draw.choice(marked)


def address(draw: Random) -> str:
    """Return a street address of one of seven countries."""
    number, post = draw.randint(1, 400), drawn(draw, 4)
    return draw.choice(
        [
            f"{number} Maple Street, Springfield, IL 6{post}",
            f"{number} N. Lincoln Ave, Apt 4B, Denver, CO 8{post}",
            f"{number} Old Kent Road, London SE1 5TY",
            f"Hauptstra\u00dfe {number}, 1{post} Berlin",
            f"Lindenweg {number}a, 8{post} M\u00fcnchen",
            f"{number} rue de la Paix, 7{post} Paris",
            f"Calle Mayor {number}, 2{post} Madrid",
            f"Via Roma {number}, 0{post} Roma",
            f"Keizersgracht {number}, 1{post[:3]} AB Amsterdam",
            f"P.O. Box {number}",
        ]
    )


GENERATORS: Mapping[str, Callable[[Random], str]] = {
    "address": address,
    "birth": birth,
    "bsn": bsn,
    "card": card,
    "codice_fiscale": codice_fiscale,
    "dni": dni,
    "email": email,
    "foreign_card": foreign_card,
    "iban": iban,
    "ip_address": ip_address,
    "key": key,
    "name": name,
    "nino": nino,
    "nir": nir,
    "passport": passport,
    "password": password,
    "personnummer": personnummer,
    "pesel": pesel,
    "phone": phone,
    "ssn": ssn,
    "steuer_id": steuer_id,
    "word": word,
}
"""What a blank of a template is filled with."""
