"""Exactly one record for every call, on disk before its answer leaves, however the call ends."""

import asyncio
from dataclasses import replace

import anyio
import pytest

from mcp_router.audit.log import MOST_OWED, DecisionLog, Draft
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.call import Call
from mcp_router.domain.caller import trusted_caller
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.errors import (
    InvalidArguments,
    NoTarget,
    StorageUnavailable,
    UnknownDecision,
)
from mcp_router.testing.clock import NOON_MS, ManualClock
from mcp_router.testing.stores import MemoryRecords

CALL = Call(
    call_id="dec_1",
    tool="lookup_ticket",
    caller=trusted_caller("stdio"),
    received_ms=NOON_MS,
    client="tests",
    run_id="run-1",
)


def ended(outcome: str, *, latency_ms: int = 0, error_code: str | None = None) -> Record:
    return Record(
        decision_id="dec_1",
        at_ms=NOON_MS,
        tenant="local",
        principal="stdio",
        transport="stdio",
        tool="lookup_ticket",
        outcome=outcome,
        latency_ms=latency_ms,
        client="tests",
        run_id="run-1",
        error_code=error_code,
    )


class Bench:
    def __init__(self) -> None:
        self.store = MemoryRecords()
        self.clock = ManualClock()
        self.observed: list[Record] = []
        self.log = DecisionLog(self.store, self.clock, (self.observed.append,))


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_walk_that_answers_leaves_its_record_first(bench: Bench) -> None:
    async with bench.log.record(CALL):
        bench.clock.advance(0.0426)
        before = bench.store.records

    assert before == ()
    assert bench.store.records == (ended("ok", latency_ms=43),)
    assert bench.observed == list(bench.store.records)


async def test_a_record_holds_what_the_walk_has_learned(bench: Bench) -> None:
    attempt = Attempt(
        target="a",
        evidence=Evidence.APPLIED,
        reason=Reason.OK,
        latency_ms=1,
        cost_microusd=30,
    )

    async with bench.log.record(CALL) as draft:
        draft.attempted(attempt)
        draft.attempted(attempt)
        draft.target, draft.ticket_id, draft.outcome = "a", "7", "succeeded"

    (record,) = bench.store.records
    assert record.attempts == (attempt, attempt)
    assert (record.cost_microusd, record.target, record.ticket_id) == (60, "a", "7")
    assert record.outcome == "succeeded"


async def test_an_attempt_tells_when_it_began_within_its_call(bench: Bench) -> None:
    attempt = Attempt(target="a", evidence=Evidence.APPLIED, reason=Reason.OK, latency_ms=40)

    async with bench.log.record(CALL) as draft:
        bench.clock.advance(0.050)
        draft.attempted(attempt)
        bench.clock.advance(0.100)
        draft.attempted(attempt)

    (record,) = bench.store.records
    assert [one.started_ms for one in record.attempts] == [10, 110]
    assert record.latency_ms == 150


@pytest.mark.parametrize(
    ("error", "code"),
    [(NoTarget("none"), "no_target"), (ValueError("secret"), "internal_error")],
)
async def test_a_walk_that_fails_leaves_its_record_and_its_own_error(
    bench: Bench, error: Exception, code: str
) -> None:
    with pytest.raises(type(error)) as caught:
        async with bench.log.record(CALL):
            raise error

    assert caught.value is error
    assert bench.store.records == (ended("error", error_code=code),)


async def test_a_cancelled_walk_leaves_its_record(bench: Bench) -> None:
    with anyio.CancelScope() as scope:
        async with bench.log.record(CALL):
            scope.cancel()
            await anyio.sleep(1)

    assert scope.cancelled_caught
    assert bench.store.records == (ended("cancelled"),)


async def test_a_task_cancelled_from_outside_leaves_its_record(bench: Bench) -> None:
    started = asyncio.Event()

    async def walk() -> None:
        async with bench.log.record(CALL):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(walk())
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert bench.store.records == (ended("cancelled"),)


