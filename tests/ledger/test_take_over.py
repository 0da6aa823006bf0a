"""What nobody holds, and how a reconciler gets it: once, and only as it was read."""

import asyncio
from dataclasses import replace

import pytest

from mcp_router.domain.action import ActionState, Ref
from tests.ledger.bench import Bench, as_read

REF = Ref(id="4711")
REC = "boot:7:7#rec"


@pytest.mark.parametrize("state", ["sending", "unknown"])
async def test_what_nobody_holds_may_be_taken_over(bench: Bench, state: str) -> None:
    row = await (bench.sending("one") if state == "sending" else bench.unknown("one"))
    bench.end_lease()

    taken = await bench.ledger.take_over(await bench.row(row), REC)

    assert taken is not None
    assert (taken.state, taken.owner, taken.fence) == (ActionState.UNKNOWN, REC, row.fence + 1)


async def test_what_somebody_holds_is_not_taken_over(bench: Bench) -> None:
    row = await bench.sending("one")

    assert await bench.ledger.take_over(row, REC) is None
    assert as_read(await bench.row(row)) == as_read(row)


@pytest.mark.parametrize("state", ["reserved", "needs_human"])
async def test_what_cannot_be_asked_about_is_not_taken_over(bench: Bench, state: str) -> None:
    row = await (bench.reserved("one") if state == "reserved" else bench.needs_human("one"))
    bench.end_lease()

    assert await bench.ledger.take_over(row, REC) is None
    assert as_read(await bench.row(row)) == as_read(row)


async def test_what_has_moved_since_it_was_read_is_not_taken_over(bench: Bench) -> None:
    read = await bench.unknown("one")
    _, taken = await bench.reserve("two")
    await bench.ledger.let_go(taken)

    assert await bench.ledger.take_over(read, REC) is None
    assert await bench.ledger.take_over(await bench.row(read), REC) is not None


async def test_of_many_that_take_over_at_once_one_gets_it(bench: Bench) -> None:
    row = await bench.unknown("one")

    got = await asyncio.gather(*(bench.ledger.take_over(row, f"boot:{n}:7#rec") for n in range(16)))

    assert len([one for one in got if one is not None]) == 1


async def test_what_rests_is_not_offered_and_rests_twice_as_long_each_time(bench: Bench) -> None:
    row = await bench.unknown("one")
    offered: list[float] = []

    for _ in range(90):
        for found in await bench.ledger.unsettled("zendesk", limit=10, pause_ms=1000):
            offered.append(bench.clock.monotonic_s())
            taken = await bench.ledger.take_over(found, REC)
            assert taken is not None
            await bench.ledger.let_go(taken)

        bench.clock.advance(1)

    assert row.fence == 1
    assert offered == [1.0, 3.0, 7.0, 15.0, 31.0, 63.0]


async def test_the_longest_untouched_is_offered_first_and_no_more_than_asked_for(
    bench: Bench,
) -> None:
    names = ["c", "a", "b"]

    for name in names:
        _, row = await bench.ledger.reserve(bench.wanted(name, key=name))
        lost = await bench.ledger.lost(await bench.send(row), "outcome_unknown")
        await bench.ledger.let_go(lost)
        bench.clock.advance(1)

    found = await bench.ledger.unsettled("zendesk", limit=2, pause_ms=0)

    assert [row.key for row in found] == ["c", "a"]
    assert await bench.ledger.unsettled("salesforce", limit=2, pause_ms=0) == ()


async def test_what_is_open_is_counted_and_what_is_decided_is_not(bench: Bench) -> None:
    for number, state in enumerate(("sending", "unknown", "unknown", "needs_human", "reserved")):
        _, row = await bench.ledger.reserve(bench.wanted(str(number), key=str(number)))

        if state == "reserved":
            continue

        row = await bench.send(row)

        if state != "sending":
            row = await bench.ledger.lost(row, "outcome_unknown")

        if state == "needs_human":
            await bench.ledger.handed_over(row)

    assert await bench.ledger.counts() == (
        ("zendesk", ActionState.NEEDS_HUMAN, 1),
        ("zendesk", ActionState.SENDING, 1),
        ("zendesk", ActionState.UNKNOWN, 2),
    )


async def test_a_tombstone_keeps_what_was_done_and_forgets_the_words(bench: Bench) -> None:
    row = await bench.sending("one")
    bench.end_lease()
    _, taken = await bench.reserve("two")
    done = await bench.ledger.witnessed(row, ref=REF)
    assert done is not None
    assert taken.key == done.key
    bench.clock.advance(100)
    assert await bench.ledger.expire(older_than_s=101, limit=5) == 0

    bench.clock.advance(1)
    assert await bench.ledger.expire(older_than_s=101, limit=5) == 1

    after = await bench.row(row)
    assert as_read(after) == as_read(
        replace(
            done,
            state=ActionState.EXPIRED,
            arguments_json="",
            write_json="",
            answer_json=None,
            updated_ms=after.updated_ms,
        )
    )
    assert await bench.ledger.expire(older_than_s=0, limit=5) == 0
