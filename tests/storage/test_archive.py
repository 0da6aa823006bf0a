"""The file seen from outside the server: read only, beside a writer, plain about faults."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.action import ActionEvent, ActionState
from mcp_router.errors import InvalidSettings, StorageUnavailable
from mcp_router.storage.store import Store, open_archive, open_store
from tests.storage.rows import action, record
from tests.storage.selections import SELECTIONS, selectable
from tests.storage.walks import never, timeless, walked


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'router.db'}")
    yield store
    await store.aclose()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'router.db'}"


async def test_records_come_in_order_of_one_tenant_or_of_all(store: Store, url: str) -> None:
    both = [record("a"), record("b", tenant="other"), record("c")]

    for one in both:
        await store.decisions.append(one)

    with open_archive(url) as archive:
        assert [stored.record for stored in archive.records()] == both
        assert [stored.seq for stored in archive.records("acme")] == [1, 3]
        assert (archive.count(), archive.count("other"), archive.count("nobody")) == (3, 1, 0)


async def test_records_can_begin_at_a_time(store: Store, url: str) -> None:
    late = replace(record("late"), at_ms=record("early").at_ms + 1)

    for one in (late, record("early"), replace(late, decision_id="other", tenant="other")):
        await store.decisions.append(one)

    with open_archive(url) as archive:
        assert [one.seq for one in archive.records(since_ms=late.at_ms)] == [1, 3]
        assert [one.seq for one in archive.records("acme", since_ms=late.at_ms)] == [1]
        assert [one.seq for one in archive.records("acme", since_ms=late.at_ms + 1)] == []


async def test_a_selection_is_made_by_the_database(store: Store, url: str) -> None:
    for one in selectable():
        await store.decisions.append(one)

    with open_archive(url) as archive:
        for selection, places in SELECTIONS:
            assert [stored.seq for stored in archive.records(selection=selection)] == places
            assert archive.count(selection=selection) == len(places)

        assert {seq: text for seq, text, _ in archive.rows()} == {
            place: canonical_json(plain(one)) for place, one in enumerate(selectable(), start=1)
        }


async def test_an_export_sees_one_moment_while_the_server_goes_on_writing(
    store: Store, url: str
) -> None:
    for n in range(3):
        await store.decisions.append(record(str(n)))

    with open_archive(url) as archive:
        rows = archive.records()
        first = next(rows)
        # Each of these commits while the archive is in the middle of its reading.
        await asyncio.gather(*(store.decisions.append(record(f"new-{n}")) for n in range(20)))

        assert [first.seq, *(stored.seq for stored in rows)] == [1, 2, 3]
        assert archive.count() == 23


async def test_actions_come_newest_first_by_state_with_their_events(store: Store, url: str) -> None:
    new = await store.actions.claim(action("new", created_ms=2000), never, 60)
    old = await store.actions.claim(action("old", created_ms=1000), never, 60)
    sending = replace(old, state=ActionState.SENDING, attempts=1, updated_ms=1500)
    await store.actions.change(old, sending)
    failed = replace(sending, state=ActionState.FAILED, updated_ms=1600, error_code="e", owner=None)
    await store.actions.change(sending, failed)
    failed = replace(failed, lease_until_ms=0)

    with open_archive(url) as archive:
        assert tuple(map(timeless, archive.actions(None, 10))) == (timeless(new), timeless(failed))
        assert archive.actions(None, 1) == (new,)
        assert archive.actions(ActionState.RESERVED, 10) == (new,)
        assert archive.actions(ActionState.EXPIRED, 10) == ()
        assert timeless(archive.action("act_old")) == timeless(failed)
        assert archive.action("act_none") is None
        assert archive.events("act_old") == (
            ActionEvent(at_ms=1000, state=ActionState.RESERVED, fence=1, attempts=0, detail=None),
            ActionEvent(at_ms=1500, state=ActionState.SENDING, fence=1, attempts=1, detail=None),
            ActionEvent(at_ms=1600, state=ActionState.FAILED, fence=1, attempts=1, detail="e"),
        )
        assert archive.events("act_none") == ()


async def test_what_has_expired_is_still_told(store: Store, url: str) -> None:
    await walked(store.actions, action(created_ms=1000), ActionState.EXPIRED)

    with open_archive(url) as archive:
        (row,) = archive.actions(ActionState.EXPIRED, 10)
        assert (row.action_id, row.arguments_json, row.answer_json) == ("act_1", "", None)
        assert [event.state for event in archive.events("act_1")] == [
            ActionState.RESERVED,
            ActionState.FAILED,
            ActionState.EXPIRED,
        ]


async def test_an_archive_cannot_write(store: Store, url: str) -> None:
    await store.decisions.append(record())

    with (
        open_archive(url) as archive,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        archive._connection.execute("DELETE FROM action_events")


async def test_an_archive_reads_after_the_server_has_gone(tmp_path: Path, url: str) -> None:
    store = open_store(url)
    await store.decisions.append(record())
    await store.aclose()
    before = (tmp_path / "router.db").read_bytes()

    with open_archive(url) as archive:
        assert [stored.record for stored in archive.records()] == [record()]

    assert (tmp_path / "router.db").read_bytes() == before


def test_opening_what_is_not_there_creates_nothing(tmp_path: Path, url: str) -> None:
    with pytest.raises(StorageUnavailable, match="no decision log"):
        open_archive(url)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database, " * 100])
def test_a_file_that_is_no_store_is_storage_unavailable_for_every_question(
    tmp_path: Path, url: str, content: bytes
) -> None:
    (tmp_path / "router.db").write_bytes(content)

    with open_archive(url) as archive:
        for ask in (
            lambda: list(archive.records()),
            archive.count,
            lambda: archive.actions(None, 1),
            lambda: archive.action("a"),
            lambda: archive.events("a"),
        ):
            with pytest.raises(StorageUnavailable):
                ask()


async def test_a_record_that_somebody_damaged_is_storage_unavailable(
    store: Store, url: str, tmp_path: Path
) -> None:
    await store.decisions.append(record("a"))

    with closing(sqlite3.connect(tmp_path / "router.db")) as sql:
        sql.executescript(
            "DROP TRIGGER decisions_no_update; UPDATE decisions SET record = '{\"tool\": 1}'"
        )

    with open_archive(url) as archive, pytest.raises(StorageUnavailable, match="Record 1 of"):
        list(archive.records())

    with pytest.raises(StorageUnavailable, match="Record 1 of"):
        await store.decisions.find("acme", "dec_a")


@pytest.mark.parametrize("url", ["", "router.db", "sqlite://router.db", "mysql://x/y"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    for opens in (open_store, open_archive):
        with pytest.raises(InvalidSettings):
            opens(url)


async def test_a_failed_append_leaves_no_gap_in_the_places(store: Store) -> None:
    places = itertools.count(1)

    for name in ("a", "b", "c"):
        assert await store.decisions.append(record(name)) == next(places)

        with pytest.raises(sqlite3.IntegrityError):
            await store.decisions.append(record(name))


async def test_a_row_that_is_no_text_or_has_no_link_is_told_with_its_place(
    store: Store, url: str, tmp_path: Path
) -> None:
    for name in ("a", "b", "c", "d"):
        await store.decisions.append(record(name))

    with closing(sqlite3.connect(tmp_path / "router.db")) as sql:
        sql.executescript(
            "DROP TRIGGER decisions_no_update; UPDATE decisions SET "
            "record = CAST(CAST(record AS BLOB) || x'ff' AS TEXT), tool = CAST(x'ff' AS TEXT) "
            "WHERE seq = 2; UPDATE decisions SET record = CAST(record AS BLOB) WHERE seq = 3; "
            "UPDATE decisions SET chain = NULL WHERE seq = 4"
        )

    with open_archive(url) as archive:
        for place in (2, 3, 4):
            with pytest.raises(StorageUnavailable, match=f"Record {place} of"):
                list(archive.rows(after=place - 1))

        assert [row.seq for row in archive.kept()] == [1, 2, 3, 4]

    assert [row.seq for row in await store.heads.rows(0, 9)] == [1, 2, 3, 4]
