"""A write comes out of the ledger as it went in, to the last character."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.ticket import Priority, Status, TicketType, Visibility
from mcp_router.domain.write import CreateTicket, DeskWrite, NewComment, SyncCase, UpdateTicket
from mcp_router.errors import OutcomeUnknown
from mcp_router.ledger.parcel import pack, unpack

# Every character there is, NUL and lone surrogates included: a host can send them all.
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
OPTIONAL = st.none() | TEXT
TAGS = st.lists(TEXT, max_size=3).map(tuple)
PRIORITY = st.none() | st.sampled_from(Priority)

WRITES: st.SearchStrategy[DeskWrite] = st.one_of(
    st.builds(
        CreateTicket,
        subject=TEXT,
        body=TEXT,
        requester_email=OPTIONAL,
        requester_name=OPTIONAL,
        priority=PRIORITY,
        type=st.none() | st.sampled_from(TicketType),
        tags=TAGS,
    ),
    st.builds(
        UpdateTicket,
        ticket_id=TEXT,
        comment=st.none()
        | st.builds(NewComment, body=TEXT, visibility=st.sampled_from(Visibility)),
        status=st.none() | st.sampled_from(Status),
        priority=PRIORITY,
        type=st.none() | st.sampled_from(TicketType),
        assignee_id=OPTIONAL,
        group_id=OPTIONAL,
        add_tags=TAGS,
        remove_tags=TAGS,
    ),
    st.builds(
        SyncCase,
        external_id=TEXT,
        subject=TEXT,
        description=TEXT,
        status=TEXT,
        priority=OPTIONAL,
        contact_email=OPTIONAL,
    ),
)


@given(WRITES)
def test_every_write_comes_out_as_it_went_in(write: DeskWrite) -> None:
    text = pack(write)
    again = unpack(text)

    assert (type(again), again) == (type(write), write)
    assert pack(again) == text
    assert text.isascii()
    assert "\x00" not in text


@pytest.mark.parametrize(
    "body",
    [
        unicodedata.normalize("NFD", "é"),
        unicodedata.normalize("NFC", "é"),
        "\ufb01",  # a ligature, which compatibility forms would take apart
        "a\x00b",
        "\ud800",
        "\udfff\ud800",
        "\U0001f468\u200d\U0001f469",
        "\u2028\u2029",
        "",
        "  ",
        '"\\',
    ],
)
def test_no_character_is_changed_on_its_way_through(body: str) -> None:
    write = CreateTicket(subject=body, body=body, tags=(body, body))

    again = unpack(pack(write))

    assert isinstance(again, CreateTicket)
    assert [again.subject, again.body, *again.tags] == [body] * 4


def test_what_is_left_out_stays_left_out_and_what_is_empty_stays_empty() -> None:
    write = UpdateTicket(ticket_id="7", assignee_id="")

    again = unpack(pack(write))

    assert again == UpdateTicket(
        ticket_id="7", comment=None, assignee_id="", group_id=None, add_tags=(), remove_tags=()
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"kind":"delete_ticket","write":{}}',
        '{"kind":"update_ticket","write":{"ticket_id":"canary","status":"frozen"}}',
        '{"kind":"create_ticket","write":{"subject":"canary"}}',
        '{"kind":"update_ticket","write":{"ticket_id":"7","due_at":"canary"}}',
        '{"kind":"update_ticket","write":{"ticket_id":"7","comment":'
        '{"body":"a","visibility":"public","author":"canary"}}}',
    ],
)
def test_what_another_version_has_packed_is_told_by_a_code_and_not_repeated(text: str) -> None:
    with pytest.raises(OutcomeUnknown) as refused:
        unpack(text)

    assert refused.value.__cause__ is None
    assert "canary" not in str(refused.value)


def test_what_an_older_version_has_packed_without_todays_fields_is_read() -> None:
    text = '{"kind":"create_ticket","write":{"subject":"a","body":"b"}}'

    assert unpack(text) == CreateTicket(subject="a", body="b")


def test_a_parcel_names_its_kind() -> None:
    kinds = [
        json.loads(pack(write))["kind"]
        for write in (
            CreateTicket(subject="a", body="b"),
            UpdateTicket(ticket_id="7"),
            SyncCase(external_id="7", subject="a", description="b", status="New"),
        )
    ]

    assert kinds == ["create_ticket", "update_ticket", "sync_case"]
