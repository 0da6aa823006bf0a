"""One action to its desk: sent once, then found out about, never repeated blindly.

The fallback law's column for writes:

- definitely not applied: the next target of the pool, or the key is free again
- unknown: no other target and no blind resend; ask the desk, and send again to the same desk only
  where it refuses the second of two itself
- applied: done
"""

from collections.abc import Callable
from dataclasses import dataclass

from mcp_router.clock import Clock, since_ms
from mcp_router.domain.action import Action, ActionState, Precondition, Ref
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import (
    LeaseLost,
    LedgerDegraded,
    OutcomeUnknown,
    RouterError,
    SendFailed,
    StorageUnavailable,
    TicketChanged,
)
from mcp_router.execute.refusal import FINAL, is_refusal, may_be_echo, public_failure, too_late
from mcp_router.execute.targets import Desk
from mcp_router.ledger.ledger import Ledger
from mcp_router.ledger.strategies import Recourse, can_probe, needs_version, recourse


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What goes where: the desks that may take it, in order, and until when (monotonic)."""

    write: DeskWrite
    desks: tuple[Desk, ...]
    ends_s: float
    attempt_timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The action as far as it is decided, and why it did not succeed if it did not."""

    action: Action
    error: RouterError | None = None


MAX_RESENDS = 2
"""How often one call sends a write again that may have been applied; the next call may go on."""

MAX_READS = 3
"""How often a version is read that will not come to rest."""

STAMP_S = 1.0
"""After that long, a version stamp of whole seconds is of a second that is over."""


