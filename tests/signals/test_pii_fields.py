"""What the desk knows of the requester is found however it is written."""

import unicodedata

import pytest

from mcp_router.domain.privacy import KnownFields
from mcp_router.signals.pii_fields import FieldDetector

KNOWN = KnownFields(
    names=("Will van der Berg", "Li"),
    emails=("will@acme.example",),
    phones=("+44 20 7946 0958",),
    addresses=("12 High Street, Leeds",),
    organisations=("Acme (UK) Ltd.",),
)
SPELLED = KnownFields(
    names=("Anna M\u00fcller", "Jean-Luc O'Neill", "PETER GRO\u00df", "Jos\u00e9 S\u00f8rensen"),
    phones=("+49 151 12345678",),
    addresses=("Hauptstra\u00dfe 5, 10115 Berlin",),
    organisations=("ACME GmbH & Co. KG", "C&A", "n/a"),
)


def pieces(text: str) -> list[tuple[str, str]]:
    return [(one.kind.value, text[one.start : one.end]) for one in FieldDetector(KNOWN).find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I am WILL  VAN DER BERG.", [("name", "WILL  VAN DER BERG")]),
        ("Dear Will, dear Mr Berg", [("name", "Will"), ("name", "Berg")]),
        ("Write to Will@Acme.example.", [("email", "Will@Acme.example")]),
        ("call 020 7946 0958 or +442079460958", [("phone", "020 7946 0958"),
                                                ("phone", "+442079460958")]),
        ("(020) 7946-0958", [("phone", "(020) 7946-0958")]),
        ("at 12 high street\nLeeds", [("address", "12 high street\nLeeds")]),
        ("we at acme (uk) ltd. say", [("organisation", "acme (uk) ltd.")]),
    ],
)  # fmt: skip
def test_a_field_is_found(text: str, found: list[tuple[str, str]]) -> None:
    assert pieces(text) == found


@pytest.mark.parametrize(
    ("before", "piece", "after"),
    [
        ("Dear ", "M\u00dcLLER", ", hello"),
        ("Dear ", "ANNA MUELLER", ", hello"),
        ("Dear Ms. ", "Mueller", ","),
        ("Dear Ms. ", "Muller", ","),
        ("H\u00e9, ", unicodedata.normalize("NFD", "Anna M\u00fcller"), " \u00e9crit"),
        ("a\u0300 ", unicodedata.normalize("NFD", "Jos\u00e9"), ". e\u0301"),
        ("", "Sorensen", ""),
        ("Mr ", "O\u2019Neill", "\u2019s order"),
        ("", "Jean Luc O'Neill", ""),
        ("", "JEAN-LUC", ""),
        ("Herr ", "Gross", ""),
        ("Herr ", "Peter Gro\u00df", ""),
        ("in der ", "Hauptstrasse 5, 10115 Berlin", "."),
        ("in der ", "HAUPTSTR. 5\n10115 BERLIN", "."),
        ("in der ", "Hauptstr 5, 10115 Berlin", "."),
        ("we are ", "C&A", "."),
        ("wir, die ", "ACME GmbH & Co KG", ", "),
        ("wir, die ", "Acme GmbH\u00a0& Co. KG", ", "),
        (
            "\u0631 ",
            "\u0660\u0661\u0665\u0661 \u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
            " \u0631",
        ),
    ],
)
def test_a_field_is_found_in_other_spellings(before: str, piece: str, after: str) -> None:
    text = before + piece + after

    assert [text[one.start : one.end] for one in FieldDetector(SPELLED).find(text)] == [piece]


@pytest.mark.parametrize(
    "text",
    ["it will work", "the iceberg, Bergen", "Li is too short", "120 7946 09581", "acme", "", "van"],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert pieces(text) == []


def test_nothing_is_found_of_nothing() -> None:
    assert FieldDetector(KnownFields()).find("anything 123") == ()
    assert (
        FieldDetector(KnownFields(names=("", "a b", "..."), phones=("12",))).find("a b 12 ...")
        == ()
    )
