"""The board's breakers: what calls see, and what the processes of one store tell each other."""

import anyio
import pytest

from mcp_router.domain.attempt import Reason
from mcp_router.domain.health import UNKNOWN_HEALTH, Breaker, BreakerState, TargetHealth
from tests.health.attempts import attempt
from tests.health.worlds import TIMEOUT, World


@pytest.fixture
def world() -> World:
    return World()


async def test_five_failures_in_a_row_leave_a_target_alone(world: World) -> None:
    board = world.board()

    for _ in range(4):
        assert await board.admit("haiku")
        await board.observe(TIMEOUT)

    assert board.of("haiku").breaker is BreakerState.CLOSED
    await board.observe(TIMEOUT)
    assert board.of("haiku").breaker is BreakerState.OPEN
    assert not await board.admit("haiku")
    assert await board.admit("sonnet")
    assert world.gauge.shown == [("haiku", True)]


async def test_other_processes_learn_of_it_from_the_store(world: World) -> None:
    other = world.board("two")
    await world.broken()

    assert await other.admit("haiku")
    await other.refresh()
    assert other.of("haiku").breaker is BreakerState.OPEN
    assert not await other.admit("haiku")


async def test_after_the_pause_exactly_one_call_of_all_processes_probes(world: World) -> None:
    boards = [await world.broken(), world.board("two"), world.board("three")]

    for board in boards[1:]:
        await board.refresh()

    world.clock.advance(5)
    assert [board.of("haiku").breaker for board in boards] == [BreakerState.HALF_OPEN] * 3

    admitted = [await board.admit("haiku") for board in boards for _ in range(2)]

    assert admitted == [True, False, False, False, False, False]
    assert boards[0].of("haiku").breaker is BreakerState.OPEN


async def test_a_probe_that_is_answered_closes_the_breaker_for_all(world: World) -> None:
    board, other = await world.broken(), world.board("two")
    await other.refresh()
    world.clock.advance(5)

    assert await board.admit("haiku")
    world.clock.advance(0.1)
    await board.observe(attempt(latency_ms=100))

    assert board.of("haiku").breaker is BreakerState.CLOSED
    assert await other.admit("haiku")  # it lost the race for the probe, and so saw why
    assert world.gauge.shown == [
        ("haiku", True),
        ("haiku", True),
        ("haiku", False),
        ("haiku", False),
    ]
    # Four more failures are none too many: what was before says nothing about what is now.
    for _ in range(4):
        await board.observe(TIMEOUT)

    assert await board.admit("haiku")


async def test_a_probe_that_fails_doubles_the_pause(world: World) -> None:
    board = await world.broken()
    world.clock.advance(5)
    assert await board.admit("haiku")
    await board.observe(attempt(Reason.TIMEOUT, latency_ms=0))

    world.clock.advance(9.999)
    assert not await board.admit("haiku")
    world.clock.advance(0.001)
    assert await board.admit("haiku")


async def test_a_probe_that_finds_nothing_out_lets_the_next_call_probe(world: World) -> None:
    board = await world.broken()
    world.clock.advance(5)
    assert await board.admit("haiku")
    await board.observe(attempt(Reason.BREAKER_OPEN, latency_ms=0))  # of a call that was not sent
    assert not await board.admit("haiku")

    await board.observe(attempt(Reason.REJECTED, latency_ms=0))

    assert await board.admit("haiku")


async def test_a_call_from_before_the_probe_is_no_news(world: World) -> None:
    board = await world.broken()
    world.clock.advance(5)
    assert await board.admit("haiku")
    world.clock.advance(1)

    await board.observe(attempt(latency_ms=3_000))
    assert board.of("haiku").breaker is BreakerState.OPEN
    await board.observe(attempt(latency_ms=1_000))
    assert board.of("haiku").breaker is BreakerState.CLOSED


async def test_a_probe_that_nobody_hears_of_is_given_up(world: World) -> None:
    board, other = await world.broken(), world.board("two")
    world.clock.advance(5)
    assert await board.admit("haiku")
    await other.refresh()

    world.clock.advance(59)
    assert not await other.admit("haiku")
    world.clock.advance(1)
    assert await other.admit("haiku")
    await board.observe(attempt(latency_ms=60_000))  # its late answer decides nothing any more
    assert not await board.admit("haiku")


