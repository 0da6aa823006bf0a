"""A call that ended while the store was away: nobody's as soon as its process can say so."""

from dataclasses import replace

import pytest

from mcp_router.domain.action import ActionState, Ref
from mcp_router.errors import StorageUnavailable
from mcp_router.ledger.admission import Admission
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryActions
from tests.ledger.bench import Bench, as_read

REF = Ref(id="4711")


@pytest.fixture
def store(bench: Bench) -> MemoryActions:
    assert isinstance(bench.store, MemoryActions)
    return bench.store


@pytest.fixture
def bench() -> Bench:
    clock = ManualClock()
    memory = MemoryActions(clock)
    return Bench(memory, clock, memory.dead)


async def test_the_next_caller_of_the_same_process_need_not_wait(bench: Bench) -> None:
    row = await bench.sending("one")
    assert (await bench.reserve("two"))[0] is Admission.IN_PROGRESS

    bench.ledger.abandon(row)

    admission, taken = await bench.reserve("three")
    assert (admission, taken.state, taken.fence) == (
        Admission.RECONCILE,
        ActionState.UNKNOWN,
        row.fence + 1,
    )


async def test_only_the_call_that_is_over_is_abandoned(bench: Bench) -> None:
    over = await bench.sending("one")
    _, other = await bench.ledger.reserve(bench.wanted("two", key="key-2"))

    bench.ledger.abandon(over)
    await bench.ledger.release_abandoned()

    assert (await bench.row(over)).owner is None
    assert as_read(await bench.row(other)) == as_read(other)


@pytest.mark.parametrize("sent", [True, False])
async def test_it_is_nobodys_once_the_store_is_back(
    bench: Bench, store: MemoryActions, sent: bool
) -> None:
    row = await (bench.sending("one") if sent else bench.reserved("one"))
    store.broken = True
    bench.ledger.abandon(row)

    with pytest.raises(StorageUnavailable):
        await bench.ledger.release_abandoned()

    assert as_read(await bench.row(row)) == as_read(row)
    store.broken = False
    await bench.ledger.release_abandoned()

    after = await bench.row(row)
    assert (after.state, after.owner, after.fence) == (
        ActionState.UNKNOWN if sent else ActionState.RESERVED,
        None,
        row.fence,
    )


async def test_the_reconciler_gets_what_was_sent(bench: Bench) -> None:
    row = await bench.sending("one")
    bench.ledger.abandon(row)
    bench.clock.advance(5)
    assert await bench.ledger.unsettled("zendesk", limit=10, pause_ms=0) == ()

    await bench.ledger.release_abandoned()

    (idle,) = await bench.ledger.unsettled("zendesk", limit=10, pause_ms=0)
    taken = await bench.ledger.take_over(idle, "boot:7:7#rec")
    assert taken is not None
    assert (taken.action_id, taken.owner) == (row.action_id, "boot:7:7#rec")


async def test_what_is_said_once_is_not_said_again(bench: Bench, store: MemoryActions) -> None:
    row = await bench.sending("one")
    bench.ledger.abandon(row)
    await bench.ledger.release_abandoned()
    events = store.events(row.action_id)

    await bench.ledger.release_abandoned()

    assert store.events(row.action_id) == events


async def test_what_another_caller_has_taken_over_stays_its_own(bench: Bench) -> None:
    row = await bench.sending("one")
    bench.ledger.abandon(row)
    _, taken = await bench.reserve("two")

    await bench.ledger.release_abandoned()

    assert as_read(await bench.row(row)) == as_read(taken)


async def test_what_is_decided_stays_decided(bench: Bench) -> None:
    row = await bench.sending("one")
    done = await bench.ledger.succeeded(row, REF)
    bench.ledger.abandon(row)

    await bench.ledger.release_abandoned()

    assert as_read(await bench.row(row)) == as_read(done)


async def test_nothing_is_inserted_that_was_never_there(bench: Bench, store: MemoryActions) -> None:
    wanted = bench.wanted("one")
    store.broken = True

    with pytest.raises(StorageUnavailable):
        await bench.ledger.reserve(wanted)

    bench.ledger.abandon(wanted)
    store.broken = False
    await bench.ledger.release_abandoned()

    assert await store.by_key("acme", "key-1") is None
    assert (await bench.reserve("two"))[0] is Admission.PROCEED


async def test_a_call_that_nobody_owned_is_no_call_to_abandon(bench: Bench) -> None:
    row = await bench.unknown("one")

    bench.ledger.abandon(replace(row, owner=None))
    await bench.ledger.release_abandoned()

    assert as_read(await bench.row(row)) == as_read(row)
    assert (await bench.reserve("two"))[0] is Admission.RECONCILE


async def test_a_reserved_action_that_was_left_was_never_sent_and_says_so(bench: Bench) -> None:
    row = await bench.reserved("one")
    bench.ledger.abandon(row)
    await bench.ledger.release_abandoned()

    after = await bench.row(row)
    admission, again = await bench.reserve("two")

    assert (after.state, after.attempts, after.sent_ago_ms) == (ActionState.RESERVED, 0, None)
    assert after.error_code is None
    assert (admission, again.state) == (Admission.PROCEED, ActionState.RESERVED)


async def test_what_stands_under_a_twin_of_the_key_is_left_as_well(bench: Bench) -> None:
    _, first = await bench.ledger.reserve(bench.wanted("one", key="window-1"))
    await bench.send(first)
    bench.dead.add("one")
    wanted, twins = bench.wanted("two", key="window-2"), ("window-1", "window-3")
    admission, taken = await bench.ledger.reserve(wanted, twins)
    assert (admission, taken.owner) == (Admission.RECONCILE, wanted.owner)

    bench.ledger.abandon(wanted, twins)
    await bench.ledger.release_abandoned()

    after = await bench.row(first)
    assert (after.state, after.owner) == (ActionState.UNKNOWN, None)


async def test_what_a_call_is_sure_not_to_have_sent_is_free_again(bench: Bench) -> None:
    row = await bench.sending("one")

    bench.ledger.abandon(row, unsent=True)
    await bench.ledger.release_abandoned()

    after = await bench.row(row)
    assert (after.state, after.owner) == (ActionState.RESERVED, None)
    assert (await bench.reserve("two"))[0] is Admission.PROCEED


async def test_what_was_taken_over_unheard_stays_unknown_though_nothing_was_sent_again(
    bench: Bench,
) -> None:
    row = await bench.unknown("one")
    bench.dead.add("one")
    _, taken = await bench.reserve("two")
    assert taken.action_id == row.action_id

    bench.ledger.abandon(taken, unsent=True)
    await bench.ledger.release_abandoned()

    after = await bench.row(row)
    assert (after.state, after.owner) == (ActionState.UNKNOWN, None)


async def test_a_commit_that_lands_after_its_connection_broke_is_left_as_well(
    bench: Bench,
) -> None:
    wanted = bench.wanted("one")
    bench.ledger.abandon(wanted, unsent=True)
    await bench.ledger.release_abandoned()

    row = await bench.sending("one")  # the same owner's commit, heard of by nobody
    await bench.ledger.release_abandoned()

    after = await bench.row(row)
    assert (after.state, after.owner) == (ActionState.RESERVED, None)


async def test_a_commit_that_never_landed_is_forgotten_with_its_lease(bench: Bench) -> None:
    bench.ledger.abandon(bench.wanted("one"), unsent=True)
    bench.clock.advance(31)
    await bench.ledger.release_abandoned()

    row = await bench.sending("one")
    await bench.ledger.release_abandoned()

    assert as_read(await bench.row(row)) == as_read(row)
