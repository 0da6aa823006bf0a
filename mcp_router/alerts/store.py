"""What this room asks of a database: all that replicas share, so that one of them tells a thing."""

from collections.abc import Sequence
from typing import Protocol

from mcp_router.domain.alert import (
    Alert,
    ClosedSink,
    DayCounts,
    Delivery,
    DeliveryState,
    Intake,
    KeptDay,
)
from mcp_router.domain.record import StoredRecord


class Outbox(Protocol):
    """Alerts on their way, one row for each sink, kept until they are old."""

    async def admit(self, alerts: Sequence[Alert], intake: Intake) -> None:
        """Let each key be judged, the quiet ones whose window is over too, and keep what is told.

        One transaction a key at least; an alert that was kept for a sink before is not kept again.
        """

    async def claim(self, sink: str, lease_ms: int) -> Delivery | None:
        """Return what is due longest at a sink, and let nobody else have it for that long."""

    async def settle(self, delivery: Delivery, state: DeliveryState, pause_ms: int = 0) -> bool:
        """Note what became of a claim; what still waits is due after the pause. Say whether.

        A claim that another one has followed changes nothing, except that it was delivered.
        """

    async def prune(self, older_ms: int) -> None:
        """Delete deliveries and quiet keys that are older."""


class Sinks(Protocol):
    """Which sinks want nothing more."""

    async def close_sink(self, closed: ClosedSink) -> None:
        """Send nothing more to it; what waits for it is given up."""

    async def closed_sinks(self) -> frozenset[ClosedSink]:
        """Return every sink that was closed."""


class News(Protocol):
    """Changes of policies in the decision log, from whichever process they are."""

    async def news(self, limit: int) -> tuple[StoredRecord, ...]:
        """Return events that nobody has seen, in order."""

    async def seen(self, seq: int) -> bool:
        """Note that events up to that one were seen, and say whether nobody did before."""


class Days(Protocol):
    """What calls have come to, by day and process."""

    async def keep_days(self, rows: Sequence[KeptDay]) -> None:
        """Insert these, or replace what the same process has kept of the same day."""

    async def days(self, before: int) -> tuple[tuple[int, DayCounts], ...]:
        """Return the days before that one with the sum of what all processes have kept."""

    async def forget_days(self, before: int) -> None:
        """Delete the days before that one."""


class AlertStore(Outbox, Sinks, News, Days, Protocol):
    """All of it, as a database has it."""
