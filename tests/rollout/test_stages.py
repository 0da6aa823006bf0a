"""The life of a policy: what may follow what, who is told, and what a guard does by itself."""

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from mcp_router.domain.decision import ChainLimits, Decision
from mcp_router.domain.policy import Policy
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import (
    Arm,
    ArmTally,
    Bucket,
    PolicyChange,
    PolicyEvent,
    PolicyStage,
    Rollout,
)
from mcp_router.domain.signals import Signals
from mcp_router.errors import (
    InvalidArguments,
    PolicyEdited,
    RolloutRefused,
    StorageUnavailable,
)
from mcp_router.policy.rollout import read_guards
from mcp_router.rollout.stages import Stages, Wish
from mcp_router.testing.clock import NOON_MS, ManualClock
from mcp_router.testing.stages import MemoryStages
from mcp_router.testing.stores import MemoryRecords
from tests.storage.rows import record

GUARDS = read_guards("success>=0.99,p95<=1.2s,cost<=+5%")
NAMES = itertools.count(1)


def counting() -> Callable[[int], bytes]:
    """Return entropy that never repeats itself, over all stages of a test."""
    numbers = itertools.count(next(NAMES) * 1_000_000)
    return lambda size: next(numbers).to_bytes(size, "big")


def policy(version: int, *, digest: str | None = None) -> Policy:
    return Policy(
        name="support",
        version=version,
        owner="support",
        description="A policy.",
        changes="None.",
        digest=digest or f"digest-{version}",
        intents=(),
        pools=(),
    )


@dataclass(frozen=True, kw_only=True)
class World:
    """A store and a clock that several processes share."""

    clock: ManualClock = field(default_factory=ManualClock)
    records: MemoryRecords = field(default_factory=MemoryRecords)

    def __post_init__(self) -> None:
        object.__setattr__(self, "store", MemoryStages(self.records))

    store: MemoryStages = field(init=False)

    def stages(self) -> Stages:
        return Stages(self.store, self.clock, counting())

    async def events(self) -> list[PolicyEvent]:
        return [one.event for one in self.records.records if one.event is not None]

    async def rolled_out(self, *, percent: float = 5) -> Stages:
        stages = self.stages()
        await stages.roll_out(wish(percent=percent), who="maya", why="cheaper")
        return stages


def wish(version: int = 4, *, percent: float = 5, serving: int | None = 3) -> Wish:
    return Wish(candidate=policy(version), serving=serving, percent=percent, guards=GUARDS)


def call(
    arm: Arm | None,
    *,
    version: int | None = None,
    outcome: str = "ok",
    error_code: str | None = None,
    latency_ms: int = 300,
    cost_microusd: int = 100,
    tool: str = "route_completion",
) -> Record:
    served = version or (4 if arm is Arm.CANDIDATE else 3)
    decision = Decision(
        policy=f"support@{served}",
        policy_digest="d",
        rule="r",
        why="w",
        pool="p",
        signals=Signals(tool=tool, tenant="acme"),
        candidates=(),
        rejections=(),
        limits=ChainLimits(
            deadline_s=1, attempt_timeout_s=1, attempts=1, budget_microusd=1, max_output_tokens=1
        ),
        arm=arm,
    )
    return replace(
        record(tool=tool, outcome=outcome, latency_ms=latency_ms),
        decision=decision,
        error_code=error_code,
        cost_microusd=cost_microusd,
    )


@pytest.fixture
def world() -> World:
    return World()


# --- Rolling out


async def test_a_policy_that_was_never_rolled_out_has_no_stage(world: World) -> None:
    stages = world.stages()
    await stages.refresh()

    assert stages.stage("support") is None


async def test_a_candidate_serves_its_share_and_every_process_learns_of_it(world: World) -> None:
    other = world.stages()
    stages = await world.rolled_out()
    await other.refresh()

    assert (
        stages.stage("support")
        == other.stage("support")
        == PolicyStage(
            name="support",
            stable=3,
            rollout=Rollout(
                version=4,
                percent=5,
                by=Bucket.CUSTOMER,
                guards=GUARDS,
                salt="support@4",
                started_ms=NOON_MS,
            ),
            revision=1,
        )
    )


async def test_every_change_is_an_event_with_who_when_and_why(world: World) -> None:
    stages = await world.rolled_out()
    world.clock.advance(60)
    await stages.promote("support", who="noor", why="it held")
    await stages.roll_back("support", who="maya", why="too short answers")

    events = await world.events()
    assert events == [
        PolicyEvent(
            change=PolicyChange.RELEASED,
            policy="support@4",
            who="maya",
            why="used for the first time",
            digest="digest-4",
        ),
        PolicyEvent(
            change=PolicyChange.ROLLED_OUT,
            policy="support@4",
            who="maya",
            why="cheaper",
            digest="digest-4",
            before="support@3",
            percent=5,
            by=Bucket.CUSTOMER,
            guards=GUARDS,
        ),
        PolicyEvent(
            change=PolicyChange.PROMOTED,
            policy="support@4",
            who="noor",
            why="it held",
            before="support@3",
        ),
        PolicyEvent(
            change=PolicyChange.ROLLED_BACK,
            policy="support@4",
            who="maya",
            why="too short answers",
            before="support@4",
        ),
    ]
    last = world.records.records[-1]
    assert (last.principal, last.tool, last.tenant, last.at_ms) == (
        "maya",
        "policy",
        "local",
        NOON_MS + 60_000,
    )
    assert len({one.decision_id for one in world.records.records}) == 4


