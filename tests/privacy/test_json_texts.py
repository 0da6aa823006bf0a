"""Nothing in JSON passes unseen: neither names, nor what a name tells, nor a second member."""

import json

import pytest

from mcp_router.privacy.json_texts import hide_in_json
from mcp_router.signals.pii_spans import find_pii


def hide(before: str, text: str) -> str:
    """Return a text with the kind in place of what is found, the last one first."""
    for one in reversed(find_pii(before + text)):
        start, end = max(0, one.start - len(before)), one.end - len(before)
        text = f"{text[:start]}<{one.kind}>{text[end:]}" if end > 0 else text

    return text


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ('{"anna@example.com": {"4111111111111111": 3}}', '{"<email>": {"<card>": 3}}'),
        (
            '{"email":"anna@example.com","email":"x"}',
            '{"email": "<email>", "email": "x"}',
        ),
        (
            '{"email":"anna\\u0040example.com","email":[1, true, null, 2.5]}',
            '{"email": "<email>", "email": [1, true, null, 2.5]}',
        ),
        ('{"card": 4111111111111111.0}', '{"card": "<card>.0"}'),
        ("anna@example.com {", "<email> {"),
    ],
)
def test_names_and_second_members_are_hidden_as_well(given: str, hidden: str) -> None:
    assert hide_in_json(given, hide) == hidden


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("mobilePhone", "5551234567", "phone"),
        ("MobilePhone", 5551234567, "phone"),
        ("phoneNumber", "5551234567", "phone"),
        ("phone_2", "5551234567", "phone"),
        ("Phone2__c", "5551234567", "phone"),
        ("dateOfBirth", "1985-03-12", "date_of_birth"),
        ("date_of_birth", "1985-03-12", "date_of_birth"),
        ("PersonBirthdate", "1985-03-12", "date_of_birth"),
        ("passportNumber", "C01X00T47", "passport"),
        ("userPassword", "hunter2#", "secret"),
        ("passwordHash", "abc#123456", "secret"),
        ("apiKey", "abcd1234", "secret"),
        ("clientSecret", "abcd1234", "secret"),
        ("cvvCode", "123", "card"),
        ("SSN__c", "123456789", "ssn"),
        ("SSNNumber", "123456789", "ssn"),
    ],
)
def test_a_name_tells_of_its_value_however_its_words_are_joined(
    name: str, value: str | int, kind: str
) -> None:
    assert json.loads(hide_in_json(json.dumps({name: value}), hide)) == {name: f"<{kind}>"}


@pytest.mark.parametrize(
    "text",
    [
        '{"orderNumber":"12345678Z", "a":[1.50, {"b":null}],  "a":{}}',
        '{"id":5551234567}',
        "[]",
        "{",
        "[" * 100_000,
    ],
)
def test_what_holds_nothing_stays_as_it_was_written(text: str) -> None:
    assert hide_in_json(text, hide) == text


@pytest.mark.parametrize("depth", [300, 700, 5_000])
def test_what_is_nested_deeply_is_hidden_all_the_same(depth: int) -> None:
    hidden = hide_in_json("[" * depth + '"a@example.com"' + "]" * depth, hide)

    assert hidden == "[" * depth + '"<email>"' + "]" * depth