async def test_a_target_that_says_when_to_come_back_is_left_alone_until_then(
    world: World,
) -> None:
    board = world.board()
    await board.observe(attempt(Reason.RATE_LIMITED), retry_after_s=17)

    world.clock.advance(16)
    assert not await board.admit("haiku")
    world.clock.advance(1)
    assert await board.admit("haiku")


async def test_a_call_that_is_itself_at_fault_never_opens_a_breaker(world: World) -> None:
    board = world.board()

    for reason in (Reason.REJECTED, Reason.UNAUTHORIZED, Reason.NOT_FOUND, Reason.CHECKS_FAILED):
        for _ in range(20):
            await board.observe(attempt(reason))

    assert await board.admit("haiku")


@pytest.mark.parametrize("verdict", [Reason.TIMEOUT, Reason.INCOMPLETE, Reason.REFUSED])
async def test_what_a_call_cuts_short_says_nothing_of_its_target(
    world: World, verdict: Reason
) -> None:
    board = world.board()

    for _ in range(20):
        await board.observe(attempt(verdict), cut_short=True)

    assert await board.admit("haiku")
    assert board.of("haiku") == UNKNOWN_HEALTH


async def test_a_probe_that_its_call_cuts_short_lets_the_next_call_probe(world: World) -> None:
    board = await world.broken()
    world.clock.advance(5)

    assert await board.admit("haiku")
    await board.observe(attempt(Reason.TIMEOUT, latency_ms=0), cut_short=True)

    assert [await board.admit("haiku") for _ in range(2)] == [True, False]


async def test_a_caller_that_leaves_while_it_takes_the_probe_leaves_it_to_the_next(
    world: World,
) -> None:
    board = await world.broken()
    world.clock.advance(5)

    with anyio.CancelScope() as scope:
        scope.cancel()
        await board.admit("haiku")

    assert scope.cancelled_caught
    assert [await board.admit("haiku") for _ in range(2)] == [True, False]


async def test_without_its_store_the_board_goes_by_its_own_process(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store.broken = True
    board = await world.broken()

    assert not await board.admit("haiku")
    world.clock.advance(5)
    assert await board.admit("haiku")
    assert not await board.admit("haiku")

    caplog.clear()
    await board.refresh()
    await board.refresh()

    assert [record.getMessage() for record in caplog.records] == [
        "health is that of this process alone: The store is broken for a test."
    ]


async def test_what_the_store_has_missed_it_learns_when_it_is_back(world: World) -> None:
    world.store.broken = True
    board = await world.broken()
    world.store.broken = False
    other = world.board("two")

    await board.refresh()
    await other.refresh()

    assert other.of("haiku") == board.of("haiku")
    assert board.of("haiku") == TargetHealth(breaker=BreakerState.OPEN, attempts=5, success=0.0)
    assert await world.store.breaker("haiku") == Breaker(
        target="haiku",
        state=BreakerState.OPEN,
        until_ms=world.clock.now_ms() + 5_000,
        openings=1,
        revision=1,
    )


async def test_a_probe_that_is_taken_before_the_store_has_learned_of_it_closes_nothing(
    world: World,
) -> None:
    world.store.broken = True
    board = await world.broken()
    world.store.broken = False
    world.clock.advance(5)

    admitted = [await board.admit("haiku") for _ in range(2)]
    await board.refresh()

    assert admitted == [True, False]
    assert board.of("haiku").breaker is BreakerState.OPEN
    kept = await world.store.breaker("haiku")
    assert kept is not None
    assert kept.state is BreakerState.HALF_OPEN


async def test_a_probe_that_is_answered_while_the_store_learns_of_it_stays_answered(
    world: World,
) -> None:
    world.store.broken = True
    board = await world.broken()
    world.clock.advance(5)
    assert await board.admit("haiku")
    world.store.broken = False

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(board.refresh)
        tasks.start_soon(board.observe, attempt(latency_ms=0))

    await board.refresh()
    kept = await world.store.breaker("haiku")

    assert await board.admit("haiku")
    assert kept is not None
    assert kept.state is BreakerState.CLOSED


async def test_a_restart_forgets_nothing(world: World) -> None:
    board = await world.broken()
    await board.refresh()
    again = world.board("two")
    await again.refresh()

    assert again.of("haiku") == board.of("haiku")
    assert not await again.admit("haiku")
