"""A store that breaks, or another caller that takes over, while a write is under way."""

import pytest

from mcp_router.domain.action import ActionState, Ref, Strategy
from mcp_router.errors import (
    DeskRejected,
    LeaseLost,
    LedgerDegraded,
    OutcomeUnknown,
    StorageUnavailable,
)
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.testing.desks import Step
from tests.execute.shipping import Dock, Eventful, dock, eventful

CAS = Strategy.CAS_MARKER
SUCCEEDED, FAILED, UNKNOWN = ActionState.SUCCEEDED, ActionState.FAILED, ActionState.UNKNOWN


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


def overtaken(step: Step) -> tuple[Dock, Eventful]:
    """Return a dock whose first sender is so slow that the next caller takes over meanwhile."""
    one, desk = eventful(CAS, step)

    async def takes_over() -> None:
        one.clock.advance(LEASE_S)
        _, row = await one.ledger.reserve(one.wanted())
        assert (row.state, row.fence) == (UNKNOWN, 2)

    desk.happens = takes_over
    return one, desk


@pytest.mark.parametrize("step", [Step.LOST, Step.REFUSE, Step.REJECT])
async def test_whoever_lost_the_lease_while_sending_leaves_the_word_to_the_next(
    step: Step,
) -> None:
    one, desk = overtaken(step)

    with pytest.raises(LeaseLost):
        await one.call()

    assert await one.state() is UNKNOWN
    assert desk.sends == 1


async def test_a_slow_sender_that_was_overtaken_still_says_that_it_was_applied() -> None:
    one, desk = overtaken(Step.APPLY)

    settled = await one.call()

    assert (settled.action.state, settled.error) == (SUCCEEDED, None)
    row = await one.store.by_key("acme", "key")
    assert row is not None
    assert (row.state, row.fence, row.owner) == (SUCCEEDED, 3, None)
    assert row.ref == Ref(id=f"made-by-{row.marker}")
    assert row.answer_json is not None
    assert (desk.sends, one.effects()) == (1, 1)


async def test_a_witness_never_overrides_what_is_decided() -> None:
    one, desk = eventful(CAS, Step.APPLY)

    async def is_decided() -> None:
        one.clock.advance(LEASE_S)
        _, row = await one.ledger.reserve(one.wanted())
        await one.ledger.failed(row, DeskRejected("A desk that has not told the truth."))

    desk.happens = is_decided

    with pytest.raises(LeaseLost):
        await one.call()

    assert await one.state() is FAILED
