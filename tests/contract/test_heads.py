"""What every store of signed heads promises, and what the keeper makes of it, in memory too."""

import asyncio
from dataclasses import replace

import pytest

from mcp_router.audit.heads import HeadKeeper, HeadPace, HeadStore
from mcp_router.audit.log import RecordStore
from mcp_router.audit.signing import Signer, is_signed
from mcp_router.audit.statements import head_statement, read_anchor
from mcp_router.audit.trust import trusted_keys
from mcp_router.chain import START, leaf_hash, next_link, row_line
from mcp_router.domain.audit_event import AuditChange
from mcp_router.domain.record import Record
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.clock import NOON_MS, ManualClock
from tests.audit.logs import FORGER, SIGNER, bytes_of_order
from tests.contract.opened import Opened
from tests.storage.rows import LOG_KEY, record, signed_head


@pytest.fixture
def heads(store: Opened) -> HeadStore:
    return store.heads


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Sink:
    """An anchor that keeps what it is sent, unless it is away."""

    name = "a list"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.away = False

    async def send(self, line: str) -> None:
        if self.away:
            raise StorageUnavailable("The anchor is away.")

        self.lines.append(line)

    def sizes(self) -> list[int]:
        found = [read_anchor(line) for line in self.lines]
        return [one[0].head.size for one in found if one is not None]


def keeper(
    heads: HeadStore,
    clock: ManualClock,
    *,
    signer: Signer = SIGNER,
    anchors: tuple[Sink, ...] = (),
    every_rows: int = 10_000,
) -> HeadKeeper:
    return HeadKeeper(
        heads,
        clock,
        bytes_of_order(),
        signer=lambda: signer,
        pace=HeadPace(every_s=3600, every_rows=every_rows),
        anchors=anchors,
    )


async def append(records: RecordStore, first: int, last: int, *, at_ms: int = NOON_MS) -> None:
    for number in range(first, last + 1):
        await records.append(replace(record(str(number)), at_ms=at_ms))


async def events(heads: HeadStore, records: RecordStore) -> list[Record]:
    found = [await records.find("local", str(row.columns[0])) for row in await heads.rows(0, 1000)]
    return [one.record for one in found if one is not None and one.record.audit is not None]


async def test_rows_are_linked_to_each_other_in_their_order(
    heads: HeadStore, records: RecordStore
) -> None:
    assert (await heads.last(), list(await heads.rows(0, 9))) == (0, [])
    await asyncio.gather(*(records.append(record(str(number))) for number in range(20)))

    rows = await heads.rows(0, 100)

    chain = START
    for seq, row in enumerate(rows, start=1):
        leaf = leaf_hash(row_line(seq, row.text).encode())
        chain = next_link(chain, leaf)
        assert (row.seq, row.leaf, row.chain) == (seq, leaf, chain)

    assert (len(rows), await heads.last()) == (20, 20)
    assert [row.seq for row in await heads.rows(7, 2)] == [8, 9]


async def test_a_head_follows_the_newest_one_and_no_other(
    heads: HeadStore, records: RecordStore
) -> None:
    await append(records, 1, 3)
    first, second, third = await heads.rows(0, 3)
    one = signed_head(1, first.chain)
    two = signed_head(3, third.chain, previous=1)
    fork = signed_head(2, second.chain)

    assert await heads.newest() is None
    assert await heads.add_head(one)
    assert not await heads.add_head(fork)
    assert await heads.add_head(two)
    assert not await heads.add_head(two)
    assert await heads.newest() == two
    assert [tuple(await heads.heads_after(size)) for size in (0, 1, 3)] == [(one, two), (two,), ()]


async def test_only_one_of_many_replicas_signs_a_head(
    heads: HeadStore, records: RecordStore, clock: ManualClock
) -> None:
    await append(records, 1, 5)
    keepers = [keeper(heads, clock) for _ in range(4)]

    signed = await asyncio.gather(*(one.sign() for one in keepers))

    assert {one.head.size for one in signed if one is not None} == {6}
    newest = await heads.newest()
    assert newest is not None
    assert (newest.previous, newest.head.size) == (0, 6)


async def test_a_key_is_kept_once_with_its_event(heads: HeadStore, records: RecordStore) -> None:
    assert await heads.add_key(LOG_KEY, record("first"))
    assert not await heads.add_key(LOG_KEY, record("again"))

    assert await heads.keys() == (LOG_KEY,)
    assert await heads.last() == 1
    assert await records.find("acme", "dec_again") is None


