"""What the desk knows of the requester is found however it is written."""

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
    "text",
    ["it will work", "the iceberg, Bergen", "Li is too short", "120 7946 09581", "acme", "", "van"],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert pieces(text) == []


def test_nothing_is_found_of_nothing() -> None:
    assert FieldDetector(KnownFields()).find("anything 123") == ()
    assert FieldDetector(KnownFields(names=("", "a b"), phones=("12",))).find("a b 12") == ()
