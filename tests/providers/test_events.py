"""Server-sent events from bytes, however they were cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.attempt import Reason
from mcp_router.errors import SendFailed
from mcp_router.providers.events import EVENT_BYTES, STREAM_BYTES, Event, EventReader

STREAM = (
    "\ufeff: a comment\n\n"
    'event: first\ndata: {"a":\ndata:  "größer 📦"}\nid: 7\nretry: 9\nnonsense\n\n'
    "data:no space\r\n\r\n"
    "event: nothing to tell\r\r"
    "data\r\rdata: last\n\n"
    "data: never ended"
).encode()
EVENTS = [
    Event(name="first", data='{"a":\n "größer 📦"}'),
    Event(name="", data="no space"),
    Event(name="", data=""),
    Event(name="", data="last"),
]


def read(*chunks: bytes) -> list[Event]:
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


def test_events_are_read_as_the_standard_says() -> None:
    assert read(STREAM) == EVENTS


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=20).map(sorted))
def test_where_the_bytes_were_cut_changes_nothing(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]

    assert read(*(STREAM[a:b] for a, b in pairwise(edges))) == EVENTS


def test_every_byte_may_come_alone() -> None:
    assert read(*(bytes([one]) for one in STREAM)) == EVENTS


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert read(b"data: \xff\xfe\n\n") == [Event(name="", data="\ufffd\ufffd")]


@given(st.binary())
def test_no_bytes_break_the_reader(data: bytes) -> None:
    read(data)


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * EVENT_BYTES],
        [b"data: " + b"x" * (EVENT_BYTES // 2) + b"\n"] * 3,
        [b"x" * 1_000_000] * 9,
        [b": " + b"x" * 1_000_000 + b"\n\n"] * (STREAM_BYTES // 1_000_000 + 1),
    ],
    ids=["one line", "many lines", "no line ends", "endless"],
)
def test_what_is_too_long_is_garbled_and_not_kept(chunks: list[bytes]) -> None:
    with pytest.raises(SendFailed) as caught:
        read(*chunks)

    assert caught.value.reason is Reason.GARBLED
