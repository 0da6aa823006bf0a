"""What the keeper of stages asks of a database."""

from collections.abc import Sequence
from typing import Protocol

from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.rollout import ArmTally, KeptTally, PolicyStage


class StageStore(Protocol):
    """Stages, released versions and tallies; a change and its event are one transaction."""

    async def stages(self) -> tuple[PolicyStage, ...]:
        """Return how every policy stands that was ever rolled out, by name."""

    async def change(self, old: PolicyStage | None, new: PolicyStage, event: Record) -> bool:
        """Replace `old` by `new` and append `event` to the decision log, or do neither.

        Says whether it did: not if the revision of `old` is no longer there. None is no row yet.
        """

    async def release(self, name: str, version: int, digest: str, event: Record) -> str:
        """Return the digest that the version was first used with, from now on this one if new.

        `event` is appended only where it is new.
        """

    async def digest(self, name: str, version: int) -> str | None:
        """Return the digest that the version was first used with, None if it never was."""

    async def keep_tallies(self, rows: Sequence[KeptTally]) -> None:
        """Insert these, or replace what the same process has kept of the same arm and rollout."""

    async def tallies(self, policy: str, started_ms: int) -> tuple[ArmTally, ...]:
        """Return what every process has kept of the arms of that rollout."""

    async def events(self, policy: str, limit: int) -> tuple[StoredRecord, ...]:
        """Return the newest events of a policy, newest first."""