async def test_a_host_that_leaves_while_the_record_is_written_does_not_stop_it(
    bench: Bench,
) -> None:
    with anyio.CancelScope() as scope:
        async with bench.log.record(CALL):
            scope.cancel()  # the next wait is the store's, which goes on

        await anyio.sleep(1)
        raise AssertionError("the cancellation was lost")

    assert bench.store.records == (ended("ok"),)


async def test_without_its_record_an_answer_does_not_leave(bench: Bench) -> None:
    bench.store.broken = True

    with pytest.raises(StorageUnavailable):
        async with bench.log.record(CALL):
            pass

    assert bench.store.records == ()
    assert bench.observed == []


async def test_what_failed_while_the_store_was_away_is_recorded_when_it_is_back(
    bench: Bench,
) -> None:
    bench.store.broken = True

    with pytest.raises(NoTarget):
        async with bench.log.record(CALL):
            raise NoTarget("none")

    assert not bench.store.records
    bench.store.broken = False
    await bench.log.catch_up()

    assert bench.store.records == (ended("error", error_code="no_target"),)


async def test_a_read_goes_on_without_the_store_and_its_record_comes_before_the_next(
    bench: Bench,
) -> None:
    bench.store.broken = True

    async with bench.log.record(CALL, may_owe=True):
        pass

    async with bench.log.record(replace(CALL, call_id="dec_2"), may_owe=True):
        pass

    assert not bench.store.records
    bench.store.broken = False

    async with bench.log.record(replace(CALL, call_id="dec_3")):
        pass

    assert [one.decision_id for one in bench.store.records] == ["dec_1", "dec_2", "dec_3"]
    assert len(bench.observed) == 3


async def test_an_owed_record_that_was_kept_after_all_is_not_kept_twice(bench: Bench) -> None:
    bench.store.broken = True

    async with bench.log.record(CALL, may_owe=True):
        pass

    bench.store.broken = False
    await bench.store.append(ended("ok"))
    await bench.log.catch_up()

    assert bench.store.records == (ended("ok"),)


async def test_reads_stop_as_well_when_too_many_records_are_owed(bench: Bench) -> None:
    bench.store.broken = True

    for n in range(MOST_OWED):
        async with bench.log.record(replace(CALL, call_id=f"dec_{n}"), may_owe=True):
            pass

    with pytest.raises(StorageUnavailable):
        async with bench.log.record(replace(CALL, call_id="dec_late"), may_owe=True):
            pass


async def test_a_process_that_ends_without_its_store_says_how_much_is_lost(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.store.broken = True

    async with bench.log.record(CALL, may_owe=True):
        pass

    await bench.log.aclose()

    assert caplog.messages[-1].startswith("1 records of reads and refusals are lost")


async def test_a_call_that_was_refused_before_any_walk_leaves_its_record(bench: Bench) -> None:
    await bench.log.refuse(CALL, InvalidArguments("limit: too large"))

    assert bench.store.records == (ended("error", error_code="invalid_arguments"),)


async def test_records_of_concurrent_calls_do_not_mix(bench: Bench) -> None:
    async def walk(n: int) -> None:
        call = Call(
            call_id=f"dec_{n}", tool="t", caller=trusted_caller("stdio"), received_ms=NOON_MS
        )

        async with bench.log.record(call) as draft:
            await bench.clock.sleep(0)
            draft.ticket_id = str(n)

    await asyncio.gather(*(walk(n) for n in range(20)))

    assert sorted((one.decision_id, one.ticket_id) for one in bench.store.records) == sorted(
        (f"dec_{n}", str(n)) for n in range(20)
    )


async def test_a_decision_is_found_by_its_own_tenant_alone(bench: Bench) -> None:
    async with bench.log.record(CALL):
        pass

    assert await bench.log.find("local", "dec_1") == StoredRecord(seq=1, record=ended("ok"))

    for tenant, decision_id in (("other", "dec_1"), ("local", "dec_2")):
        with pytest.raises(UnknownDecision):
            await bench.log.find(tenant, decision_id)


def test_a_draft_starts_with_nothing_but_its_call() -> None:
    assert Draft(CALL, lambda: 43).record() == ended("ok", latency_ms=43)