class Delivery:
    """Sends the writes of one call and keeps the ledger true at every step."""

    def __init__(self, ledger: Ledger, clock: Clock, report: Callable[[Attempt], None]) -> None:
        """Report each attempt, as it ends, to `report`."""
        self._ledger = ledger
        self._clock = clock
        self._report = report

    async def deliver(self, action: Action, shipment: Shipment) -> Settled:
        """Send an action that was never sent and settle it as far as that is possible now.

        An action that is `sending` already goes to the first desk, whose name is on it.

        Raises:
            LeaseLost: another caller took over; its word counts.
            StorageUnavailable: the store cannot commit, and nothing was applied.
            LedgerDegraded: the desk applied it, but the store could not note it.
            OutcomeUnknown: it may have been applied, and the store could not note that.
        """
        failure: SendFailed | None = None

        for desk in shipment.desks:
            if self._is_late(shipment):
                break

            if failure is not None:
                action = await self._ledger.held(action)

            if action.state is not ActionState.SENDING:
                try:
                    version = await self._version(desk, shipment)
                except SendFailed as unread:
                    return await self._refused(action, desk.name, unread)

                action = await self._start(action, desk, shipment, version)

            action, failure = await self._send(action, desk, shipment)

            if failure is None:
                return Settled(action=action)

            if failure.evidence is not Evidence.NOT_APPLIED or may_be_echo(
                failure, action.strategy
            ):
                return await self._find_out(action, desk, shipment)

            if failure.reason in FINAL:
                break

        return await self._refused(action, action.target, failure or too_late())

    async def reconcile(self, action: Action, shipment: Shipment) -> Settled:
        """Find out about an action that may have been applied; `shipment` names its one desk.

        Raises:
            LeaseLost, LedgerDegraded, OutcomeUnknown: as `deliver` does.
        """
        for desk in shipment.desks:
            if desk.name == action.target:
                return await self._find_out(action, desk, shipment)

        return await self._give_up(action)

    async def _find_out(self, action: Action, desk: Desk, shipment: Shipment) -> Settled:
        """Decide about a write that may have been applied, as far as that is possible now."""
        try:
            return await self._ask(await self._doubt(action), desk, shipment)
        except StorageUnavailable as error:
            # On disk the row is `sending` or `unknown`: its next caller goes on from there. To
            # say "storage unavailable" here would say that nothing was sent.
            raise OutcomeUnknown(
                "The desk may have applied this write; the ledger cannot note more of it now."
            ) from error

    async def _ask(self, action: Action, desk: Desk, shipment: Shipment) -> Settled:
        """Ask the desk, send again only where it is safe, until decided or out of time.

        Where the desk compares versions, the version is read before the marker is looked for: a
        version that has moved stops every send that was based on the old one, so what a later
        probe does not find was never applied. The other way round, one could land in between.
        """
        sends = 0

        while can_probe(action.strategy):
            try:
                version, found = await self._look(action, desk, shipment)
            except SendFailed:
                return await self._give_up(action)

            if found is not None:
                return Settled(action=await self._succeed(action, found))

            step = recourse(action, version)

            if step is Recourse.NEVER:
                return await self._changed(action)

            if step is Recourse.PERSON:
                break

            if self._is_late(shipment) or not _goes_on(step, action, sends):
                return await self._give_up(action)

            if step is Recourse.WAIT:
                await self._clock.sleep(STAMP_S)
                continue

            sends += 1
            action = await self._start(action, desk, shipment, action.precondition)
            action, failure = await self._send(action, desk, shipment)

            if failure is None:
                return Settled(action=action)

            action = await self._doubt(action)

            if is_refusal(failure):
                # This send was refused; the one before it may still have been applied.
                return await self._give_up(action)

        return await self._to_person(action)

    async def _look(
        self, action: Action, desk: Desk, shipment: Shipment
    ) -> tuple[Precondition | None, Ref | None]:
        """Return what the desk knows of the write now: the version, then what it has made."""
        version = None

        if needs_version(action.strategy):
            version = await desk.precondition(shipment.write, timeout_s=self._left_s(shipment))

        found = await desk.probe(
            shipment.write, marker=action.marker, timeout_s=self._left_s(shipment)
        )
        return version, found

    async def _version(self, desk: Desk, shipment: Shipment) -> Precondition | None:
        """Return the version that a first send is based on, where the desk compares one.

        A version of this very second is waited out: somebody else's change could carry the same
        stamp and be overwritten. Where an object never comes to rest, the last one has to do.
        """
        version = None

        if not needs_version(desk.strategy(shipment.write)):
            return version

        for _ in range(MAX_READS):
            version = await desk.precondition(shipment.write, timeout_s=self._left_s(shipment))

            if version is None or version.settled or self._is_late(shipment):
                break

            # After the last read as well: a write that lands in the second of its own stamp does
            # not move it, and a second copy of it, from a proxy on the way, would land too.
            await self._clock.sleep(STAMP_S)

        return version

    async def _doubt(self, action: Action) -> Action:
        """Note that what was sent may have been applied."""
        if action.state is ActionState.SENDING:
            return await self._ledger.lost(action, OutcomeUnknown.code)

        return action

    async def _start(
        self, action: Action, desk: Desk, shipment: Shipment, precondition: Precondition | None
    ) -> Action:
        """Put `sending` on disk.

        Each desk of a pool has its own way of telling a write apart from its repetition; a write
        that may be at a desk already keeps the one under which it was sent.
        """
        first = action.state is ActionState.RESERVED
        return await self._ledger.sending(
            action,
            target=desk.name,
            strategy=desk.strategy(shipment.write) if first else action.strategy,
            precondition=precondition,
        )

    async def _send(
        self, action: Action, desk: Desk, shipment: Shipment
    ) -> tuple[Action, SendFailed | None]:
        """Send once what is `sending` on disk; a failure leaves the action `sending`."""
        if self._is_late(shipment):
            # This process may have stood still since its commit, and others have decided by now.
            return action, too_late()

        started_s = self._clock.monotonic_s()

        try:
            ref = await desk.write(
                shipment.write,
                marker=action.marker,
                precondition=action.precondition,
                timeout_s=self._left_s(shipment),
            )
        except SendFailed as failure:
            self._tell(desk, failure.evidence, failure.reason, started_s, failure.status)
            return action, failure

        self._tell(desk, Evidence.APPLIED, Reason.OK, started_s, None)
        return await self._succeed(action, ref), None

    async def _succeed(self, action: Action, ref: Ref) -> Action:
        """Settle as applied, also where another caller has taken over in the meantime."""
        try:
            try:
                return await self._ledger.succeeded(action, ref)
            except LeaseLost:
                settled = await self._ledger.witnessed(action, ref)

                if settled is None:
                    raise

                return settled
        except StorageUnavailable as error:
            raise LedgerDegraded(
                "The desk applied the write; the ledger cannot note it."
            ) from error

    async def _refused(self, action: Action, target: str, failure: SendFailed) -> Settled:
        """Settle a write that was never applied: for good, or free for a later try."""
        error = public_failure(failure, target)

        if failure.reason in FINAL:
            return Settled(action=await self._ledger.failed(action, error), error=error)

        return Settled(action=await self._ledger.released(action, error.code), error=error)

    async def _changed(self, action: Action) -> Settled:
        """Settle a write whose version is gone: it was not applied and never can be."""
        error = TicketChanged("Somebody else changed the ticket first; nothing was applied.")
        return Settled(action=await self._ledger.failed(action, error), error=error)

    async def _to_person(self, action: Action) -> Settled:
        """Leave the action to a person: no further question to the desk can decide it."""
        return Settled(
            action=await self._ledger.handed_over(action),
            error=OutcomeUnknown(
                "The desk may have applied this write and has no way to tell; a person decides."
            ),
        )

    async def _give_up(self, action: Action) -> Settled:
        """Leave the action unknown and visible; the next caller or the reconciler goes on."""
        return Settled(
            action=await self._ledger.let_go(action),
            error=OutcomeUnknown("The desk may have applied this write and cannot say so now."),
        )

    def _is_late(self, shipment: Shipment) -> bool:
        """Return whether the deadline has passed: nothing that has an effect begins after it."""
        return self._clock.monotonic_s() >= shipment.ends_s

    def _left_s(self, shipment: Shipment) -> float:
        """Return the seconds that one request may take now; a probe gets at least a moment."""
        left_s = shipment.ends_s - self._clock.monotonic_s()
        return max(0.5, min(left_s, shipment.attempt_timeout_s))

    def _tell(
        self, desk: Desk, evidence: Evidence, reason: Reason, started_s: float, status: int | None
    ) -> None:
        """Report one attempt."""
        self._report(
            Attempt(
                target=desk.name,
                evidence=evidence,
                reason=reason,
                latency_ms=since_ms(self._clock, started_s),
                status=status,
            )
        )


def _goes_on(step: Recourse, action: Action, sends: int) -> bool:
    """Return whether this call itself takes the next step, or leaves it to a later one."""
    if step is Recourse.WAIT:
        return needs_version(action.strategy)  # a version's second ends soon, a window does not

    return sends < MAX_RESENDS
