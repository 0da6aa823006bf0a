"""Personal data is found by its form, and what only looks like it is left alone."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.domain.signals import PII_KINDS
from mcp_router.signals.pii import pii_kinds
from mcp_router.signals.pii_forms import FORMS, forms_in
from mcp_router.signals.pii_ids import national_ids
from mcp_router.signals.pii_plain import plain
from tests.signals.customers import questions

# All made up, or the examples of the standards themselves.
FOUND = [
    ("address", "send it to 12 Maple Street, Springfield, IL 62704"),
    ("address", "14 Old Kent Road, London SE1 5TY"),
    ("address", "Hauptstraße 12a, 10115 Berlin"),
    ("address", "Am Alten Markt Platz 3, 50667 Köln"),
    ("address", "12 rue de la Paix, 75002 Paris"),
    ("address", "Calle Mayor 5, 28013 Madrid"),
    ("address", "Via Roma 12, 00184 Roma"),
    ("address", "Keizersgracht 123, 1015 CJ Amsterdam"),
    ("address", "P.O. Box 1234"),
    ("address", "i live at 12 main street"),
    ("address", "Westring 22"),
    ("address", "Frankfurter Ring 12, 80807 München"),
    ("address", "Please ship it to 12 Day Street, Norwalk, CT 06854"),
    ("address", "44 Full Street, Derby DE1 3AF"),
    ("address", "Hansaring 12, 50670 Köln"),
    ("address", "Lange Ring 5, 12345 Berlin"),
    ("address", "12 Maple Drive"),
    ("name", "My name is Anna Schmidt and I am cross."),
    ("name", "Ich heiße Jörg von Stein."),
    ("name", "je m'appelle Anne Dupont"),
    ("name", "Je m\u2019appelle Anne Dupont"),
    ("name", "mon nom est Anne Dupont"),
    ("name", "mi nombre es Carlos Ruiz"),
    ("name", "ik heet Jan de Vries"),
    ("national_id", "Meine Steuer-ID ist 86 095 742 719"),
    ("national_id", "2 55 08 14 168 025 38"),
    ("national_id", "DNI 12345678Z"),
    ("national_id", "X1234567L"),
    ("national_id", "RSSMRA85T10A562S"),
    ("national_id", "BSN: 111222333"),
    ("national_id", "PESEL 44051401359"),
    ("national_id", "811218-9876"),
    ("national_id", "131052-308T"),
    ("national_id", "85.07.30-033.28"),
    ("national_id", "756.9217.0769.85"),
    ("national_id", "111.444.777-35"),
    ("national_id", "my aadhaar is 2341 2341 2346"),
    ("national_id", "my SIN is 046 454 286"),
    ("national_id", "tax file number 123 456 782"),
    ("card", "my card 4111 1111 1111 1111 was declined"),
    ("card", "4111111111111111"),
    ("card", "amex 3782-822463-10005"),
    ("card", "5500.0000.0000.0004"),
    ("card", "6011 0009 9013 9424, exp 12/27"),
    ("card", "cvv: 123"),
    ("card", "cvv code: 123"),
    ("card", "Anna,4111111111111111,12/27"),
    ("card", "1,4111111111111111,2"),
    ("card", "Karten-Nr.4111 1111 1111 1111"),
    ("card", "card 4111 1111 1111 1111,123"),
    ("card", "4111 1111 1111 1111 123"),
    ("card", "4111 1111 1111 1111 12/27 123"),
    ("card", "12/27 4111-1111-1111-1111"),
    ("card", "3782 822463 10005 12/27"),
    ("card", "card_4111111111111111"),
    ("card", "4111111111111111_"),
    ("card", "4111111111111111-1227"),
    ("card", "card=4111+1111+1111+1111&x"),
    ("card", "4111  1111  1111  1111"),
    ("card", "4111111111111111.0"),
    ("card", "Order no. 4532015112830366"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "iban is GB29NWBK60161331926819."),
    ("iban", "de89370400440532013000 please"),
    ("iban", "DE22 5001 0517 1706 6907 43"),
    ("iban", "FR14 2004 1010 0505 0001 3M02 606"),
    ("iban", "NL91 ABNA 0417 1643 00 thanks"),
    ("email", "a.b+c@example.co.uk"),
    ("email", "write to <o'neil@example.org>."),
    ("email", "john (at) example (dot) com"),
    ("email", "müller@exämple.de"),
    ("email", "me @ example.com"),
    ("ssn", "SSN 078-05-1120"),
    ("ssn", "my social security number is 078051120"),
    ("ssn", "123 45 6789"),
    ("ssn", "NI number AB 12 34 56 C"),
    ("ssn", "AB123456C"),
    ("ip_address", "from 203.0.113.7 at noon"),
    ("ip_address", "2001:db8::8a2e:370:7334"),
    ("ip_address", "login from IP 10.1.2.3."),
    ("phone", "+44 20 7946 0958"),
    ("phone", "call me at 555-867-5309"),
    ("phone", "(415) 555-2671"),
    ("phone", "415.555.2671"),
    ("phone", "+14155552671"),
    ("phone", "020 7946 0958"),
    ("phone", "my number is 07700 900123"),
    ("phone", "Tel: 0664/1234567"),
    ("phone", "+49 (0)30 901820"),
    ("phone", "phone 4155552671"),
    ("phone", "reach me on 07700900123"),
    ("phone", "001-415-555-2671"),
    ("phone", "+43 1 5870 320"),
    ("phone", "(020) 7946-0958"),
    ("phone", "415-555-2671 x123"),
    ("phone", "Anna,+4915112345678,Berlin"),
    ("phone", "1,+4915112345678,2"),
    ("phone", "Tel.+49 151 12345678"),
    ("phone", "Tel.0151 23456789"),
    ("phone", "Anna,415-555-2671,Berlin"),
    ("phone", "12/27,0664/8343707,Berlin"),
    ("date_of_birth", "born on 12/03/1984"),
    ("date_of_birth", "geboren am 12. März 1985"),
    ("date_of_birth", "geb. am 12.3.1985"),
    ("date_of_birth", "née le 12 août 1985"),
    ("date_of_birth", "né(e) le 1er mars 1985"),
    ("date_of_birth", "nacido el 12 de marzo de 1985"),
    ("date_of_birth", "fecha de nacimiento: 12 de marzo de 1985"),
    ("date_of_birth", "nato il 12/03/1985"),
    ("date_of_birth", "nata a Roma il 12 marzo 1985"),
    ("date_of_birth", "geboren op 12 maart 1985"),
    ("date_of_birth", "född 12 mars 1985"),
    ("date_of_birth", "DOB: 1984-03-12"),
    ("date_of_birth", "my date of birth is 12 March 1984"),
    ("date_of_birth", "my birthday is March 3rd, 1990"),
    ("passport", "passport number X1234567"),
    ("passport", "Passport No. 123456789"),
    ("passport", "my passport is C01X00T47"),
    ("secret", "sk-proj-abcdefgh1jklmnopqrstuvwx"),
    ("secret", "my password is hunter2"),
    ("secret", "password: S3cret!x"),
    ("secret", "my password is it\u2019s4me2know"),
    ("secret", "password: abcd'12345"),
    ("secret", "pin is 4821"),
    ("secret", "contraseña es perro#gato"),
    ("secret", "Kennwort ist hund#katze"),
    ("secret", "wachtwoord: hond#kat"),
    ("secret", "mot de passe est chien#chat"),
    ("secret", "passphrase: dog#cat"),
    ("secret", "pwd: dog#cat"),
    ("secret", "api key: dog#cat"),
    ("secret", "password hash: dog#cat"),
    ("secret", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", "api_key=abcd1234efgh"),
    ("secret", "postgres://u:pw@host/db"),
    ("secret", "-----BEGIN RSA PRIVATE KEY-----"),
    ("secret", "ghp_" + "a1" * 18),
    ("secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.abc"),
    ("secret", "my password for netflix is Summer2024"),
    ("secret", "the verification code is 482913"),
    ("secret", "use Zk3vQ9sLw2Xr8TbN5yHc7MfD1pJa4GeU6oRi here"),
]
LEFT_ALONE = [
    "my name is spelled wrong",
    "the name on the card",
    "Steuer-ID 86095742718",
    "BSN 111222334",
    "order 12345678A",
    "order 12345678Z",
    "order 811218-9876",
    "Order 123 45 6789",
    "Bestellung 811218-9876",
    "Bestellung 080909-4816",
    "cancelled order 080909-4816",
    "serial PX123456C",
    "social media 123456789",
    "NATO 12/03/2024",
    "je ne le vois pas 12/03/2024",
    "lat 48.13710791839148",
    "Spring 2024",
    "Monitoring 5 devices",
    "Der Ring 3",
    "String 12",
    "5 Stars for Google Way",
    "3 Google Drive accounts",
    "in 2024 Google Drive stopped",
    "5 Star Hotel Place",
    "12 Months Way too long",
    "Via App 12",
    "my password is [SECRET_1]",
    "password: [SECRET_12], pin: [SECRET_3]",
    "the 3 Way valve",
    "2 Place settings",
    "see Section 12 of Road rules",
    "during 2024 we had 3 bring 12 things",
    "my single 123 456 782",
    "order 123-456-7890",
    "order number 4155552671",
    "tracking 1Z999AA10123456784",
    "ticket 482913",
    "version 1.2.3.4",
    "firmware v10.0.1.2",
    "invoice INV-2024-000123",
    "my password is not working",
    "pin is wrong",
    "$1,234,567.89",
    "on 2024-03-12 at 10:30:45",
    "error 0x80070057",
    "iPhone 15 Pro Max 256",
    "order #100-2003-30044",
    "4111 1111 1111 1112",
    "ISBN 978-3-16-148410-0",
    "GB29NWBK60161331926818",
    "1234567890123456",
    "at 12:30 or 14:45:10",
    "localhost 127.0.0.1",
    "Meet me @ noon",
    "@anna on twitter",
    "order 0012345678",
    "the ratio is 1:2:3",
    "between 10-15 items 2020-2024",
    "paid 100.00 on 01/02/2024",
    "IMEI 490154203237518",
    "UPS 9400 1000 0000 0000 0000 00",
    "cost 12 345 678 EUR",
    "SKU 020-1234-567",
    "flight BA 12 34 56",
    "call me at 5 pm",
    "text me 3 times",
    "passport renewal takes 2024 days",
    "secret: nothing",
    "What is my PIN?",
    "mac 00:1B:44:11:3A:B7",
    "::",
    "std::vector",
    "a::b",
]


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_a_kind_is_found_by_its_form(kind: str, text: str) -> None:
    assert pii_kinds(text) == (kind,)


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert pii_kinds(text) == ()


def test_every_kind_that_is_promised_can_be_found() -> None:
    assert tuple(sorted({kind for kind, _ in FOUND})) == PII_KINDS


def test_several_kinds_are_told_once_each_and_sorted() -> None:
    text = "\n".join(text for _, text in FOUND)

    assert pii_kinds(text) == PII_KINDS


def test_no_question_of_ten_thousand_is_taken_for_personal_data() -> None:
    assert [text for text in questions() if pii_kinds(text)] == []


@settings(deadline=None)  # other work on the machine must not fail it
@given(st.text(alphabet="0123456789 +-.@()abAB:/[]", max_size=400))
def test_any_text_gets_sorted_kinds(text: str) -> None:
    found = pii_kinds(text)

    assert set(found) <= set(PII_KINDS)
    assert list(found) == sorted(found)


DIGITS = [
    one for one in map(chr, range(sys.maxunicode + 1)) if unicodedata.decimal(one, None) is not None
]


def in_script(text: str, zero: str) -> str:
    """Return a text with the digits that begin at `zero`."""
    return text.translate({ord("0") + at: chr(ord(zero) + at) for at in range(10)})


def test_a_digit_of_any_script_counts_as_the_one_of_its_value() -> None:
    assert len(DIGITS) > 600
    assert [plain(one) for one in DIGITS] == [str(unicodedata.decimal(one)) for one in DIGITS]


@pytest.mark.parametrize("text", [text for _, text in FOUND] + LEFT_ALONE)
def test_a_text_keeps_its_length_while_it_is_read(text: str) -> None:
    assert len(plain(text)) == len(text)


@pytest.mark.parametrize("zero", ["\u0660", "\u0966", "\uff10", "\U0001d7ce"])
@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_a_kind_is_found_in_the_digits_of_any_script(kind: str, text: str, zero: str) -> None:
    assert pii_kinds(in_script(text, zero)) == (kind,)


@settings(deadline=None)  # other work on the machine must not fail it
@given(st.text(alphabet=[*"12675-. .xTZa", *DIGITS[10::9]], max_size=60))
def test_no_digits_are_too_foreign_to_be_looked_at(text: str) -> None:
    numbers = f"{text} 12345678 {in_script('123456-7890', chr(0x660))}"

    assert set(pii_kinds(numbers)) <= set(PII_KINDS)
    assert all(start < end for start, end in national_ids(numbers))


def test_every_cue_of_a_form_lets_a_text_be_looked_through_for_it() -> None:
    digits = "1" * 20

    assert all(form.digits or form.cues for form in FORMS)
    assert [
        (form.kind, cue)
        for form in FORMS
        for cue in form.cues
        if form not in forms_in(f"{cue.upper()} {digits[: form.digits]}")
    ] == []
