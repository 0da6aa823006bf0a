"""The record survives its way to the disk and back, whatever it holds."""

import dataclasses
import json
import types
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from pydantic import TypeAdapter

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.action import Action
from mcp_router.domain.record import Record
from mcp_router.domain.write import CreateTicket, SyncCase, UpdateTicket
from mcp_router.storage.store import open_store
from tests.domain.arbitrary import parts, values

STORED = (Record, Action, CreateTicket, UpdateTicket, SyncCase)
"""What is, or will have to be, read back from JSON that `plain` has written."""

FORMS = sorted(set().union(*map(parts, STORED)), key=lambda form: form.__name__)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_what_may_be_none_has_none_as_its_default(form: type) -> None:
    hints = get_type_hints(form)
    missing = [
        one.name
        for one in dataclasses.fields(form)
        if types.NoneType in get_args(hints[one.name]) and one.default is not None
    ]

    assert missing == []  # `plain` leaves out what is None, so reading must put it back


@given(values(Record))
@settings(max_examples=60, deadline=None)
def test_a_record_is_the_same_after_json(record: Record) -> None:
    text = canonical_json(plain(record))

    assert TypeAdapter(Record).validate_python(json.loads(text)) == record
    assert canonical_json(plain(TypeAdapter(Record).validate_json(text))) == text


@pytest.mark.parametrize("form", STORED[1:], ids=lambda form: form.__name__)
def test_a_write_is_the_same_after_json(form: type) -> None:
    @given(values(form))
    @settings(max_examples=25, deadline=None)
    def survives(value: object) -> None:
        text = canonical_json(plain(value))

        assert TypeAdapter(form).validate_python(json.loads(text)) == value

    survives()


async def test_arbitrary_records_come_back_from_the_disk(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'router.db'}")
    drawn: list[Record] = []

    @given(values(Record))
    @settings(max_examples=20, deadline=None)
    def draw(record: Record) -> None:
        drawn.append(record)

    draw()
    fits = [
        dataclasses.replace(
            one, decision_id=f"dec_{n}", at_ms=n, latency_ms=n, cost_microusd=n
        )  # columns of SQLite hold 64 bits
        for n, one in enumerate(drawn)
    ]

    for one in fits:
        await store.decisions.append(one)

    found = [await store.decisions.find(one.tenant, one.decision_id) for one in fits]
    await store.aclose()

    assert [stored.record for stored in found if stored] == fits
