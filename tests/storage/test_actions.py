"""The ledger's table in a file: boots, processes, and a disk that is full."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.domain.action import Action, ActionState, Ref
from mcp_router.errors import IllegalTransition, InvalidArguments, StorageUnavailable
from mcp_router.storage.sqlite.actions import ActionTable
from mcp_router.storage.sqlite.database import Database
from tests.storage.hosts import ManualHost
from tests.storage.rows import action
from tests.storage.walks import as_it_is, never, timeless, walked

NO_MOUNT = "this system lets nobody mount a small file system of one's own"
FULL_DISK = Path(__file__).with_name("full_disk.py")


@pytest.fixture
def host() -> ManualHost:
    return ManualHost()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "router.db")
    yield database
    database.close()


@pytest.fixture
def actions(database: Database, host: ManualHost) -> ActionTable:
    return ActionTable(database, host)


async def is_held(actions: ActionTable, name: str = "1") -> bool:
    heard: list[bool] = []

    def hear(row: Action, held: bool) -> Action:
        heard.append(held)
        return row

    await actions.claim(action(name), hear, 60)
    (held,) = heard
    return held


async def sent_ago_ms(actions: ActionTable) -> int | None:
    row = await actions.by_key("acme", "key-1")
    assert row is not None
    return row.sent_ago_ms


# --- Leases of a process, of a boot


async def test_the_lease_of_a_process_that_has_ended_is_over(
    actions: ActionTable, host: ManualHost
) -> None:
    await actions.claim(action(owner="a#1"), never, 60)
    await actions.claim(action("2", owner="b#1"), never, 60)

    host.dead.add("a")

    assert not await is_held(actions, "1")
    assert await is_held(actions, "2")


async def test_a_lease_of_another_boot_is_over_though_its_clock_had_run_for_longer(
    actions: ActionTable, host: ManualHost
) -> None:
    host.up_ms = 40 * 24 * 3_600_000
    await actions.claim(action(), never, 60)
    assert await is_held(actions)

    host.reboot()

    assert not await is_held(actions)


@pytest.mark.parametrize(("lease_s", "counts"), [(24 * 3600, True), (24 * 3600 + 1, False)])
async def test_the_longest_lease_is_a_day(
    actions: ActionTable, lease_s: float, counts: bool
) -> None:
    await actions.claim(action(), never, lease_s)

    assert await is_held(actions) is counts


async def test_when_it_was_sent_is_told_within_the_boot_only(
    actions: ActionTable, host: ManualHost
) -> None:
    await actions.claim(action(state=ActionState.SENDING), never, 60)
    host.advance(2.5)
    assert await sent_ago_ms(actions) == 2_500

    host.up_ms -= 10_000  # no system does this within a boot; it must not look like a short time
    assert await sent_ago_ms(actions) is None

    host.reboot()
    host.advance(10_000)
    assert await sent_ago_ms(actions) is None


async def test_sending_again_after_a_boot_does_not_look_like_the_first_time(
    actions: ActionTable, host: ManualHost
) -> None:
    row = await walked(actions, action(), ActionState.UNKNOWN)
    host.reboot()
    host.advance(60)

    assert await actions.change(row, replace(row, state=ActionState.SENDING, attempts=2))
    assert await sent_ago_ms(actions) is None


async def test_where_the_system_names_no_boot_nobody_can_tell_when_it_was_sent(
    database: Database,
) -> None:
    host = ManualHost(boot="")
    actions = ActionTable(database, host)
    row = await actions.claim(action(state=ActionState.SENDING), never, 60)

    assert row.sent_ago_ms is None
    assert await sent_ago_ms(actions) is None
    assert await is_held(actions)


@pytest.mark.parametrize("up_s", [1, 100])
async def test_what_was_touched_before_the_last_boot_has_rested_for_long_enough(
    actions: ActionTable, host: ManualHost, up_s: float
) -> None:
    async def names() -> list[str]:
        return [row.action_id for row in await actions.unsettled("zendesk", 10, 60_000)]

    host.up_ms = round(up_s * 1000)
    await actions.claim(action("1", owner=None, state=ActionState.SENDING), never, 60)
    host.reboot()
    host.advance(50)
    await actions.claim(action("2", owner=None, state=ActionState.SENDING), never, 60)
    assert await names() == ["act_1"]

    host.advance(60)
    assert await names() == ["act_1", "act_2"]


async def test_what_a_dead_process_was_sending_is_unsettled_while_its_lease_still_runs(
    actions: ActionTable, host: ManualHost
) -> None:
    await walked(actions, action("1", owner="a#1"), ActionState.SENDING, lease_s=3600)
    await walked(actions, action("2", owner="b#1"), ActionState.SENDING, lease_s=3600)
    host.advance(60)
    host.dead.add("a")

    assert [row.action_id for row in await actions.unsettled("zendesk", 10, 0)] == ["act_1"]


async def test_thirty_days_pass_over_boots(actions: ActionTable, host: ManualHost) -> None:
    await walked(actions, action(), ActionState.SUCCEEDED)
    host.reboot()
    host.noon_ms += 31 * 24 * 3_600_000

    assert await actions.expire(30 * 24 * 3600, 10) == 1
    assert await actions.expire(30 * 24 * 3600, 10) == 0


# --- What is written, and what is refused


async def test_an_answer_belongs_to_a_decided_action(actions: ActionTable) -> None:
    row = await walked(actions, action(), ActionState.SENDING)

    with pytest.raises(IllegalTransition):
        await actions.change(row, replace(row, state=ActionState.UNKNOWN, answer_json="{}"))

    assert timeless(await actions.by_key("acme", "key-1")) == timeless(row)


async def test_a_refused_row_leaves_those_of_its_batch_alone(actions: ActionTable) -> None:
    wanted = [
        action("a"),
        action("b", state=ActionState.UNKNOWN),
        action("a", key="c"),
        action("d"),
    ]

    got = await asyncio.gather(
        *(actions.claim(one, as_it_is, 60) for one in wanted), return_exceptions=True
    )

    assert [type(one) for one in got] == [Action, IllegalTransition, IllegalTransition, Action]
    assert await actions.by_id("acme", "act_d") == got[3]


async def test_half_a_character_is_the_callers_fault(actions: ActionTable) -> None:
    for ask in (
        actions.claim(action(key="half \ud800"), as_it_is, 60),
        actions.by_key("acme", "half \ud800"),
    ):
        with pytest.raises(InvalidArguments) as caught:
            await ask

        assert "half" not in str(caught.value)


@pytest.mark.parametrize("text", ["nul \0 inside", "\U0001f600", "x" * 100_000])
async def test_every_other_text_comes_back_as_it_was(actions: ActionTable, text: str) -> None:
    wanted = replace(action(key=text), arguments_json=text, write_json=text)
    await actions.claim(wanted, never, 60)

    assert timeless(await actions.by_key("acme", text)) == timeless(wanted)


async def plans(database: Database, asks: Callable[[], Awaitable[object]]) -> list[str]:
    """Return how SQLite goes about the statements of a question, where it uses an index of ours."""
    seen: list[str] = []

    def explained(connection: sqlite3.Connection) -> list[str]:
        connection.set_trace_callback(None)
        return [
            row["detail"]
            for query in seen
            if query.lstrip().startswith(("SELECT", "UPDATE"))
            for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")
        ]

    def watched(connection: sqlite3.Connection) -> list[str]:
        connection.set_trace_callback(seen.append)
        return []

    await database.write(watched)
    await database.read(watched)
    await asks()
    steps = [*await database.write(explained), *await database.read(explained)]
    return [step for step in dict.fromkeys(steps) if "actions_" in step]


async def test_what_is_asked_all_the_time_reads_no_more_than_what_is_open(
    database: Database, actions: ActionTable
) -> None:
    everything_open = ["SCAN actions USING COVERING INDEX actions_open"]

    assert await plans(database, actions.counts) == everything_open
    assert await plans(database, lambda: actions.renew("a", 60)) == everything_open
    assert await plans(database, lambda: actions.unsettled("zendesk", 10, 5)) == [
        "SEARCH actions USING INDEX actions_open (target=? AND state=?)"
    ]
    assert await plans(database, lambda: actions.expire(60, 10)) == [
        "SEARCH actions USING INDEX actions_settled (updated_ms<?)"
    ]


# --- A disk that is full


async def test_a_full_database_can_still_record_the_state_without_the_answer(
    database: Database, actions: ActionTable
) -> None:
    row = await walked(actions, action(), ActionState.SENDING)
    pages = await database.read(lambda sql: sql.execute("PRAGMA page_count").fetchone()[0])
    await database.write(lambda sql: sql.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    done = replace(row, state=ActionState.SUCCEEDED, owner=None, ref=Ref(id="8"))

    with pytest.raises(StorageUnavailable, match="SQLITE_FULL"):
        await actions.change(row, replace(done, answer_json=json.dumps("x" * 20_000)))

    assert await actions.change(row, done)
    assert timeless(await actions.by_key("acme", "key-1")) == timeless(done)


async def test_the_room_for_last_words_is_not_for_beginning_a_write(
    tmp_path: Path, actions: ActionTable, host: ManualHost
) -> None:
    row = await actions.claim(action(), never, 60)
    full = Database(tmp_path / "router.db", reserve_bytes=2**60)
    sending = replace(row, state=ActionState.SENDING, attempts=1)

    with pytest.raises(StorageUnavailable):
        await ActionTable(full, host).change(row, sending)

    assert await actions.change(row, sending)
    assert await ActionTable(full, host).change(sending, replace(sending, state=ActionState.FAILED))
    full.close()


def test_a_full_disk_has_room_for_the_states_of_all_that_was_under_way(tmp_path: Path) -> None:
    """In a file system of 16 MB, which fills up while 60 answers are on their way."""
    if shutil.which("unshare") is None:
        pytest.skip(NO_MOUNT)

    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, FULL_DISK, tmp_path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    if ran.returncode == 77 or "unshare" in ran.stderr:
        pytest.skip(NO_MOUNT)

    assert ran.stderr == ""
    assert json.loads(ran.stdout) == {
        "answers kept": 0,
        "states kept": 60,
        "new actions": 0,
        "new actions in less room than both need": 0,
        "reads": 60,
        "after there is room": 1,
    }
