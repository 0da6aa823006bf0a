"""The answer is kept with the terminal state, and the truth is kept even where no answer fits."""

from dataclasses import replace

import pytest

from mcp_router.domain.action import Action, ActionState, Ref
from mcp_router.errors import DeskRejected, LeaseLost, StorageUnavailable, TicketChanged
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.answer import Answer, answer_of, kept_answer, write_answer
from mcp_router.testing.clock import NOON_MS, ManualClock
from mcp_router.testing.stores import MemoryActions
from tests.ledger.bench import Bench, as_read
from tests.ledger.wrappers import CrampedActions

REF = Ref(id="4711", url="https://acme.example/tickets/4711")
REFUSED = DeskRejected("The desk refused the request (422).", next_step="Look at the fields.")


def bench_on(kind: type[MemoryActions]) -> Bench:
    clock = ManualClock()
    store = kind(clock)
    return Bench(store, clock, store.dead)


async def test_what_was_applied_is_kept_with_what_it_made(bench: Bench) -> None:
    row = await bench.sending("one")
    bench.clock.advance(2)
    await bench.ledger.succeeded(row, REF)

    _, met = await bench.reserve("two")

    assert kept_answer(met) == Answer(target="zendesk", attempts=1, done_ms=NOON_MS + 2000, ref=REF)


async def test_what_was_refused_is_kept_with_the_reason_and_what_to_do(bench: Bench) -> None:
    await bench.ledger.failed(await bench.sending("one"), REFUSED)

    _, met = await bench.reserve("two")

    assert kept_answer(met) == Answer(
        target="zendesk",
        attempts=1,
        done_ms=NOON_MS,
        code="desk_rejected",
        message="The desk refused the request (422).",
        next="Look at the fields.",
    )


@pytest.mark.parametrize("state", ["reserved", "sending", "unknown", "needs_human"])
async def test_what_is_not_decided_has_no_answer_yet(bench: Bench, state: str) -> None:
    make = {
        "reserved": bench.reserved,
        "sending": bench.sending,
        "unknown": bench.unknown,
        "needs_human": bench.needs_human,
    }

    row = await bench.row(await make[state]("one"))

    assert (row.state, row.answer_json) == (state, None)


async def settle(bench: Bench, row: Action, *, applied: bool) -> Action:
    if applied:
        return await bench.ledger.succeeded(row, REF)

    return await bench.ledger.failed(row, REFUSED)


@pytest.mark.parametrize("applied", [True, False])
async def test_where_no_answer_fits_state_and_reference_are_kept_anyway(applied: bool) -> None:
    bench = bench_on(CrampedActions)
    row = await bench.sending("one")

    settled = await settle(bench, row, applied=applied)

    after = await bench.row(row)
    assert as_read(after) == as_read(settled)
    assert after.answer_json is None
    assert (after.state, after.ref, after.error_code) == (
        (ActionState.SUCCEEDED, REF, None)
        if applied
        else (ActionState.FAILED, None, "desk_rejected")
    )
    admission, met = await bench.reserve("two")
    assert admission is Admission.REPLAY
    assert kept_answer(met) == Answer(
        target="zendesk",
        attempts=1,
        done_ms=NOON_MS,
        ref=REF if applied else None,
        code=None if applied else "desk_rejected",
    )


async def test_where_not_even_a_state_fits_the_row_stays_as_it_was() -> None:
    bench = bench_on(MemoryActions)
    assert isinstance(bench.store, MemoryActions)
    row = await bench.sending("one")
    bench.store.broken = True

    with pytest.raises(StorageUnavailable):
        await bench.ledger.succeeded(row, REF)

    assert as_read(await bench.row(row)) == as_read(row)


async def test_an_answer_is_told_again_in_the_very_same_bytes() -> None:
    answer = Answer(
        target="zendesk",
        attempts=2,
        done_ms=NOON_MS,
        ref=REF,
        code="ticket_changed",
        message="Somebody else was first: é, \U0001f680.",
        next="Read the ticket.",
    )
    text = write_answer(answer)
    row = await bench_on(MemoryActions).sending("one")

    again = kept_answer(replace(row, answer_json=text))

    assert again == answer
    assert write_answer(again) == text


async def test_an_error_that_a_row_only_names_is_told_by_its_code() -> None:
    bench = bench_on(MemoryActions)
    error = TicketChanged("Somebody else changed the ticket first.")
    failed = await bench.ledger.failed(await bench.sending("one"), error)

    assert answer_of(failed).code == answer_of(failed, error).code == "ticket_changed"
    assert answer_of(failed).message is None


async def test_a_slow_sender_still_settles_what_somebody_else_has_taken_over(bench: Bench) -> None:
    slow = await bench.sending("slow")
    bench.end_lease()
    admission, taken = await bench.reserve("quick")
    assert admission is Admission.RECONCILE

    with pytest.raises(LeaseLost):
        await bench.ledger.succeeded(slow, REF)

    settled = await bench.ledger.witnessed(slow, REF)

    assert settled is not None
    after = await bench.row(slow)
    assert (after.state, after.ref, after.owner) == (ActionState.SUCCEEDED, REF, None)
    assert after.fence == taken.fence + 1
    assert kept_answer(after).ref == REF

    with pytest.raises(LeaseLost):  # the other one's word comes too late
        await bench.ledger.handed_over(taken)


@pytest.mark.parametrize("state", ["unknown", "needs_human"])
async def test_a_witness_settles_what_nobody_could_decide(bench: Bench, state: str) -> None:
    slow = await bench.sending("slow")
    bench.end_lease()
    _, taken = await bench.reserve("quick")
    open_row = await (
        bench.ledger.let_go(taken) if state == "unknown" else bench.ledger.handed_over(taken)
    )
    assert open_row.state == state

    settled = await bench.ledger.witnessed(slow, REF)

    assert settled is not None
    assert as_read(await bench.row(slow)) == as_read(settled)
    assert settled.state is ActionState.SUCCEEDED


async def test_a_witness_never_overrides_what_is_decided(bench: Bench) -> None:
    slow = await bench.sending("slow")
    bench.end_lease()
    _, taken = await bench.reserve("quick")
    failed = await bench.ledger.failed(taken, REFUSED)

    assert await bench.ledger.witnessed(slow, REF) is None
    assert as_read(await bench.row(slow)) == as_read(failed)


async def test_a_witness_of_what_was_applied_anyway_leaves_it_as_it_is(bench: Bench) -> None:
    slow = await bench.sending("slow")
    bench.end_lease()
    _, taken = await bench.reserve("quick")
    done = await bench.ledger.succeeded(taken, REF)

    witnessed = await bench.ledger.witnessed(slow, Ref(id="other"))

    assert witnessed is not None
    assert witnessed.ref == REF
    assert as_read(await bench.row(slow)) == as_read(done)


async def test_what_was_never_sent_has_no_witness(bench: Bench) -> None:
    row = await bench.reserved("one")
    sending = await bench.send(row)
    released = await bench.ledger.released(sending, "desk_unavailable")

    assert await bench.ledger.witnessed(sending, REF) is None
    assert as_read(await bench.row(row)) == as_read(released)
