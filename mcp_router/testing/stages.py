"""The store of rollouts in memory; it passes the same contract suite as the databases."""

from collections.abc import Sequence

from anyio.lowlevel import checkpoint

from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.rollout import Arm, ArmTally, KeptTally, PolicyStage
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.stores import MemoryRecords


class MemoryStages:
    """Stages in memory, with events in `records`. While `broken` it raises StorageUnavailable."""

    def __init__(self, records: MemoryRecords) -> None:
        """Start empty."""
        self._records = records
        self._stages: dict[str, PolicyStage] = {}
        self._digests: dict[tuple[str, int], str] = {}
        self._tallies: dict[tuple[str, int, Arm, str], ArmTally] = {}
        self._events: list[tuple[str, StoredRecord]] = []
        self.broken = False

    async def stages(self) -> tuple[PolicyStage, ...]:
        """Return how every policy stands that was ever rolled out, by name."""
        await self._work()
        return tuple(one for _, one in sorted(self._stages.items()))

    async def change(self, old: PolicyStage | None, new: PolicyStage, event: Record) -> bool:
        """Replace `old` by `new` and append `event`, or do neither; say whether."""
        await self._work()
        kept = self._stages.get(new.name)

        if (old.revision if old else None) != (kept.revision if kept else None):
            return False

        self._append(new.name, event)
        self._stages[new.name] = new
        return True

    async def release(self, name: str, version: int, digest: str, event: Record) -> str:
        """Return the digest that the version was first used with, from now on this one if new."""
        await self._work()

        if (name, version) not in self._digests:
            self._append(name, event)
            self._digests[name, version] = digest

        return self._digests[name, version]

    async def digest(self, name: str, version: int) -> str | None:
        """Return the digest that the version was first used with, None if it never was."""
        await self._work()
        return self._digests.get((name, version))

    async def keep_tallies(self, rows: Sequence[KeptTally]) -> None:
        """Insert these, or replace what the same process has kept of the same arm and rollout."""
        await self._work()
        self._tallies |= {
            (row.policy, row.started_ms, row.tally.arm, row.process): row.tally for row in rows
        }

    async def tallies(self, policy: str, started_ms: int) -> tuple[ArmTally, ...]:
        """Return what every process has kept of the arms of that rollout."""
        await self._work()
        mine = (one for one in sorted(self._tallies.items()) if one[0][:2] == (policy, started_ms))
        return tuple(tally for _, tally in mine)

    async def events(self, policy: str, limit: int) -> tuple[StoredRecord, ...]:
        """Return the newest events of a policy, newest first."""
        await self._work()
        mine = [event for name, event in self._events if name == policy]
        return tuple(reversed(mine))[:limit]

    def _append(self, name: str, event: Record) -> None:
        """Append an event to the decision log, and note where it stands."""
        self._events.append((name, self._records.add(event)))

    async def _work(self) -> None:
        """Let other tasks run, as a database does, then refuse if the store is broken."""
        await checkpoint()

        if self.broken:
            raise StorageUnavailable("The store is broken for a test.")