async def test_a_head_is_signed_when_it_is_due_and_only_if_the_log_grew(
    heads: HeadStore, records: RecordStore, clock: ManualClock
) -> None:
    sink = Sink()
    one = keeper(heads, clock, anchors=(sink,), every_rows=10)

    await one.work()
    assert await heads.last() == 0
    await append(records, 1, 3)
    await one.work()
    assert await heads.newest() is None

    clock.advance(3600)
    await one.work()
    newest = await heads.newest()
    assert newest is not None
    assert newest.head.size == 4
    assert is_signed(SIGNER.public_key, head_statement(newest.head), newest.signature)

    await append(records, 4, 12, at_ms=clock.now_ms())
    await one.work()
    assert sink.sizes() == [4]
    await append(records, 13, 13, at_ms=clock.now_ms())
    await one.work()
    clock.advance(7200)
    await one.work()
    assert sink.sizes() == [4, 14]


async def test_an_anchor_that_was_away_gets_the_newest_head(
    heads: HeadStore, records: RecordStore, clock: ManualClock
) -> None:
    near, far = Sink(), Sink()
    far.away = True
    one = keeper(heads, clock, anchors=(near, far), every_rows=1)

    await append(records, 1, 2)
    await one.work()
    await append(records, 3, 3)
    await one.work()
    far.away = False
    await one.work()
    await one.work()

    assert (near.sizes(), far.sizes()) == ([3, 4], [4])


async def test_a_rotation_is_an_event_and_leads_from_key_to_key(
    heads: HeadStore, records: RecordStore, clock: ManualClock
) -> None:
    await append(records, 1, 2)
    one = keeper(heads, clock)
    await one.sign()

    await one.rotate(FORGER, who="maya", why="it is a year old")
    signed = await one.sign()

    assert signed is not None
    assert (signed.head.key_id, signed.head.size) == (FORGER.key_id, 4)
    keys = await heads.keys()
    both = {SIGNER.key_id: SIGNER.public_key, FORGER.key_id: FORGER.public_key}
    assert trusted_keys([SIGNER.public_key], keys) == both
    assert trusted_keys([FORGER.public_key], keys) == both
    unsigned = [replace(key, accepted=None) for key in keys]
    assert trusted_keys([SIGNER.public_key], unsigned) == {SIGNER.key_id: SIGNER.public_key}
    told = [event.audit for event in await events(heads, records)]
    assert [
        (one.change, one.who, one.why, one.key_id, one.signed_by) for one in told if one is not None
    ] == [
        (AuditChange.KEYS_CHANGED, "mcp-router", "the first key", SIGNER.key_id, None),
        (AuditChange.KEYS_CHANGED, "maya", "it is a year old", FORGER.key_id, SIGNER.key_id),
    ]


async def test_pruning_keeps_heads_and_goes_on_in_the_same_chain(
    heads: HeadStore, records: RecordStore, clock: ManualClock
) -> None:
    one = keeper(heads, clock)
    await append(records, 1, 4)
    first = await one.sign()
    assert first is not None
    clock.advance(86_400)
    await append(records, 6, 8, at_ms=clock.now_ms())

    assert await one.prune(NOON_MS, who="maya", why="too early") == 0
    pruned = await one.prune(clock.now_ms(), who="maya", why="after 400 days")
    assert await one.prune(clock.now_ms(), who="maya", why="again") == 0

    rows = await heads.rows(0, 100)
    assert pruned == 5
    assert [row.seq for row in rows] == [6, 7, 8, 9]
    assert rows[0].chain == next_link(bytes.fromhex(first.head.chain), rows[0].leaf)
    [event] = [one.audit for one in await events(heads, records)]
    assert event is not None
    assert (event.change, event.who, event.size) == (AuditChange.LOG_PRUNED, "maya", 5)
    assert await records.append(record("after")) == 10
    signed = await one.sign()
    assert signed is not None
    assert signed.head.size == 10


async def test_what_is_left_of_an_interrupted_pruning_is_deleted_by_the_next(
    heads: HeadStore, records: RecordStore, clock: ManualClock
) -> None:
    one = keeper(heads, clock)
    await append(records, 1, 4)
    first = await one.sign()
    assert first is not None
    await heads.prune(first, record("pruned"))
    assert await heads.sweep(2) == 2

    assert await one.prune(NOON_MS, who="maya", why="") == 3
    assert [row.seq for row in await heads.rows(0, 9)] == [6]


async def test_what_was_pruned_already_is_not_pruned_again(
    heads: HeadStore, records: RecordStore, clock: ManualClock
) -> None:
    one = keeper(heads, clock)
    await append(records, 1, 2)
    first = await one.sign()
    await append(records, 4, 5)
    second = await one.sign()
    assert first is not None
    assert second is not None
    await heads.prune(second, record("pruned"))

    for late in (first, second):
        await heads.prune(late, record("late"))

    assert await records.find("acme", "dec_late") is None
    assert await heads.last() == 6
