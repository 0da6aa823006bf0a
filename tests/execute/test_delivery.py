"""The fallback law's column for writes, as a table, counted at the desks."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mcp_router.domain.action import ActionState, Precondition, Strategy
from mcp_router.domain.attempt import Reason
from mcp_router.errors import (
    DeadlineExceeded,
    DeskRejected,
    DeskUnavailable,
    NotFound,
    OutcomeUnknown,
    SendFailed,
    TicketChanged,
)
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.ledger.strategies import NATIVE_KEY_MS, SETTLE_MS
from mcp_router.testing.desks import ScriptedDesk, Step, lost_answer, refusal
from tests.execute.shipping import Dock, Eventful, dock, eventful

NATIVE, UNIQUE, CAS = Strategy.NATIVE_KEY, Strategy.UNIQUE_INDEX, Strategy.CAS_MARKER
PROBE, NONE = Strategy.MARKER_PROBE, Strategy.NONE
SUCCEEDED, FAILED = ActionState.SUCCEEDED, ActionState.FAILED
UNKNOWN, RESERVED = ActionState.UNKNOWN, ActionState.RESERVED
NEEDS_HUMAN = ActionState.NEEDS_HUMAN


# strategy, what happens to each send, the state after ONE call, sends, effects, code told
TABLE: list[tuple[Strategy, list[Step], ActionState, int, int, str | None]] = [
    *((one, [Step.APPLY], SUCCEEDED, 1, 1, None) for one in Strategy),
    *((one, [Step.REFUSE], RESERVED, 1, 0, "desk_unavailable") for one in Strategy),
    *((one, [Step.REJECT], FAILED, 1, 0, "desk_rejected") for one in Strategy),
    # Applied, the answer lost: the desk knows the marker, so nothing is sent again.
    *((one, [Step.APPLY_LOST], SUCCEEDED, 1, 1, None) for one in (NATIVE, UNIQUE, CAS, PROBE)),
    (NONE, [Step.APPLY_LOST], NEEDS_HUMAN, 1, 1, "outcome_unknown"),
    # Lost on the way: sent again only where the desk refuses the second of two itself.
    *((one, [Step.LOST], SUCCEEDED, 2, 1, None) for one in (NATIVE, UNIQUE, CAS)),
    (PROBE, [Step.LOST], UNKNOWN, 1, 0, "outcome_unknown"),
    (NONE, [Step.LOST], NEEDS_HUMAN, 1, 0, "outcome_unknown"),
    # Still under way when the desk is asked: the second send and the late first one are one.
    *((one, [Step.LATE], SUCCEEDED, n, 1, None) for one, n in ((NATIVE, 2), (UNIQUE, 2), (CAS, 2))),
    (PROBE, [Step.LATE], UNKNOWN, 1, 1, "outcome_unknown"),
    (NONE, [Step.LATE], NEEDS_HUMAN, 1, 1, "outcome_unknown"),
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
    # Repeated on its way: the refusal that is heard is that of the copy.
    *((one, [Step.ECHO], SUCCEEDED, 1, 1, None) for one in (NATIVE, UNIQUE, CAS)),
    *((one, [Step.LOST, Step.ECHO], SUCCEEDED, 2, 1, None) for one in (NATIVE, UNIQUE, CAS)),
    # So a 409 counts only once the version has moved and the marker is not there.
    (CAS, [Step.CONFLICT], SUCCEEDED, 2, 1, None),
    *((one, [Step.CONFLICT], FAILED, 1, 0, "ticket_changed") for one in (NATIVE, UNIQUE)),
    # A 409 while the version has not moved may mean that the first is under way: ask once more.
    *(
        (one, [Step.LATE, Step.CONFLICT], SUCCEEDED, 3, 1, None) for one in (NATIVE, UNIQUE, CAS)
    ),
    *(
        (one, [Step.LATE, *[Step.CONFLICT] * 9], UNKNOWN, 3, 1, "outcome_unknown")
        for one in (NATIVE, UNIQUE, CAS)
    ),
    # Lost again and again: a cap for one call; the next one, or the reconciler, goes on.
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


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_after_unknown_no_other_desk_is_asked(strategy: Strategy) -> None:
    first = ScriptedDesk("first", strategy, [Step.LOST] * 99)
    one = Dock(desks=(first, ScriptedDesk("second", strategy)))

    for _ in range(5):
        await one.call()

    assert one.desks[1].sends == one.desks[1].probes == 0
    assert await one.state() is (NEEDS_HUMAN if strategy is NONE else UNKNOWN)


async def test_a_key_that_the_desk_may_have_forgotten_is_not_relied_on() -> None:
    one = dock(NATIVE, *[Step.LOST] * 99)
    await one.call()
    one.clock.advance(NATIVE_KEY_MS / 1000 - 0.001)
    assert (await one.call()).action.state is UNKNOWN
    sends = one.sends()

    one.clock.advance(0.001)
    settled = await one.call()

    assert (settled.action.state, one.sends()) == (NEEDS_HUMAN, sends)
    assert isinstance(settled.error, OutcomeUnknown)


@pytest.mark.parametrize("arrives", [True, False])
async def test_where_only_a_marker_can_be_looked_for_it_is_until_nothing_can_land_any_more(
    arrives: bool,
) -> None:
    one = dock(PROBE, Step.LATE if arrives else Step.LOST, late_after=2)
    await one.call()

    one.clock.advance(SETTLE_MS / 1000 - 0.001)
    assert (await one.call()).action.state is UNKNOWN
    one.clock.advance(0.001)
    settled = await one.call()

    assert settled.action.state is (SUCCEEDED if arrives else NEEDS_HUMAN)
    assert (one.sends(), one.effects()) == ([1], int(arrives))


async def test_the_desks_late_word_is_not_asked_for_once_a_person_decides() -> None:
    one = dock(NONE, Step.APPLY_LOST)
    await one.call()

    settled = await one.call()

    assert (settled.action.state, one.sends(), one.desks[0].probes) == (NEEDS_HUMAN, [1], 0)


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
    one = dock(strategy)
    _, row = await one.ledger.reserve(one.wanted())

    if strategy is CAS:
        stamp = Precondition(stamp="1", settled=True)
        row = await one.ledger.sending(row, target="first", strategy=strategy, precondition=stamp)

    one.desks[0].effects.append(row.marker)
    one.desks[0].unreadable = lost_answer()
    one.clock.advance(LEASE_S)  # its owner died while it was sending

    assert (await one.call()).action.state is UNKNOWN
    one.desks[0].unreadable = None
    settled = await one.call()

    assert (settled.action.state, one.sends(), one.effects()) == (SUCCEEDED, [0], 1)


async def test_what_went_to_a_desk_that_is_gone_stays_unknown() -> None:
    one = dock(NATIVE, Step.LOST, Step.LOST, Step.LOST)
    await one.call()
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


async def test_the_errors_of_refusals_say_what_to_do() -> None:
    told = {}

    for step in (Step.REFUSE, Step.REJECT, Step.CHANGED):
        error = (await dock(CAS, step).call()).error
        assert error is not None
        told[type(error)] = error.retryable

    assert told == {DeskUnavailable: True, DeskRejected: False, TicketChanged: False}
