"""Stages of several processes over one store, and calls that they observe."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mcp_router.domain.decision import ChainLimits, Decision
from mcp_router.domain.policy import Policy
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import Arm, PolicyEvent
from mcp_router.domain.signals import Signals
from mcp_router.policy.rollout import read_guards
from mcp_router.rollout.stages import Stages, Wish
from mcp_router.testing.clock import ManualClock
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


def load(reference: str) -> Policy:
    return policy(int(reference.rpartition("@")[2]))


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
