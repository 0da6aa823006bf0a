"""The board: what calls see, and what the processes of one store tell each other."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from mcp_router.domain.attempt import Reason
from mcp_router.domain.health import UNKNOWN_HEALTH, Breaker, BreakerState, TargetHealth
from mcp_router.health.board import HealthBoard
from mcp_router.health.breaker import BreakerPace
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.health import MemoryHealth
from tests.health.attempts import attempt

TIMEOUT = attempt(Reason.TIMEOUT)


class SeenGauge:
    """Notes what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, bool]] = []

    def breaker(self, target: str, *, is_open: bool) -> None:
        self.shown.append((target, is_open))


@dataclass(frozen=True, kw_only=True)
class World:
    """A store and a clock that several boards share."""

    clock: ManualClock = field(default_factory=ManualClock)
    store: MemoryHealth = field(default_factory=MemoryHealth)
    gauge: SeenGauge = field(default_factory=SeenGauge)

    def board(self, process: str = "one") -> HealthBoard:
        return HealthBoard(self.store, self.clock, process=process, gauge=self.gauge)

    async def broken(self) -> HealthBoard:
        """Return a board whose one target has just been left alone."""
        board = self.board()

        for _ in range(5):
            await board.observe(TIMEOUT)

        return board


@pytest.fixture
def world() -> World:
    return World()


# --- Breakers


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


async def test_a_restart_forgets_nothing(world: World) -> None:
    board = await world.broken()
    await board.refresh()
    again = world.board("two")
    await again.refresh()

    assert again.of("haiku") == board.of("haiku")
    assert not await again.admit("haiku")


# --- Statistics


async def test_of_a_target_that_was_never_asked_nothing_is_known(world: World) -> None:
    assert world.board().of("haiku") == UNKNOWN_HEALTH


async def test_all_processes_see_the_last_minutes_of_all(world: World) -> None:
    one, two = world.board("one"), world.board("two")
    await one.observe(attempt(latency_ms=100, cost_microusd=10))
    await two.observe(attempt(latency_ms=100, cost_microusd=30))
    await one.refresh()
    await two.refresh()
    await one.refresh()

    expected = TargetHealth(
        attempts=2, success=1.0, passed=1.0, p50_ms=105, p95_ms=105, cost_microusd=20
    )
    assert one.of("haiku") == two.of("haiku") == expected


async def test_what_is_older_than_the_window_is_not_shown(world: World) -> None:
    board = world.board()
    await board.observe(attempt())
    await board.refresh()

    world.clock.advance(14 * 60)
    await board.refresh()
    assert board.of("haiku").attempts == 1
    world.clock.advance(60)
    await board.refresh()
    assert board.of("haiku").attempts == 0


async def test_a_process_that_tells_late_is_heard_within_a_minute(world: World) -> None:
    one, two = world.board("one"), world.board("two")
    await two.observe(attempt())
    world.clock.advance(180)
    await one.refresh()
    await two.refresh()
    await one.refresh()
    assert one.of("haiku").attempts == 0

    world.clock.advance(60)
    await one.refresh()
    assert one.of("haiku").attempts == 1


async def test_minutes_are_kept_for_two_days(world: World) -> None:
    board = world.board()
    await board.observe(attempt())
    await board.refresh()
    assert len(await world.store.minutes(0)) == 1

    world.clock.advance(2 * 86_400 + 120)
    await board.refresh()
    assert await world.store.minutes(0) == ()


async def test_a_minute_that_another_version_has_kept_is_left_out(world: World) -> None:
    board = world.board("two")
    await board.observe(attempt())
    await board.refresh()
    (row,) = await world.store.minutes(0)
    one = world.board()
    newer = type(row)(target="haiku", minute=row.minute, process="next", tally="9 x")
    await world.store.keep_minutes([newer])

    await one.refresh()

    assert one.of("haiku").attempts == 1


async def test_reading_what_has_not_changed_costs_next_to_nothing(world: World) -> None:
    board = world.board()
    await board.observe(attempt())
    board.of("haiku")

    def read() -> None:
        for _ in range(1000):
            board.of("haiku")

    assert fastest_s(read) < 0.01  # ten times the aim of 1 us each, for a busy machine


def fastest_s(work: Callable[[], None]) -> float:
    """Return the shortest of several runs."""
    times: list[float] = []

    for _ in range(5):
        started_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_s)

    return min(times)


def test_paces_are_documented_defaults() -> None:
    assert BreakerPace() == BreakerPace(
        in_a_row=5,
        share=0.5,
        enough=10,
        window_s=30,
        pause_s=5.0,
        longest_pause_s=60.0,
        longest_limit_s=600.0,
        probe_s=60.0,
    )
