"""What is hidden comes back as it was, and only what may come back."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.domain.privacy import NEVER_RESTORED, PiiKind
from mcp_router.privacy.placeholders import (
    MOST_HELD_BACK,
    NO_PLACEHOLDERS,
    Book,
    Placeholder,
    Placeholders,
    both,
    held_back,
    hide,
)
from mcp_router.privacy.placeholders import reveal as revealed_by
from mcp_router.privacy.vault import read_vault, write_vault
from mcp_router.signals.pii_spans import find_pii

CARD = "4111 1111 1111 1111"


def digest(value: str) -> str:
    return f"<{len(value)}>"


def hidden(text: str, state: Placeholders = NO_PLACEHOLDERS) -> tuple[str, Placeholders]:
    book = Book(state)
    return hide(book, text, find_pii(text), digest), book.state


def reveal(state: Placeholders, text: str, *, in_json: bool = False) -> str:
    return revealed_by(Book(state), text, in_json=in_json)


def test_the_same_value_has_the_same_placeholder_and_another_one_has_another() -> None:
    text, state = hidden("a@example.com, b@example.com, a@example.com and +44 20 7946 0958")
    later, after = hidden("b@example.com and c@example.com", state)

    assert text == "[EMAIL_1], [EMAIL_2], [EMAIL_1] and [PHONE_1]"
    assert later == "[EMAIL_2] and [EMAIL_3]"
    assert after.given[:3] == state.given
    assert reveal(after, later) == "b@example.com and c@example.com"


def test_what_is_never_restored_is_known_by_its_digest_only() -> None:
    text, state = hidden(f"card {CARD}, SSN 078-05-1120, password: hunter2!")

    assert text == "card [CARD_1], SSN [SSN_1], password: [SECRET_1]"
    assert reveal(state, text) == text
    assert state.given == (
        Placeholder(kind=PiiKind.CARD, number=1, value="<19>"),
        Placeholder(kind=PiiKind.SSN, number=1, value="<11>"),
        Placeholder(kind=PiiKind.SECRET, number=1, value="<8>"),
    )


@pytest.mark.parametrize("kind", sorted(NEVER_RESTORED))
def test_no_writing_of_a_placeholder_brings_back_what_never_comes_back(kind: PiiKind) -> None:
    state = Placeholders(given=(Placeholder(kind=kind, number=1, value="digest"),))

    for text in (f"[{kind.upper()}_1]", f"[{kind} 1]", f"\\[{kind.upper()}\\_1\\]"):
        assert reveal(state, text) == text


def test_a_placeholder_that_a_customer_types_is_not_one_of_ours() -> None:
    _, state = hidden("mine is a@example.com")
    text, after = hidden("What is [EMAIL_1]? Or [email 1], or \\[EMAIL\\_1\\]?", state)

    assert text == "What is [TEXT_1]? Or [TEXT_2], or [TEXT_3]?"
    assert reveal(after, text) == "What is [EMAIL_1]? Or [email 1], or \\[EMAIL\\_1\\]?"


@pytest.mark.parametrize(
    "written",
    ["[EMAIL_1]", "[Email_1]", "[EMAIL 1]", "[EMAIL-1]", "[ EMAIL_1 ]", "\\[EMAIL\\_1\\]",
     "[EMAIL\\_1]", "\u3010EMAIL_1\u3011"],
)  # fmt: skip
def test_what_models_make_of_a_placeholder_is_understood(written: str) -> None:
    _, state = hidden("a@example.com")

    assert reveal(state, f"Write to {written}.") == "Write to a@example.com."


@pytest.mark.parametrize(
    "written",
    ["[IP_ADDRESS_1]", "\\[IP\\_ADDRESS\\_1\\]", "[IP\\_ADDRESS\\_1]", "[Ip address 1]",
     "\\[ip-address\u00a01\\]", "[IP\u00a0ADDRESS 1]", "[IPADDRESS_1]"],
)  # fmt: skip
def test_what_models_make_of_a_placeholder_of_two_words_is_understood(written: str) -> None:
    _, state = hidden("203.0.113.7")

    assert reveal(state, f"From {written}.") == "From 203.0.113.7."
    assert hidden(written)[0] == "[TEXT_1]", "typed by a customer it is none of ours"


@pytest.mark.parametrize(
    "written", ["[EMAIL_2]", "[EMAIL]", "EMAIL_1", "[FOO_1]", "[1]", "[EMAIL_1"]
)
def test_what_was_never_given_out_stays_as_it_is(written: str) -> None:
    _, state = hidden("a@example.com")

    assert reveal(state, written) == written


def test_a_value_in_json_is_written_as_json() -> None:
    value = 'Anna "A" \\ M\u00fcller'
    state = Placeholders(given=(Placeholder(kind=PiiKind.NAME, number=1, value=value),))

    revealed = reveal(state, '{"to": "[NAME_1]", "cc": ["x [name 1]"]}', in_json=True)

    assert json.loads(revealed) == {"to": value, "cc": [f"x {value}"]}


def test_kinds_of_two_words_come_back() -> None:
    text, state = hidden("from 203.0.113.7, born on 12/03/1984")

    assert text == "from [IP_ADDRESS_1], born on [DATE_OF_BIRTH_1]"
    assert reveal(state, "[ip address 1] [Date-of-birth_1]") == "203.0.113.7 12/03/1984"
    assert reveal(state, "\\[DATE\\_OF\\_BIRTH\\_1\\]") == "12/03/1984"


def test_what_two_calls_have_hidden_at_once_has_one_number_each() -> None:
    _, before = hidden("a@example.com")
    _, kept = hidden("b@example.com and +44 20 7946 0958", before)
    _, mine = hidden("c@example.com, b@example.com", before)

    after = both(kept, mine)

    assert [(one.token, one.value) for one in after.given] == [
        ("[EMAIL_1]", "a@example.com"),
        ("[EMAIL_2]", "b@example.com"),
        ("[PHONE_1]", "+44 20 7946 0958"),
        ("[EMAIL_3]", "c@example.com"),
    ]
    assert both(after, kept) == both(kept, after) == after


@settings(deadline=None)  # other work on the machine must not fail it
@given(
    st.lists(
        st.sampled_from(
            ["a@example.com", "[EMAIL_1]", "[email 2]", "+44 20 7946 0958", " ", "[", "]", "\\",
             "_1", "EMAIL", "203.0.113.7", "\n", "[TEXT_1]", "\u3010PHONE 1\u3011", "ok"]
        ),
        max_size=20,
    )
)  # fmt: skip
def test_every_text_comes_back_as_it_was(parts: list[str]) -> None:
    text = "".join(parts)
    shown, state = hidden(text)

    assert reveal(state, shown) == text
    assert read_vault(write_vault(state)) == state


@settings(deadline=None)  # other work on the machine must not fail it
@given(st.text(alphabet="[]\\EMAIL_1 x\n", max_size=60), st.integers(min_value=1, max_value=7))
def test_a_text_in_pieces_comes_back_as_in_one(text: str, size: int) -> None:
    _, state = hidden("a@example.com")
    waiting, told = "", ""

    for at in range(0, len(text), size):
        waiting += text[at : at + size]
        ready = held_back(waiting)
        told += reveal(state, waiting[:ready])
        waiting = waiting[ready:]
        assert len(waiting) <= MOST_HELD_BACK + 2

    assert told + reveal(state, waiting) == reveal(state, text)
