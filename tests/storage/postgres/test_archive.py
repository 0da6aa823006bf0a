"""The command line reads a PostgreSQL store beside the servers that write it."""

from dataclasses import replace

import pytest
from psycopg import errors

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.action import ActionEvent, ActionState
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.postgres.actions import ActionTable
from mcp_router.storage.postgres.archive import Archive
from mcp_router.storage.postgres.decisions import DecisionTable
from tests.storage.postgres.server import connect
from tests.storage.rows import action, record
from tests.storage.selections import SELECTIONS, selectable
from tests.storage.walks import as_it_is


async def test_the_log_comes_in_order_of_one_tenant_or_of_all(
    decisions: DecisionTable, url: str
) -> None:
    for name, tenant in (("a", "acme"), ("b", "other"), ("c", "acme")):
        await decisions.append(record(name, tenant=tenant))

    with Archive(url) as archive:
        assert list(archive.records("acme")) == [
            StoredRecord(seq=1, record=record("a")),
            StoredRecord(seq=3, record=record("c")),
        ]
        assert [stored.seq for stored in archive.records()] == [1, 2, 3]
        assert list(archive.records("nobody")) == []
        assert (archive.count(), archive.count("acme"), archive.count("nobody")) == (3, 2, 0)


async def test_the_log_can_begin_at_a_time(decisions: DecisionTable, url: str) -> None:
    late = replace(record("late"), at_ms=record("early").at_ms + 1)

    for one in (late, record("early"), replace(late, decision_id="other", tenant="other")):
        await decisions.append(one)

    with Archive(url) as archive:
        assert [one.seq for one in archive.records(since_ms=late.at_ms)] == [1, 3]
        assert [one.seq for one in archive.records("acme", since_ms=late.at_ms)] == [1]
        assert [one.seq for one in archive.records("acme", since_ms=late.at_ms + 1)] == []


async def test_a_selection_is_made_by_the_database(decisions: DecisionTable, url: str) -> None:
    for one in selectable():
        await decisions.append(one)

    with Archive(url) as archive:
        for selection, places in SELECTIONS:
            assert [stored.seq for stored in archive.records(selection=selection)] == places
            assert archive.count(selection=selection) == len(places)

        assert {seq: text for seq, text, _ in archive.rows()} == {
            place: canonical_json(plain(one)) for place, one in enumerate(selectable(), start=1)
        }


async def test_a_long_log_comes_whole(decisions: DecisionTable, url: str) -> None:
    await decisions.append(record("first"))

    with connect(url) as connection:
        connection.execute(
            """
            SELECT mcp_router_append(array_agg(n::text), array_agg(at_ms), array_agg(tenant),
                array_agg(tool), array_agg(outcome), array_agg(run_id), array_agg(ticket_id),
                array_agg(policy), array_agg(pool), array_agg(intent), array_agg(target),
                array_agg(action_id), array_agg(error_code), array_agg(cost_microusd),
                array_agg(latency_ms), array_agg(record))
            FROM decisions, generate_series(2, 1101) AS n
            """
        )

    with Archive(url) as archive:
        assert [stored.seq for stored in archive.records("acme")] == list(range(1, 1102))


async def test_a_person_sees_actions_and_what_happened_to_them(
    actions: ActionTable, url: str
) -> None:
    first = await actions.claim(action("1", created_ms=5), as_it_is, 60)
    second = await actions.claim(action("2", created_ms=5), as_it_is, 60)
    older = await actions.claim(action("0", created_ms=4), as_it_is, 60)
    failed = replace(
        first, state=ActionState.FAILED, owner=None, error_code="desk_rejected", lease_until_ms=0
    )
    await actions.change(first, failed)

    with Archive(url) as archive:
        assert archive.actions(None, 10) == (second, failed, older)
        assert archive.actions(None, 1) == (second,)
        assert archive.actions(ActionState.FAILED, 10) == (failed,)
        assert archive.action("act_1") == failed
        assert archive.action("act_9") is None
        assert archive.events("act_1") == (
            ActionEvent(at_ms=5, state=ActionState.RESERVED, fence=1, attempts=0, detail=None),
            ActionEvent(
                at_ms=5, state=ActionState.FAILED, fence=1, attempts=0, detail="desk_rejected"
            ),
        )
        assert archive.events("act_9") == ()


def test_a_database_without_the_tables_is_no_store(url: str) -> None:
    with Archive(url) as archive, pytest.raises(StorageUnavailable) as caught:
        archive.count()

    assert caught.value.message == "The database cannot be used now (UndefinedTable)."


def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(StorageUnavailable):
        Archive("postgresql://nobody@/nothing?host=/nowhere", connect_timeout_s=0.05)


async def test_a_damaged_record_is_said_without_its_text(
    decisions: DecisionTable, url: str
) -> None:
    await decisions.append(record("good"))

    with connect(url) as connection:
        connection.execute(
            """
            SELECT mcp_router_append(ARRAY['bad'], ARRAY[0], ARRAY['acme'], ARRAY['t'],
                ARRAY['ok'], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL],
                ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[0], ARRAY[0],
                ARRAY['{"secret": 4711'])
            """
        )

    with Archive(url) as archive, pytest.raises(StorageUnavailable) as caught:
        list(archive.records())

    assert caught.value.message == "Record 2 of the decision log cannot be read."
    assert caught.value.__suppress_context__


async def test_the_archive_cannot_write(actions: ActionTable, url: str) -> None:
    await actions.claim(action(), as_it_is, 60)

    with Archive(url) as archive, pytest.raises(StorageUnavailable) as caught:
        archive._rows("UPDATE actions SET fence = 2 RETURNING fence", ())

    assert errors.ReadOnlySqlTransaction.__name__ in caught.value.message
