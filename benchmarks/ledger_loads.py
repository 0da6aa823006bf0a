"""What the ledger is measured by, and against: each load runs for a while and says how it went."""

import itertools
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import anyio

from benchmarks.ledger_timing import Timing, drive, drive_threads
from mcp_router.clock import SystemClock
from mcp_router.domain.action import Action, ActionState, Ref, Strategy
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.answer import kept_answer
from mcp_router.ledger.ledger import Ledger
from mcp_router.storage.owner import this_process
from mcp_router.storage.sqlite.writer import Writer
from mcp_router.storage.store import SQLITE, open_store

FAST = {"use_uvloop": True}  # as `mcp-router serve --transport http` runs
_REPLAYED = 256
TEXT = "Thank you for your patience. The parcel left our house this morning. " * 3
_ARGUMENTS = f'{{"body":"{TEXT}","ticket_id":"101"}}'
_WRITE = f'{{"body":"{TEXT}","kind":"update_ticket","ticket_id":"101"}}'
_BARE_TABLE = "CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"
_BARE_INSERT = "INSERT INTO bare (body) VALUES (?)"
_PAIR_TABLE = (
    "CREATE TABLE IF NOT EXISTS pair (key TEXT PRIMARY KEY, state TEXT NOT NULL, "
    "arguments TEXT NOT NULL, write TEXT NOT NULL)"
)
_PAIR_INSERT = "INSERT INTO pair (key, state, arguments, write) VALUES (?, 'sending', ?, ?)"
_PAIR_UPDATE = "UPDATE pair SET state = 'succeeded' WHERE key = ? AND state = 'sending'"

_PROCESS = this_process()
_numbers = itertools.count(1)


def bare_rows(url: str, callers: int, seconds: float) -> Timing:
    """Insert one row a commit in a plain loop; SQLite has one writer, so `callers` is one."""
    with closing(_bare_connection(url)) as connection:
        return drive_threads(lambda: _insert_bare(connection), callers, seconds)


def bare_group(url: str, callers: int, seconds: float) -> Timing:
    """Insert one row a job through the store's own group commit."""

    async def load() -> Timing:
        writer = Writer(_bare_connection(url))

        try:
            return await drive(lambda: writer.run(_insert_bare), callers, seconds)
        finally:
            writer.close()

    return anyio.run(load, backend_options=FAST)


def bare_pairs(url: str, callers: int, seconds: float) -> Timing:
    """Insert a row and settle it, in two commits: what no ledger could do without."""

    async def load() -> Timing:
        writer = Writer(_bare_connection(url))

        async def act() -> None:
            key = f"key-{_PROCESS}-{next(_numbers)}"
            await writer.run(lambda connection: _insert_pair(connection, key))
            await writer.run(lambda connection: _settle_pair(connection, key))

        try:
            return await drive(act, callers, seconds)
        finally:
            writer.close()

    return anyio.run(load, backend_options=FAST)


def actions(url: str, callers: int, seconds: float) -> Timing:
    """Take new actions from reservation to success: two durable commits each."""

    async def load(ledger: Ledger) -> Timing:
        async def act() -> None:
            await _carry_out(ledger, _wanted(next(_numbers)))

        return await drive(act, callers, seconds)

    return _with_ledger(url, load)


def replays(url: str, callers: int, seconds: float) -> Timing:
    """Ask again for actions that have succeeded, and read what they answered."""

    async def load(ledger: Ledger) -> Timing:
        done = [_wanted(next(_numbers)) for _ in range(_REPLAYED)]

        for one in done:
            await _carry_out(ledger, one)

        again = itertools.cycle(done)

        async def act() -> None:
            number = next(_numbers)
            wanted = replace(next(again), action_id=f"act_{number}", marker=f"act_{number}")
            admission, action = await ledger.reserve(wanted)
            assert admission is Admission.REPLAY
            assert kept_answer(action).ref == Ref(id="7")

        return await drive(act, callers, seconds)

    return _with_ledger(url, load)


def _with_ledger(url: str, load: Callable[[Ledger], Awaitable[Timing]]) -> Timing:
    """Run a load on a ledger over the real store."""

    async def run() -> Timing:
        store = open_store(url)

        try:
            return await load(Ledger(store.actions, SystemClock()))
        finally:
            await store.aclose()

    return anyio.run(run, backend_options=FAST)


async def _carry_out(ledger: Ledger, wanted: Action) -> None:
    """Reserve an action as `sending`, and settle it as if the desk had answered."""
    admission, action = await ledger.reserve(wanted)
    assert admission is Admission.PROCEED
    await ledger.succeeded(action, Ref(id="7"))


def _wanted(number: int) -> Action:
    """Return an action as a reply makes it, under a key that nobody has used."""
    now_ms = SystemClock().now_ms()
    name = f"{_PROCESS}-{number}"
    return Action(
        action_id=f"act_{name}",
        tenant="local",
        principal="http",
        key=f"key-{name}",
        tool="reply_to_ticket",
        target="zendesk",
        strategy=Strategy.CAS_MARKER,
        fingerprint="f" * 64,
        arguments_json=_ARGUMENTS,
        write_json=_WRITE,
        state=ActionState.SENDING,
        created_ms=now_ms,
        updated_ms=now_ms,
        attempts=1,
        owner=f"{_PROCESS}#{number}",
        marker=f"act_{name}",
        object_id="101",
    )


def _bare_connection(url: str) -> sqlite3.Connection:
    """Open a file beside the store's, with the store's own durability and one plain table."""
    path = Path(url.removeprefix(SQLITE)).with_suffix(".bare")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_BARE_TABLE)
    connection.execute(_PAIR_TABLE)
    return connection


def _insert_bare(connection: sqlite3.Connection) -> None:
    connection.execute(_BARE_INSERT, (TEXT,))


def _insert_pair(connection: sqlite3.Connection, key: str) -> None:
    connection.execute(_PAIR_INSERT, (key, TEXT, TEXT))


def _settle_pair(connection: sqlite3.Connection, key: str) -> None:
    connection.execute(_PAIR_UPDATE, (key,))
