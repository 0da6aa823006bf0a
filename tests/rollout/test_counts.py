"""What is counted of a rollout, and what a guard does by itself."""

import logging
from dataclasses import replace

import pytest

from mcp_router.domain.record import Record
from mcp_router.domain.rollout import Arm, ArmTally, Bucket, PolicyChange, PolicyEvent, PolicyStage
from mcp_router.errors import StorageUnavailable
from tests.rollout.world import GUARDS, World, call, load, wish
from tests.storage.rows import record


async def test_calls_of_both_arms_are_counted_over_all_processes(world: World) -> None:
    stages, other = await world.rolled_out(), world.stages()
    await other.refresh()
    stages.observe(call(Arm.STABLE))
    stages.observe(call(Arm.CANDIDATE, outcome="error", error_code="targets_exhausted"))
    stages.observe(call(Arm.CANDIDATE, outcome="escalated", latency_ms=1_201))
    other.observe(call(Arm.CANDIDATE, outcome="incomplete", cost_microusd=7))
    other.observe(call(Arm.CANDIDATE, latency_ms=1_200))
    await stages.refresh()
    await other.refresh()

    standing = await world.stages().standing("support")

    assert standing.tallies == (
        ArmTally(arm=Arm.STABLE, calls=1, ok=1, cost_microusd=100, cost_squares=10_000),
        ArmTally(arm=Arm.CANDIDATE, calls=4, ok=2, slow=1, cost_microusd=307, cost_squares=30_049),
    )
    assert [one.record.event.change for one in standing.events if one.record.event] == [
        PolicyChange.ROLLED_OUT,
        PolicyChange.RELEASED,
    ]


async def test_what_was_counted_last_is_kept_when_its_process_ends(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    stages = await world.rolled_out()
    stages.observe(call(Arm.CANDIDATE))
    await stages.aclose()

    standing = await world.stages().standing("support")

    assert [one.calls for one in standing.tallies] == [0, 1]

    stages.observe(call(Arm.CANDIDATE))
    world.store.broken = True
    await stages.aclose()
    assert "some calls of rollouts are not counted" in caplog.text


@pytest.mark.parametrize(
    "uncounted",
    [
        call(None),
        call(Arm.CANDIDATE, version=5),
        call(Arm.STABLE, version=2),
        call(Arm.CANDIDATE, tool="lookup_ticket"),
        call(Arm.CANDIDATE, outcome="cancelled"),
        call(Arm.CANDIDATE, outcome="error", error_code="invalid_arguments"),
        call(Arm.CANDIDATE, outcome="error", error_code="missing_scope"),
        call(Arm.CANDIDATE, outcome="error", error_code="budget_exceeded"),
        call(Arm.CANDIDATE, outcome="error", error_code="storage_unavailable"),
        record(),
    ],
)
async def test_what_says_nothing_about_a_policy_is_not_counted(
    world: World, uncounted: Record
) -> None:
    stages = await world.rolled_out()
    stages.observe(uncounted)
    await stages.refresh()

    standing = await stages.standing("support")
    assert [one.calls for one in standing.tallies] == [0, 0]


async def test_without_a_rollout_nothing_is_counted(world: World) -> None:
    stages = world.stages()
    stages.observe(call(Arm.STABLE))
    await stages.refresh()

    assert (await stages.standing("support")).tallies == ()


async def test_counts_wait_for_a_store_that_is_away(world: World) -> None:
    stages = await world.rolled_out()
    stages.observe(call(Arm.CANDIDATE))
    world.store.broken = True

    with pytest.raises(StorageUnavailable):
        await stages.refresh()

    world.store.broken = False
    stages.observe(call(Arm.CANDIDATE))
    await stages.refresh()
    assert [one.calls for one in (await stages.standing("support")).tallies] == [0, 2]


# --- Guards


async def test_a_broken_guard_rolls_back_by_itself_and_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    stages, other = await world.rolled_out(), world.stages()
    await other.refresh()

    for _ in range(6):
        stages.observe(call(Arm.CANDIDATE, outcome="error", error_code="targets_exhausted"))
        other.observe(call(Arm.CANDIDATE, outcome="error", error_code="targets_exhausted"))

    await stages.refresh()
    assert (await stages.standing("support")).tallies != ()

    with caplog.at_level(logging.CRITICAL):
        await other.refresh()  # six of each: only together are they enough

    assert other.stage("support") == PolicyStage(name="support", stable=3, revision=2)
    await stages.refresh()
    assert stages.stage("support") == other.stage("support")
    told = "12 of 12 calls failed (evidence over a million, 300 suffices)"
    events = await world.events()
    assert events[-1] == PolicyEvent(
        change=PolicyChange.ROLLED_BACK,
        policy="support@4",
        who="guard",
        why="the guard success>=0.99 is broken",
        before="support@3",
        serving="support@3",
        percent=5,
        by=Bucket.CUSTOMER,
        guards=GUARDS,
        evidence=told,
    )
    assert [one.getMessage() for one in caplog.records] == [
        f"support@4 was rolled back: the guard success>=0.99 is broken, {told}"
    ]
    assert [event.change for event in events].count(PolicyChange.ROLLED_BACK) == 1


async def test_without_guards_a_rollout_goes_on_whatever_happens(world: World) -> None:
    stages = world.stages()
    await stages.roll_out(replace(wish(), guards=()), who="maya", why="")

    for _ in range(50):
        stages.observe(call(Arm.CANDIDATE, outcome="error", error_code="targets_exhausted"))

    await stages.refresh()
    assert stages.stage("support") is not None
    assert [one.ok for one in (await stages.standing("support")).tallies] == [0, 0]


async def test_a_new_rollout_of_the_same_version_begins_with_no_counts(world: World) -> None:
    stages = await world.rolled_out()
    stages.observe(call(Arm.CANDIDATE))
    await stages.refresh()
    await stages.roll_back("support", load=load, who="maya", why="")
    world.clock.advance(1)
    await stages.roll_out(wish(), who="maya", why="")

    assert [one.calls for one in (await stages.standing("support")).tallies] == [0, 0]
