"""One text for one value: the RFC's own vectors, and properties over everything else."""

import hashlib
import json
import math
import struct
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.canonical import JsonValue, canonical_json, digest, plain

# RFC 8785, appendix B: the bits of an IEEE 754 double and the text that it must have.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_are_written_as_the_rfc_says(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))

    assert canonical_json(number) == text


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_what_is_no_number_is_refused(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))

    with pytest.raises(ValueError, match="infinity"):
        canonical_json({"deep": [number]})


def test_the_sample_of_the_rfc() -> None:
    # RFC 8785, 3.2.2: the input's numbers and escapes, and the one text they all become.
    sample = json.loads(
        r"""{
          "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"""
    )

    assert canonical_json(sample) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_names_are_in_the_order_of_their_utf_16_units() -> None:
    # RFC 8785, 3.2.3, with U+FF21 for its Hebrew letter, which NFC would take apart.
    names = ["\u20ac", "\r", "\uff21", "1", "\U0001f600", "\u0080", "\u00f6"]

    text = canonical_json(dict.fromkeys(names, 0))

    assert list(json.loads(text)) == [
        "\r",
        "1",
        "\u0080",
        "\u00f6",
        "\u20ac",
        "\U0001f600",  # its first unit is D83D: before FF21, though its code point is larger
        "\uff21",
    ]


def test_every_control_character_is_escaped_in_its_one_form() -> None:
    text = canonical_json("".join(map(chr, range(0x20))) + "\x7f/")

    assert text == (
        '"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e'
        "\\u000f\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a"
        '\\u001b\\u001c\\u001d\\u001e\\u001f\x7f/"'
    )


def test_strings_and_names_that_look_the_same_are_the_same() -> None:
    assert canonical_json({"e\u0301": "u\u0308"}) == canonical_json({"é": "ü"}) == '{"é":"ü"}'


def test_two_names_that_become_one_are_refused() -> None:
    with pytest.raises(ValueError, match="same in NFC"):
        canonical_json({"é": 1, "e\u0301": 2})


def test_half_a_surrogate_pair_has_no_digest() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        digest("\ud800")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2**53 - 1, "9007199254740991"),
        (-(2**53) + 1, "-9007199254740991"),
        (2**53, '"9007199254740992"'),
        (-(2**53), '"-9007199254740992"'),
        (12345678901234567890, '"12345678901234567890"'),
        (True, "true"),
        (1.0, "1"),
    ],
)
def test_integers_that_others_would_round_become_text(number: int, text: str) -> None:
    assert canonical_json(number) == text


JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])).map(
        lambda text: unicodedata.normalize("NFC", text)
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abé€😀\uff21\r", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def read(text: str) -> JsonValue:
    """Read canonical JSON: a number beyond 2^53 - 1 can only have been a float."""

    def whole(digits: str) -> int | float:
        return int(digits) if abs(int(digits)) < 2**53 else float(digits)

    value: JsonValue = json.loads(text, parse_int=whole)
    return value


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_reading_the_text_gives_the_value_back(value: JsonValue) -> None:
    text = canonical_json(value)

    assert read(text) == value
    assert canonical_json(read(text)) == text


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_a_value_has_one_text_whatever_stands_beside_it(value: JsonValue) -> None:
    # A name outside of ASCII makes the whole value take the slower way of writing.
    assert canonical_json({"é": value}) == f'{{"é":{canonical_json(value)}}}'


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=300, deadline=None)
def test_every_number_has_the_shortest_text_that_reads_back(number: float) -> None:
    text = canonical_json(number)

    assert float(text) == number
    assert len(text.strip("-").replace(".", "").partition("e")[0].strip("0")) <= 17
    assert not math.copysign(1, number) < 0 or number == 0 or text.startswith("-")


@given(st.dictionaries(st.text("abcé€😀", max_size=3), st.integers(0, 9), max_size=6))
def test_the_order_of_the_names_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    n: int | None = None


@dataclass(frozen=True)
class Outer:
    colour: Colour
    inner: Inner
    many: tuple[Inner, ...]
    some: frozenset[str]
    names: dict[str, int | None]
    none: str | None = None


def test_plain_takes_values_apart_and_leaves_out_what_is_none() -> None:
    value = Outer(
        colour=Colour.RED,
        inner=Inner(),
        many=(Inner(n=1), Inner(n=None)),
        some=frozenset({"b", "a", "c"}),
        names={"x": None, "y": 1},
    )

    assert plain(value) == {
        "colour": "red",
        "inner": {},
        "many": [{"n": 1}, {}],
        "some": ["a", "b", "c"],
        "names": {"x": None, "y": 1},
    }


@pytest.mark.parametrize("value", [object(), Inner, {1: object()}, [b"x", object()]])
def test_plain_refuses_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        plain(value)


def test_the_digest_is_the_sha_256_of_the_text() -> None:
    assert digest({"b": 1.0, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()
