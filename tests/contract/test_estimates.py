"""What every store of estimates promises, the fakes included."""

import asyncio

import pytest

from mcp_router.domain.learning import MEMORY, Estimate, Learned, Lesson, LessonKind
from mcp_router.testing.clock import NOON_MS
from tests.contract.opened import Opened


def lesson(
    decision: str = "1",
    *,
    policy: str = "support",
    intent: str | None = "refund",
    target: str = "small",
    kind: LessonKind = LessonKind.SERVED,
    reward: float = 1.0,
    weight: float = 1.0,
) -> Lesson:
    return Lesson(
        decision_id=f"dec_{decision}",
        policy=policy,
        intent=intent,
        target=target,
        kind=kind,
        reward=reward,
        weight=weight,
    )


async def learn(store: Opened, *lessons: Lesson) -> tuple[bool, ...]:
    return await store.estimates.learn(lessons, NOON_MS)


def learned(
    successes: float,
    failures: float,
    *,
    policy: str = "support",
    intent: str | None = "refund",
    target: str = "small",
) -> Learned:
    estimate = Estimate(successes=successes, failures=failures)
    return Learned(policy=policy, intent=intent, target=target, estimate=estimate)


async def test_nothing_is_known_at_first(store: Opened) -> None:
    assert await store.estimates.learned() == ()


async def test_a_lesson_adds_its_reward_and_what_is_missing_of_it(store: Opened) -> None:
    assert await learn(store, lesson("1", reward=0.75)) == (True,)
    assert await learn(store, lesson("2", reward=0.25, weight=4.0)) == (True,)

    assert await store.estimates.learned() == (learned(2.75, 4.25),)


async def test_lessons_learned_together_add_up(store: Opened) -> None:
    assert await learn(store, lesson("1", reward=0.75), lesson("2", reward=0.5)) == (True, True)

    assert await store.estimates.learned() == (learned(2.25, 1.75),)


async def test_each_kind_counts_once_for_a_decision_and_a_target(store: Opened) -> None:
    assert await learn(store, lesson(), lesson(reward=0.0)) == (True, False)
    assert await learn(store, lesson(reward=0.0)) == (False,)
    assert await learn(
        store,
        lesson(kind=LessonKind.CSAT),
        lesson(target="large"),
        lesson("2"),
        lesson(kind=LessonKind.CSAT),
    ) == (True, True, True, False)

    assert await store.estimates.learned() == (
        learned(2.0, 1.0, target="large"),
        learned(4.0, 1.0),
    )


async def test_policies_intents_and_targets_are_kept_apart_and_in_order(store: Opened) -> None:
    await learn(
        store,
        lesson("1", policy="b"),
        lesson("2", policy="a", intent="z"),
        lesson("3", policy="a", intent=None),
        lesson("4", policy="B"),
        lesson("5", policy="a", intent="Z", target="b-1"),
        lesson("6", policy="a", intent="Z", target="b_1"),
    )

    assert await store.estimates.learned() == (
        learned(2.0, 1.0, policy="B"),
        learned(2.0, 1.0, policy="a", intent=None),
        learned(2.0, 1.0, policy="a", intent="Z", target="b-1"),
        learned(2.0, 1.0, policy="a", intent="Z", target="b_1"),
        learned(2.0, 1.0, policy="a", intent="z"),
        learned(2.0, 1.0, policy="b"),
    )


async def test_what_was_learned_fades_as_an_estimate_says(store: Opened) -> None:
    expected = Estimate()

    for n, (reward, weight) in enumerate([(0.9, 1_500.0), (0.1, 900.0), (0.3, 1.0)]):
        await learn(store, lesson(str(n), reward=reward, weight=weight))
        expected = expected.after(weight * reward, weight * (1 - reward))

    [found] = await store.estimates.learned()

    assert found.estimate.successes == pytest.approx(expected.successes, rel=1e-12)
    assert found.estimate.failures == pytest.approx(expected.failures, rel=1e-12)
    assert found.estimate.successes + found.estimate.failures == pytest.approx(MEMORY + 2)


async def test_a_lesson_without_weight_is_counted_and_changes_nothing(store: Opened) -> None:
    assert await learn(store, lesson("1", weight=0.0)) == (True,)
    assert await learn(store, lesson("1")) == (False,)

    assert await store.estimates.learned() in ((), (learned(1.0, 1.0),))


async def test_no_lessons_are_none(store: Opened) -> None:
    assert await learn(store) == ()


async def test_lessons_of_many_callers_all_count(store: Opened) -> None:
    places = [("small", "refund"), ("large", "refund"), ("small", "order")]

    async def call(n: int) -> tuple[bool, ...]:
        mine = [lesson(str(n), target=target, intent=intent) for target, intent in places]
        return await learn(store, *(mine if n % 2 else mine[::-1]))

    counted = await asyncio.gather(*map(call, range(30)))
    again = await asyncio.gather(*map(call, range(30)))

    # `small` has two intents in one decision here, of which the first one counts.
    assert [sum(one) for one in counted] == [2] * 30
    assert [sum(one) for one in again] == [0] * 30
    assert await store.estimates.learned() == (
        learned(16.0, 1.0, intent="order"),
        learned(31.0, 1.0, target="large"),
        learned(16.0, 1.0),
    )
