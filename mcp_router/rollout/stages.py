"""Which version of each policy serves whom: every change is an event of the decision log.

A rollout that breaks a guard is ended by whichever process sees it first; the others lose the
compare-and-swap on the stage's revision and learn of it from the store.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mcp_router.clock import Clock
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.domain.policy import Policy
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.rollout import (
    Arm,
    ArmTally,
    Bucket,
    Guard,
    KeptTally,
    PolicyChange,
    PolicyEvent,
    PolicyStage,
    Rollout,
)
from mcp_router.errors import InvalidArguments, RolloutRefused, StorageUnavailable
from mcp_router.policy.evidence import Breach, breach
from mcp_router.policy.rollout import salt_of, tell_guard
from mcp_router.rollout.moves import (
    check_first_step_back,
    check_unedited,
    promoted,
    rolled_back,
    stable,
    stable_beside,
    taken_back,
)
from mcp_router.rollout.store import StageStore
from mcp_router.rollout.tallies import counted, counts, summed

_logger = logging.getLogger(__name__)

COMPLETION = "route_completion"
TENANT = "local"  # whose events are: the operator's
TOOL = "policy"
GUARD = "guard"
"""Who rolls back where no person does."""

RECENT_EVENTS = 10

_SEARCHED_EVENTS = 100  # first uses of other versions may lie above the newest change

Load: TypeAlias = Callable[[str], Policy]
"""Return the policy of `name@version`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A rollout as somebody wants it; `serving` is what serves where nothing was rolled out yet."""

    candidate: Policy
    serving: int | None
    percent: float
    by: Bucket = Bucket.CUSTOMER
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a policy stands, what its arms have come to, and what has happened lately."""

    stage: PolicyStage | None
    tallies: tuple[ArmTally, ...]  # stable, candidate; empty without a rollout
    events: tuple[StoredRecord, ...]  # newest first


