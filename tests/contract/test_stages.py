"""What every store of rollouts promises, the one in memory included."""

import asyncio
from dataclasses import replace

import pytest

from mcp_router.audit.log import RecordStore
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import (
    Arm,
    ArmTally,
    Bucket,
    Guard,
    KeptTally,
    Metric,
    PolicyChange,
    PolicyEvent,
    PolicyStage,
    Rollout,
)
from mcp_router.rollout.store import StageStore
from tests.contract.opened import Opened
from tests.storage.rows import record

ROLLOUT = Rollout(
    version=4,
    percent=12.5,
    by=Bucket.TICKET,
    guards=(Guard(metric=Metric.P95, bound=1.2), Guard(metric=Metric.COST, bound=-0.1)),
    salt="support@4",
    started_ms=1_795_262_400_000,
)
FIRST = PolicyStage(name="support", stable=3, rollout=ROLLOUT, revision=1)
SECOND = PolicyStage(name="support", stable=4, previous=3, revision=2)


@pytest.fixture
def stages(store: Opened) -> StageStore:
    return store.stages


def event(name: str = "1", why: str = "it is better") -> Record:
    return replace(
        record(name, tenant="local", tool="policy"),
        event=PolicyEvent(
            change=PolicyChange.ROLLED_OUT,
            policy="support@4",
            who="maya",
            why=why,
            before="support@3",
            percent=12.5,
            by=Bucket.TICKET,
            guards=ROLLOUT.guards,
        ),
    )


async def test_a_change_and_its_event_are_kept_together(
    stages: StageStore, records: RecordStore
) -> None:
    assert await stages.stages() == ()
    assert await stages.change(None, FIRST, event("1"))
    assert await stages.stages() == (FIRST,)
    assert await stages.change(FIRST, SECOND, event("2"))
    assert await stages.stages() == (SECOND,)

    newest, first = await stages.events("support", 10)
    assert (newest.record, first.record) == (event("2"), event("1"))
    assert await records.find("local", "dec_1") == first
    assert await stages.events("support", 1) == (newest,)
    assert await stages.events("other", 10) == ()


async def test_a_change_from_what_is_no_longer_there_leaves_nothing_behind(
    stages: StageStore, records: RecordStore
) -> None:
    await stages.change(None, FIRST, event("1"))

    assert not await stages.change(None, FIRST, event("2"))
    assert not await stages.change(replace(FIRST, revision=7), SECOND, event("3"))
    assert not await stages.change(
        replace(FIRST, name="other"), replace(SECOND, name="other"), event("4")
    )
    assert await stages.stages() == (FIRST,)
    assert [await records.find("local", f"dec_{number}") for number in (2, 3, 4)] == [None] * 3


async def test_of_many_changes_at_once_one_is_made(
    stages: StageStore, records: RecordStore
) -> None:
    await stages.change(None, FIRST, event("first"))
    made = await asyncio.gather(
        *(stages.change(FIRST, SECOND, event(str(number))) for number in range(12)),
        *(records.append(record(f"call-{number}")) for number in range(12)),
    )

    assert made[:12].count(True) == 1
    # The log has no gaps: thirteen records and two events.
    assert await records.append(record("last")) == 1 + 1 + 12 + 1


async def test_the_first_use_of_a_version_fixes_its_digest(
    stages: StageStore, records: RecordStore
) -> None:
    assert await stages.digest("support", 4) is None
    assert await stages.release("support", 4, "aa", event("1")) == "aa"
    assert await stages.release("support", 4, "bb", event("2")) == "aa"
    assert await stages.release("support", 5, "bb", event("3")) == "bb"
    assert [await stages.digest("support", number) for number in (4, 5, 6)] == ["aa", "bb", None]

    assert [one.record.decision_id for one in await stages.events("support", 9)] == [
        "dec_3",
        "dec_1",
    ]
    assert await records.find("local", "dec_2") is None


async def test_of_many_first_uses_one_counts(stages: StageStore) -> None:
    digests = await asyncio.gather(
        *(stages.release("support", 4, f"d{number}", event(str(number))) for number in range(12))
    )

    assert len(set(digests)) == 1
    assert len(await stages.events("support", 20)) == 1


async def test_tallies_are_replaced_by_their_own_process_and_kept_apart_by_rollout(
    stages: StageStore,
) -> None:
    candidate = ArmTally(
        arm=Arm.CANDIDATE, calls=7, ok=6, slow=2, cost_microusd=900, cost_squares=10**30
    )
    stable = ArmTally(arm=Arm.STABLE, calls=90, ok=90)

    def kept(tally: ArmTally, process: str = "p1", started_ms: int = 5) -> KeptTally:
        return KeptTally(policy="support", started_ms=started_ms, process=process, tally=tally)

    await stages.keep_tallies([kept(candidate), kept(stable), kept(candidate, "p2")])
    await stages.keep_tallies([kept(replace(candidate, calls=8)), kept(stable, started_ms=6)])

    assert await stages.tallies("support", 5) == (
        replace(candidate, calls=8),
        candidate,
        stable,
    )
    assert await stages.tallies("support", 6) == (stable,)
    assert await stages.tallies("other", 5) == ()
