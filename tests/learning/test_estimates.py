"""Estimates follow what outcomes say, in memory at once and on disk for all replicas."""

import logging

import pytest

from mcp_router.domain.attempt import Reason
from mcp_router.domain.learning import Estimate, LessonKind
from mcp_router.errors import StorageUnavailable
from mcp_router.learning.estimates import Estimates
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.estimates import MemoryEstimates
from tests.learning.test_reward import attempt, completion, decided, lesson

GOOD = attempt(latency_ms=0, cost_microusd=0)
LEARNED = Estimate(successes=2.0, failures=1.0)


def opened(store: MemoryEstimates) -> Estimates:
    return Estimates(store, ManualClock())


async def test_nothing_is_known_before_the_first_lesson() -> None:
    assert opened(MemoryEstimates()).of("support", "refund") == {}


async def test_a_lesson_is_known_at_once_and_counts_once() -> None:
    estimates = opened(MemoryEstimates())
    rated = lesson(LessonKind.CSAT, 0.75, weight=4.0)

    assert await estimates.learn(rated) is True
    assert await estimates.learn(rated) is False
    assert estimates.of("support", "refund") == {"small": Estimate(successes=4.0, failures=2.0)}
    assert estimates.of("support", None) == {}
    assert estimates.of("other", "refund") == {}


async def test_a_call_without_an_intent_has_estimates_of_its_own() -> None:
    estimates = opened(MemoryEstimates())
    estimates.observe(completion(GOOD, decision=decided(intent=None)))

    assert estimates.of("support", None) == {"small": LEARNED}
    assert estimates.of("support", "refund") == {}


async def test_what_was_observed_is_known_at_once_and_shared_by_the_next_refresh() -> None:
    store = MemoryEstimates()
    one, other = opened(store), opened(store)
    one.observe(completion(GOOD))

    assert one.of("support", "refund") == {"small": LEARNED}

    await other.refresh()
    assert other.of("support", "refund") == {}

    await one.refresh()
    await one.refresh()
    await other.refresh()

    assert one.of("support", "refund") == other.of("support", "refund") == {"small": LEARNED}


async def test_a_view_stays_as_it_was_and_cannot_be_written() -> None:
    estimates = opened(MemoryEstimates())
    estimates.observe(completion(GOOD))
    await estimates.refresh()
    view = estimates.of("support", "refund")

    with pytest.raises(TypeError):
        view["small"] = Estimate()  # type: ignore[index]  # that it cannot be is what is tested


async def test_what_the_store_has_counted_already_is_not_counted_again() -> None:
    store = MemoryEstimates()
    estimates = opened(store)
    estimates.observe(completion(GOOD))
    estimates.observe(completion(attempt(reason=Reason.TIMEOUT)))  # the same decision

    await estimates.refresh()

    assert estimates.of("support", "refund") == {"small": LEARNED}


async def test_while_the_store_is_away_lessons_wait_and_stay_known() -> None:
    store = MemoryEstimates()
    estimates = opened(store)
    store.broken = True
    estimates.observe(completion(GOOD))

    with pytest.raises(StorageUnavailable):
        await estimates.refresh()

    with pytest.raises(StorageUnavailable):
        await estimates.learn(lesson(LessonKind.CSAT, 1.0))

    assert estimates.of("support", "refund") == {"small": LEARNED}

    store.broken = False
    await estimates.refresh()

    assert [one.estimate for one in await store.learned()] == [LEARNED]


async def test_the_oldest_lessons_are_forgotten_where_too_many_wait() -> None:
    store = MemoryEstimates()
    estimates = Estimates(store, ManualClock(), most_owed=2)

    for target in ("first", "second", "third"):
        estimates.observe(completion(attempt(target, latency_ms=0, cost_microusd=0)))

    await estimates.refresh()

    assert [one.target for one in await store.learned()] == ["second", "third"]


async def test_a_router_that_ends_puts_on_disk_what_it_owes_or_says_how_much_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryEstimates()
    one, other = opened(store), opened(store)
    one.observe(completion(GOOD))
    await one.aclose()

    assert [found.estimate for found in await store.learned()] == [LEARNED]

    store.broken = True
    other.observe(completion(GOOD))

    with caplog.at_level(logging.WARNING):
        await other.aclose()

    assert caplog.messages == ["1 lessons are lost: The store is broken for a test."]