class Stages:
    """The stages of all policies, in memory for every call, in the store for all processes."""

    def __init__(
        self, store: StageStore, clock: Clock, entropy: Entropy, *, transport: str = "server"
    ) -> None:
        """Start with nothing known until `refresh`; `transport` is where its events come from."""
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._transport = transport
        self._process = make_id("prc", clock.now_ms(), entropy)
        self._stages: dict[str, PolicyStage] = {}
        self._own: dict[tuple[str, int], dict[Arm, ArmTally]] = {}  # by policy and start
        self._unsaved: set[tuple[str, int]] = set()
        self._released: dict[str, str] = {}

    def stage(self, name: str) -> PolicyStage | None:
        """Return how the policy stands; None if it was never rolled out, as far as was read."""
        return self._stages.get(name)

    async def refresh(self) -> None:
        """Learn what was changed elsewhere, tell what was counted here, and judge the guards.

        Raises:
            StorageUnavailable: the store is away; what was known stays.
        """
        self._stages = {one.name: one for one in await self._store.stages()}
        running = {
            (one.name, one.rollout.started_ms) for one in self._stages.values() if one.rollout
        }
        self._own = {place: arms for place, arms in self._own.items() if place in running}
        self._unsaved &= running
        await self._save()

        for stage in tuple(self._stages.values()):
            if stage.rollout and stage.rollout.guards:
                await self._watch(stage, stage.rollout)

    async def aclose(self) -> None:
        """Keep what was counted since the last time: short commands end before the next one."""
        try:
            await self._save()
        except StorageUnavailable as error:
            _logger.error("some calls of rollouts are not counted: %s", error.message)

    def observe(self, record: Record) -> None:
        """Count a completion that one of the arms of a running rollout has served."""
        decision = record.decision

        if record.tool != COMPLETION or decision is None or decision.arm is None:
            return

        name, _, version = decision.policy.rpartition("@")
        stage = self._stages.get(name)

        if stage is None or stage.rollout is None or not counts(record):
            return

        serving = stage.stable if decision.arm is Arm.STABLE else stage.rollout.version

        if version != str(serving):
            return  # it began before the stage changed

        place = (name, stage.rollout.started_ms)
        arms = self._own.setdefault(place, {arm: ArmTally(arm=arm) for arm in Arm})
        arms[decision.arm] = counted(arms[decision.arm], record, stage.rollout.guards)
        self._unsaved.add(place)

    async def released(self, policy: Policy, *, who: str) -> None:
        """Fix the document of a version at its first use; asks the store once a process.

        Raises:
            PolicyEdited: the version was used before, with another text.
            StorageUnavailable: the store cannot say.
        """
        if policy.label not in self._released:
            event = PolicyEvent(
                change=PolicyChange.RELEASED,
                policy=policy.label,
                who=who,
                why="used for the first time",
                digest=policy.digest,
            )
            self._released[policy.label] = await self._store.release(
                policy.name, policy.version, policy.digest, self._record(event)
            )

        check_unedited(policy, self._released[policy.label])

    async def roll_out(self, wish: Wish, *, who: str, why: str) -> PolicyStage:
        """Let the candidate serve its share, or change the share that it serves already.

        With the same guards and unit the counts go on; with others they begin anew.

        Raises:
            RolloutRefused: another candidate is being rolled out, the version is stable already,
                there is no other version, or somebody else was faster.
            InvalidArguments: the percentage is none.
            PolicyEdited: the candidate was used before, with another text.
            StorageUnavailable: nothing changed.
        """
        if not 0 < wish.percent <= 100:
            raise InvalidArguments("--percent: expected more than 0 and at most 100.")

        candidate = wish.candidate
        old = await self._latest(candidate.name)
        serving = stable_beside(old, wish.serving, candidate.version)
        await self.released(candidate, who=who)
        new = PolicyStage(
            name=candidate.name,
            stable=serving,
            previous=old.previous if old else None,
            rollout=self._rollout(wish, old.rollout if old else None),
            revision=(old.revision if old else 0) + 1,
        )
        event = PolicyEvent(
            change=PolicyChange.ROLLED_OUT,
            policy=candidate.label,
            who=who,
            why=why,
            digest=candidate.digest,
            before=stable(new),
            percent=wish.percent,
            by=wish.by,
            guards=wish.guards,
        )
        return await self._change(old, new, event)

    async def promote(
        self, name: str, *, version: int | None = None, load: Load, who: str, why: str
    ) -> PolicyStage:
        """Let the candidate serve everybody, whichever it is or only if it is that version.

        Raises:
            RolloutRefused: nothing is being rolled out, or another version is, or somebody else
                was faster.
            UnknownPolicy, PolicyRejected, PolicyEdited: its document cannot be used.
            StorageUnavailable: nothing changed.
        """
        old = await self._latest(name)

        new = promoted(old, version)
        await self.released(load(stable(new)), who=who)
        event = PolicyEvent(
            change=PolicyChange.PROMOTED,
            policy=stable(new),
            who=who,
            why=why,
            before=f"{name}@{new.previous}",
        )
        return await self._change(old, new, event)

    async def roll_back(
        self, name: str, *, version: int | None = None, load: Load, who: str, why: str
    ) -> PolicyStage:
        """End the rollout; without one, let the version serve that was stable before.

        With a version it is that one which is taken out, or none: so two people, or a person and
        a guard, never go two steps back. Without one, the stable version is not taken out where
        the last change was a roll-back.

        Raises:
            RolloutRefused: the version is neither the candidate nor the stable one, nothing else
                can serve, the last change was a roll-back, or somebody else was faster.
            UnknownPolicy, PolicyRejected, PolicyEdited: the document that would serve everybody
                cannot be used.
            StorageUnavailable: nothing changed.
        """
        old = await self._latest(name)

        new = rolled_back(old, version)
        assert old is not None, "what was never rolled out is not rolled back"

        if version is None and old.rollout is None:
            check_first_step_back(old, await self._store.events(name, _SEARCHED_EVENTS))

        await self.released(load(stable(new)), who=who)
        return await self._change(old, new, taken_back(old, new, who=who, why=why))

    async def standing(self, name: str) -> Standing:
        """Return how the policy stands, counts of all processes included.

        Raises:
            StorageUnavailable: the store is away.
        """
        stage = await self._latest(name)
        tallies: tuple[ArmTally, ...] = ()

        if stage is not None and stage.rollout is not None:
            kept = await self._store.tallies(name, stage.rollout.started_ms)
            tallies = tuple(summed(arm, kept) for arm in Arm)

        events = await self._store.events(name, RECENT_EVENTS)
        return Standing(stage=stage, tallies=tallies, events=events)

    async def _latest(self, name: str) -> PolicyStage | None:
        """Return the stage as it is on disk now."""
        self._stages = {one.name: one for one in await self._store.stages()}
        return self._stages.get(name)

    async def _save(self) -> None:
        """Keep what this process has counted since the last time."""
        places = sorted(self._unsaved)
        rows = [
            KeptTally(policy=name, started_ms=started, process=self._process, tally=tally)
            for name, started in places
            for tally in self._own[name, started].values()
        ]

        if rows:
            await self._store.keep_tallies(rows)
            kept = {(row.policy, row.started_ms, row.tally.arm): row.tally for row in rows}
            self._unsaved -= {
                place
                for place in places
                if all(kept[*place, arm] == one for arm, one in self._own[place].items())
            }

    async def _watch(self, stage: PolicyStage, rollout: Rollout) -> None:
        """End a rollout whose candidate has broken a guard."""
        kept = await self._store.tallies(stage.name, rollout.started_ms)
        broken = breach(rollout.guards, summed(Arm.STABLE, kept), summed(Arm.CANDIDATE, kept))

        if broken is None:
            return

        new, why = rolled_back(stage, rollout.version), _why(broken.guard)
        event = taken_back(stage, new, who=GUARD, why=why, evidence=broken.told)

        try:
            await self._change(stage, new, event)
        except RolloutRefused:
            return  # another process was faster, or a person

        _tell_roll_back(stage.name, rollout.version, broken)

    async def _change(
        self, old: PolicyStage | None, new: PolicyStage, event: PolicyEvent
    ) -> PolicyStage:
        """Write the change with its event; the calls of this process go by it at once."""
        if not await self._store.change(old, new, self._record(event)):
            raise RolloutRefused("Somebody else has just changed how this policy stands.")

        self._stages[new.name] = new
        return new

    def _rollout(self, wish: Wish, running: Rollout | None) -> Rollout:
        """Return the rollout of a wish, its counts going on where they still mean the same."""
        now_ms = self._clock.now_ms()
        started_ms = now_ms

        if running is not None:
            same = (running.guards, running.by) == (wish.guards, wish.by)
            started_ms = running.started_ms if same else max(now_ms, running.started_ms + 1)

        return Rollout(
            version=wish.candidate.version,
            percent=wish.percent,
            by=wish.by,
            guards=wish.guards,
            salt=salt_of(wish.candidate.name, wish.candidate.version),
            started_ms=started_ms,
        )

    def _record(self, event: PolicyEvent) -> Record:
        """Return the event as the decision log keeps it."""
        now_ms = self._clock.now_ms()
        return Record(
            decision_id=make_id("evt", now_ms, self._entropy),
            at_ms=now_ms,
            tenant=TENANT,
            principal=event.who,
            transport=self._transport,
            tool=TOOL,
            outcome="ok",
            latency_ms=0,
            event=event,
        )


def _why(guard: Guard) -> str:
    return f"the guard {tell_guard(guard)} is broken"


def _tell_roll_back(name: str, version: int, broken: Breach) -> None:
    """Say loudly what was done without a person."""
    _logger.critical(
        "%s@%d was rolled back: %s, %s", name, version, _why(broken.guard), broken.told
    )
