"""The life of a policy: what may follow what, and what is recorded of it."""

from dataclasses import replace

import pytest

from mcp_router.domain.policy import Policy
from mcp_router.domain.rollout import Bucket, PolicyChange, PolicyEvent, PolicyStage, Rollout
from mcp_router.errors import InvalidArguments, PolicyEdited, RolloutRefused, StorageUnavailable
from mcp_router.policy.rollout import read_guards
from mcp_router.rollout.stages import Stages, Wish
from mcp_router.testing.clock import NOON_MS
from tests.rollout.world import GUARDS, World, load, policy, wish
from tests.storage.rows import record

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
    await stages.promote("support", load=load, who="noor", why="it held")
    await stages.roll_back("support", load=load, who="maya", why="too short answers")

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
            change=PolicyChange.RELEASED,
            policy="support@3",
            who="maya",
            why="used for the first time",
            digest="digest-3",
        ),
        PolicyEvent(
            change=PolicyChange.ROLLED_BACK,
            policy="support@4",
            who="maya",
            why="too short answers",
            before="support@4",
            serving="support@3",
        ),
    ]
    last = world.records.records[-1]
    assert (last.principal, last.tool, last.tenant, last.at_ms) == (
        "maya",
        "policy",
        "local",
        NOON_MS + 60_000,
    )
    assert len({one.decision_id for one in world.records.records}) == 5


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

    assert await stages.promote("support", load=load, who="maya", why="") == PolicyStage(
        name="support", stable=4, previous=3, revision=2
    )


async def test_a_roll_back_ends_a_rollout_and_else_goes_one_version_back(world: World) -> None:
    stages = await world.rolled_out()
    ended = await stages.roll_back("support", load=load, who="maya", why="")
    assert ended == PolicyStage(name="support", stable=3, revision=2)

    await stages.roll_out(wish(), who="maya", why="")
    await stages.promote("support", load=load, who="maya", why="")
    back = await stages.roll_back("support", load=load, who="maya", why="")
    assert back == PolicyStage(name="support", stable=3, revision=5)

    with pytest.raises(RolloutRefused):
        await stages.roll_back("support", version=3, load=load, who="maya", why="")


async def stood(world: World) -> Stages:
    """Return stages where version 4 was promoted, and 5 serves a share beside it."""
    stages = await world.rolled_out()
    await stages.promote("support", load=load, who="maya", why="")
    await stages.roll_out(wish(5), who="maya", why="")
    return stages


async def test_a_second_roll_back_takes_nothing_out_unless_it_names_the_version(
    world: World,
) -> None:
    stages = await stood(world)
    first = await stages.roll_back("support", load=load, who="maya", why="")
    assert first == PolicyStage(name="support", stable=4, previous=3, revision=4)
    await stages.released(policy(6), who="server")  # a first use is no change of who serves

    with pytest.raises(RolloutRefused) as refused:
        await world.stages().roll_back("support", load=load, who="noor", why="")

    assert "`mcp-router policy rollback support@4`" in refused.value.advice
    named = await stages.roll_back("support", version=4, load=load, who="noor", why="")
    assert named == PolicyStage(name="support", stable=3, revision=5)


async def test_a_roll_back_whose_history_is_gone_wants_the_version(world: World) -> None:
    stages = await world.rolled_out()
    await stages.promote("support", load=load, who="maya", why="")

    for version in range(10, 120):
        await stages.released(policy(version), who="server")

    with pytest.raises(RolloutRefused):
        await stages.roll_back("support", load=load, who="maya", why="")

    back = await stages.roll_back("support", version=4, load=load, who="maya", why="")
    assert back.stable == 3


@pytest.mark.parametrize("version", [3, 4, 6])
async def test_only_the_candidate_is_taken_out_while_there_is_one(
    world: World, version: int
) -> None:
    stages = await stood(world)

    for change in (stages.roll_back, stages.promote):
        with pytest.raises(RolloutRefused):
            await change("support", version=version, load=load, who="maya", why="")

    assert (await stages.roll_back("support", version=5, load=load, who="", why="")).stable == 4


async def test_two_people_who_take_one_version_out_do_it_once(world: World) -> None:
    stages = await stood(world)
    await stages.roll_back("support", version=5, load=load, who="maya", why="")

    for version in (5, 3):
        with pytest.raises(RolloutRefused):
            await stages.roll_back("support", version=version, load=load, who="noor", why="")


async def test_a_named_candidate_is_promoted(world: World) -> None:
    stages = await stood(world)

    assert (await stages.promote("support", version=5, load=load, who="", why="")).stable == 5


async def test_a_document_that_was_edited_serves_nobody_by_a_promotion_or_a_roll_back(
    world: World,
) -> None:
    stages = await stood(world)
    await stages.released(policy(4), who="server")

    def edited(reference: str) -> Policy:
        return replace(load(reference), digest="other")

    for change in (world.stages().promote, world.stages().roll_back):
        before = len(await world.events())

        with pytest.raises(PolicyEdited):
            await change("support", load=edited, who="maya", why="")

        assert len(await world.events()) == before


async def test_what_was_never_rolled_out_can_neither_be_promoted_nor_rolled_back(
    world: World,
) -> None:
    for change in (world.stages().promote, world.stages().roll_back):
        with pytest.raises(RolloutRefused):
            await change("support", load=load, who="maya", why="")


async def test_of_two_changes_at_once_the_second_is_refused(world: World) -> None:
    stages = await world.rolled_out()
    await stages.refresh()
    stale = stages.stage("support")
    assert stale is not None
    await world.stages().promote("support", load=load, who="noor", why="")

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
