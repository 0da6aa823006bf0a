"""The fallback law's column for writes, as a table, counted at the desks."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mcp_router.domain.action import ActionState, Precondition, Ref, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import (
    DeadlineExceeded,
    DeskRejected,
    DeskUnavailable,
    LeaseLost,
    LedgerDegraded,
    NotFound,
    OutcomeUnknown,
    SendFailed,
    StorageUnavailable,
    TicketChanged,
)
from mcp_router.ledger.ledger import LEASE_MS
from mcp_router.ledger.strategies import MAX_SENDS, NATIVE_KEY_MS, can_probe, may_resend
from mcp_router.testing.desks import ScriptedDesk, Step, lost_answer, refusal
from tests.execute.shipping import Dock
from tests.storage.rows import action

NATIVE, UNIQUE, CAS = Strategy.NATIVE_KEY, Strategy.UNIQUE_INDEX, Strategy.CAS_MARKER
PROBE, NONE = Strategy.MARKER_PROBE, Strategy.NONE
SUCCEEDED, FAILED = ActionState.SUCCEEDED, ActionState.FAILED
UNKNOWN, RESERVED = ActionState.UNKNOWN, ActionState.RESERVED


def dock(strategy: Strategy, *script: Step, settled: bool = True, late_after: int = 1) -> Dock:
    desk = ScriptedDesk("first", strategy, script, settled=settled, late_after=late_after)
    return Dock(desks=(desk,))


class Eventful(ScriptedDesk):
    """A desk during whose work something happens to the ledger."""

    happens: Callable[[], Awaitable[None]]

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        await self.happens()
        return await super().write(
            write, marker=marker, precondition=precondition, timeout_s=timeout_s
        )


# strategy, what happens to each send, the state after ONE call, sends, effects, code told
TABLE: list[tuple[Strategy, list[Step], ActionState, int, int, str | None]] = [
    *((one, [Step.APPLY], SUCCEEDED, 1, 1, None) for one in Strategy),
    *((one, [Step.REFUSE], RESERVED, 1, 0, "desk_unavailable") for one in Strategy),
    *((one, [Step.REJECT], FAILED, 1, 0, "desk_rejected") for one in Strategy),
    # Applied, the answer lost: the desk knows the marker, so nothing is sent again.
    *((one, [Step.APPLY_LOST], SUCCEEDED, 1, 1, None) for one in (NATIVE, UNIQUE, CAS, PROBE)),
    (NONE, [Step.APPLY_LOST], UNKNOWN, 1, 1, "outcome_unknown"),
    # Lost on the way: sent again only where the desk refuses the second of two itself.
    *((one, [Step.LOST], SUCCEEDED, 2, 1, None) for one in (NATIVE, UNIQUE, CAS)),
    *((one, [Step.LOST], UNKNOWN, 1, 0, "outcome_unknown") for one in (PROBE, NONE)),
    # Still under way when the desk is asked: the second send and the late first one are one.
    *((one, [Step.LATE], SUCCEEDED, n, 1, None) for one, n in ((NATIVE, 2), (UNIQUE, 2), (CAS, 2))),
    *((one, [Step.LATE], UNKNOWN, 1, 1, "outcome_unknown") for one in (PROBE, NONE)),
    # A refusal of the second send proves nothing about the first.
    *(
        (one, [Step.LATE, second], UNKNOWN, 2, 1, "outcome_unknown")
        for one in (NATIVE, UNIQUE, CAS)
        for second in (Step.REFUSE, Step.REJECT)
    ),
    # Another version at the second send: with a precondition the first can never land any more.
    (CAS, [Step.LOST, Step.CHANGED], FAILED, 2, 0, "ticket_changed"),
    (CAS, [Step.LATE, Step.CHANGED], FAILED, 2, 0, "ticket_changed"),
    (CAS, [Step.CHANGED], FAILED, 1, 0, "ticket_changed"),
    # A 409 while the version has not moved may mean that the first is under way.
    *(
        (one, [Step.LATE, Step.CONFLICT], UNKNOWN, 2, 1, "outcome_unknown")
        for one in (NATIVE, UNIQUE, CAS)
    ),
    # Lost again and again: a cap, then a person.
    *((one, [Step.LOST] * 9, UNKNOWN, 3, 0, "outcome_unknown") for one in (NATIVE, UNIQUE, CAS)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "script", "state", "sends", "effects", "code"),
    TABLE,
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
async def test_one_call_ends_as_the_law_says(
    strategy: Strategy,
    script: list[Step],
    state: ActionState,
    sends: int,
    effects: int,
    code: str | None,
) -> None:
    # What is late lands after everything that one call may ask, and before the next one.
    one = dock(strategy, *script, late_after=99)

    settled = await one.call()

    assert settled.action.state is await one.state() is state
    assert one.sends() == [sends]
    assert one.effects() == effects
    assert (settled.error.code if settled.error else None) == code
    assert len(one.attempts) == sends


async def test_a_version_that_could_be_shared_is_never_sent_twice() -> None:
    one = dock(CAS, Step.LATE, settled=False, late_after=99)

    settled = await one.call()

    assert (settled.action.state, one.sends(), one.effects()) == (UNKNOWN, [1], 1)
    assert (await one.call()).action.state is SUCCEEDED  # it has landed meanwhile
    assert one.sends() == [1]


async def test_a_resend_is_based_on_the_version_of_the_first_send() -> None:
    one = dock(CAS, Step.LOST)

    settled = await one.call()

    assert settled.action.precondition == Precondition(stamp="1", settled=True)
    assert [(one.evidence, one.reason) for one in one.attempts] == [
        (Evidence.UNKNOWN, Reason.RESET),
        (Evidence.APPLIED, Reason.OK),
    ]


async def test_a_late_first_send_makes_the_second_one_its_proof() -> None:
    # The first lands just before the second arrives: the second meets another version.
    one = dock(CAS, Step.LATE, late_after=2)

    settled = await one.call()

    assert (settled.action.state, one.sends(), one.effects()) == (SUCCEEDED, [2], 1)


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_after_unknown_no_other_desk_is_asked(strategy: Strategy) -> None:
    first = ScriptedDesk("first", strategy, [Step.LOST] * 9)
    one = Dock(desks=(first, ScriptedDesk("second", strategy)))

    for _ in range(5):
        await one.call()

    assert one.desks[1].sends == one.desks[1].probes == 0
    assert await one.state() is UNKNOWN


@pytest.mark.parametrize("refused", [Step.REFUSE])
async def test_what_the_first_desk_refused_goes_to_the_next(refused: Step) -> None:
    one = Dock(
        desks=(ScriptedDesk("first", NATIVE, [refused]), ScriptedDesk("second", NATIVE)),
    )

    settled = await one.call()

    assert (settled.action.state, settled.action.target) == (SUCCEEDED, "second")
    assert (one.sends(), one.effects()) == ([1, 1], 1)


async def test_the_second_desks_own_strategy_decides_about_its_lost_answer() -> None:
    # The first could be sent to again; the second could not, whatever the first is like.
    late = ScriptedDesk("second", PROBE, [Step.LATE], late_after=99)
    one = Dock(desks=(ScriptedDesk("first", NATIVE, [Step.REFUSE]), late))

    settled = await one.call()

    assert (settled.action.state, settled.action.strategy) == (UNKNOWN, PROBE)
    assert (one.sends(), one.effects()) == ([1, 1], 1)


async def test_nothing_is_sent_where_the_reads_before_it_took_all_the_time() -> None:
    one = dock(NATIVE)
    _, row = await one.ledger.reserve(one.wanted())

    settled = await one.delivery.deliver(
        row, replace(one.shipment(), ends_s=one.clock.monotonic_s())
    )

    assert isinstance(settled.error, DeadlineExceeded)
    assert one.sends() == [0]
    # Nothing was sent, so the key is free: the same call may succeed later.
    assert (await one.call()).action.state is SUCCEEDED
    assert one.effects() == 1


async def test_no_other_desk_is_tried_after_the_deadline() -> None:
    slow = Eventful("first", NATIVE, [Step.REFUSE])
    one = Dock(desks=(slow, ScriptedDesk("second", NATIVE)))
    slow.happens = passing(one, 20)

    settled = await one.call()

    assert (settled.action.state, one.sends()) == (RESERVED, [1, 0])
    assert isinstance(settled.error, DeskUnavailable)


async def test_nothing_is_sent_again_after_the_deadline() -> None:
    one, slow = eventful(NATIVE, Step.LOST)
    slow.happens = passing(one, 20)

    settled = await one.call()

    assert (settled.action.state, one.sends(), slow.probes) == (UNKNOWN, [1], 1)


def passing(one: Dock, seconds: float) -> Callable[[], Awaitable[None]]:
    """Let time pass while a desk works."""

    async def happens() -> None:
        one.clock.advance(seconds)

    return happens


@pytest.mark.parametrize(
    ("unread", "state", "error"),
    [
        (lost_answer(), RESERVED, DeskUnavailable),
        (refusal(Reason.RATE_LIMITED, 429), RESERVED, DeskUnavailable),
        (refusal(Reason.NOT_FOUND, 404), FAILED, NotFound),
        (refusal(Reason.REJECTED, 422), FAILED, DeskRejected),
    ],
)
async def test_a_version_that_cannot_be_read_sends_nothing(
    unread: SendFailed, state: ActionState, error: type[Exception]
) -> None:
    one = dock(CAS)
    one.desks[0].unreadable = unread

    settled = await one.call()

    assert (settled.action.state, type(settled.error)) == (state, error)
    assert (one.sends(), one.attempts) == ([0], [])


@pytest.mark.parametrize("strategy", [NATIVE, UNIQUE, CAS, PROBE])
async def test_a_desk_that_cannot_be_asked_leaves_it_unknown_until_it_can(
    strategy: Strategy,
) -> None:
    one = dock(strategy, Step.APPLY_LOST)
    _, row = await one.ledger.reserve(one.wanted())
    sending = await one.ledger.sending(row, target="first", strategy=strategy, precondition=None)
    one.desks[0].effects.append(sending.marker)
    one.desks[0].unreadable = lost_answer()
    one.clock.advance(LEASE_MS / 1000)  # its owner died while it was sending

    assert (await one.call()).action.state is UNKNOWN
    one.desks[0].unreadable = None
    settled = await one.call()

    assert (settled.action.state, one.sends(), one.effects()) == (SUCCEEDED, [0], 1)


async def test_what_went_to_a_desk_that_is_gone_stays_unknown() -> None:
    one = dock(NATIVE, Step.LOST, Step.LOST, Step.LOST)
    await one.call()
    one.clock.advance(LEASE_MS / 1000)
    _, row = await one.ledger.reserve(one.wanted())

    settled = await one.delivery.reconcile(row, one.shipment(ScriptedDesk("other", NATIVE)))

    assert settled.action.state is UNKNOWN
    assert isinstance(settled.error, OutcomeUnknown)


async def test_a_refused_key_is_free_for_the_same_call_again() -> None:
    one = dock(CAS, Step.REFUSE)
    first = await one.call()
    assert first.error is not None
    assert first.error.retryable

    second = await one.call()

    assert (second.action.state, second.action.attempts) == (SUCCEEDED, 2)
    assert (second.action.action_id, one.sends()) == (first.action.action_id, [2])


def eventful(strategy: Strategy, step: Step) -> tuple[Dock, Eventful]:
    desk = Eventful("first", strategy, [step])
    return Dock(desks=(desk,)), desk


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Step.APPLY, LedgerDegraded),
        (Step.APPLY_LOST, OutcomeUnknown),
        (Step.LOST, OutcomeUnknown),
        (Step.REFUSE, StorageUnavailable),
        (Step.REJECT, StorageUnavailable),
    ],
)
@pytest.mark.parametrize("strategy", list(Strategy))
async def test_a_store_that_breaks_after_the_send_never_says_that_nothing_was_sent(
    strategy: Strategy, step: Step, error: type[Exception]
) -> None:
    one, desk = eventful(strategy, step)

    async def breaks() -> None:
        one.store.broken = True

    desk.happens = breaks

    with pytest.raises(error):
        await one.call()

    one.store.broken = False
    assert await one.state() is ActionState.SENDING  # visible; whoever comes next asks the desk
    assert one.sends() == [1]


async def test_a_store_that_breaks_before_the_send_sends_nothing() -> None:
    one = dock(CAS)
    _, row = await one.ledger.reserve(one.wanted())
    one.store.broken = True

    with pytest.raises(StorageUnavailable):
        await one.delivery.deliver(row, one.shipment())

    assert one.sends() == [0]


@pytest.mark.parametrize("step", [Step.APPLY, Step.LOST, Step.REFUSE, Step.REJECT])
async def test_whoever_lost_the_lease_while_sending_leaves_the_word_to_the_next(
    step: Step,
) -> None:
    one, desk = eventful(CAS, step)

    async def takes_over() -> None:
        one.clock.advance(LEASE_MS / 1000)
        await one.ledger.reserve(one.wanted())

    desk.happens = takes_over

    with pytest.raises(LeaseLost):
        await one.call()

    assert await one.state() is UNKNOWN
    assert desk.sends == 1


@pytest.mark.parametrize("attempts", range(MAX_SENDS + 2))
@pytest.mark.parametrize("settled", [True, False, None])
@pytest.mark.parametrize("strategy", list(Strategy))
def test_what_may_be_sent_again(strategy: Strategy, settled: bool | None, attempts: int) -> None:
    stamp = None if settled is None else Precondition(stamp="s", settled=settled)
    row = replace(action(strategy=strategy), attempts=attempts, precondition=stamp)

    safe = strategy in (NATIVE, UNIQUE) or (strategy is CAS and settled is True)

    assert may_resend(row, row.created_ms) == (safe and attempts < MAX_SENDS)
    assert can_probe(strategy) == (strategy is not NONE)


def test_a_key_of_the_desk_is_relied_on_for_less_than_it_is_kept() -> None:
    row = action(strategy=NATIVE)

    assert may_resend(row, row.created_ms + NATIVE_KEY_MS - 1)
    assert not may_resend(row, row.created_ms + NATIVE_KEY_MS)
    assert not may_resend(row, row.created_ms - 1), "the clock was set back: nobody knows"


async def test_the_errors_of_refusals_say_what_to_do() -> None:
    told = {}

    for step in (Step.REFUSE, Step.REJECT, Step.CHANGED):
        error = (await dock(CAS, step).call()).error
        assert error is not None
        told[type(error)] = error.retryable

    assert told == {DeskUnavailable: True, DeskRejected: False, TicketChanged: False}