async def test_more_percent_is_the_same_rollout_and_other_guards_begin_anew(
    world: World,
) -> None:
    stages = await world.rolled_out()
    world.clock.advance(60)

    more = await stages.roll_out(wish(percent=25), who="maya", why="holds")
    assert more.rollout is not None
    assert (more.rollout.percent, more.rollout.started_ms) == (25, NOON_MS)

    other = replace(wish(percent=25), guards=read_guards("success>=0.9"))
    anew = await stages.roll_out(other, who="maya", why="too strict")
    assert anew.rollout is not None
    assert (anew.rollout.started_ms, anew.revision) == (NOON_MS + 60_000, 3)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (wish(3), "That version is stable: it serves everybody already."),
        (wish(5), "Another version is being rolled out; promote it or roll it back."),
    ],
)
async def test_a_rollout_that_does_not_fit_is_refused(
    world: World, wanted: Wish, told: str
) -> None:
    stages = await world.rolled_out()

    with pytest.raises(RolloutRefused) as refused:
        await stages.roll_out(wanted, who="maya", why="")

    assert refused.value.message == told
    assert len(await world.events()) == 2


async def test_a_first_version_has_nothing_to_be_compared_with(world: World) -> None:
    with pytest.raises(RolloutRefused):
        await world.stages().roll_out(wish(serving=None), who="maya", why="")


@pytest.mark.parametrize("percent", [0, -1, 100.5, float("nan")])
async def test_a_percentage_is_more_than_nothing_and_at_most_all(
    world: World, percent: float
) -> None:
    with pytest.raises(InvalidArguments):
        await world.stages().roll_out(wish(percent=percent), who="maya", why="")


# --- Promoting and rolling back


async def test_a_promoted_candidate_serves_everybody(world: World) -> None:
    stages = await world.rolled_out()

    assert await stages.promote("support", who="maya", why="") == PolicyStage(
        name="support", stable=4, previous=3, revision=2
    )


async def test_a_roll_back_ends_a_rollout_and_else_goes_one_version_back(world: World) -> None:
    stages = await world.rolled_out()
    ended = await stages.roll_back("support", who="maya", why="")
    assert ended == PolicyStage(name="support", stable=3, revision=2)

    await stages.roll_out(wish(), who="maya", why="")
    await stages.promote("support", who="maya", why="")
    back = await stages.roll_back("support", who="maya", why="")
    assert back == PolicyStage(name="support", stable=3, revision=5)

    with pytest.raises(RolloutRefused):
        await stages.roll_back("support", who="maya", why="")


async def test_what_was_never_rolled_out_can_neither_be_promoted_nor_rolled_back(
    world: World,
) -> None:
    for change in (world.stages().promote, world.stages().roll_back):
        with pytest.raises(RolloutRefused):
            await change("support", who="maya", why="")


async def test_of_two_changes_at_once_the_second_is_refused(world: World) -> None:
    stages = await world.rolled_out()
    await stages.refresh()
    stale = stages.stage("support")
    assert stale is not None
    await world.stages().promote("support", who="noor", why="")

    assert not await world.store.change(stale, replace(stale, revision=2), record("late"))


# --- Released versions


async def test_a_version_that_was_used_is_never_edited(world: World) -> None:
    stages = world.stages()
    await stages.released(policy(4), who="server")
    await stages.released(policy(4), who="server")
    await world.stages().released(policy(4), who="server")

    for edited in (stages, world.stages()):
        with pytest.raises(PolicyEdited):
            await edited.released(policy(4, digest="other"), who="server")

    assert len(await world.events()) == 1


async def test_an_edited_candidate_is_not_rolled_out(world: World) -> None:
    await world.stages().released(policy(4, digest="before"), who="server")

    with pytest.raises(PolicyEdited):
        await world.stages().roll_out(wish(), who="maya", why="")


async def test_without_the_store_nobody_knows_whether_a_version_was_edited(world: World) -> None:
    world.store.broken = True
    stages = world.stages()

    with pytest.raises(StorageUnavailable):
        await stages.released(policy(4), who="server")

    world.store.broken = False
    await stages.released(policy(4), who="server")


# --- Counting


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
    await stages.roll_back("support", who="maya", why="")
    world.clock.advance(1)
    await stages.roll_out(wish(), who="maya", why="")

    assert [one.calls for one in (await stages.standing("support")).tallies] == [0, 0]
