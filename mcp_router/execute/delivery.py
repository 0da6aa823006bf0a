"""One action to its desk: sent once, then found out about, never repeated blindly.

The fallback law's column for writes:

- definitely not applied: the next target of the pool, or the key is free again
- unknown: no other target and no blind resend; ask the desk, and send again to the same desk only
  where it refuses the second of two itself
- applied: done
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import (
    DeadlineExceeded,
    DeskRejected,
    DeskUnavailable,
    LedgerDegraded,
    NotFound,
    OutcomeUnknown,
    RouterError,
    SendFailed,
    StorageUnavailable,
    TicketChanged,
)
from mcp_router.execute.targets import Desk
from mcp_router.ledger.ledger import Ledger
from mcp_router.ledger.strategies import can_probe, may_resend


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


class Delivery:
    """Sends the writes of one call and keeps the ledger true at every step."""

    def __init__(self, ledger: Ledger, clock: Clock, report: Callable[[Attempt], None]) -> None:
        """Report each attempt, as it ends, to `report`."""
        self._ledger = ledger
        self._clock = clock
        self._report = report

    async def deliver(self, action: Action, shipment: Shipment) -> Settled:
        """Send a reserved action and settle it as far as that is possible now.

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

            try:
                precondition = await desk.precondition(
                    shipment.write, timeout_s=self._left_s(shipment)
                )
            except SendFailed as unread:
                return await self._refused(action, desk.name, unread)

            action, failure = await self._send(action, desk, shipment, precondition)

            if failure is None:
                return Settled(action=action)

            if failure.evidence is not Evidence.NOT_APPLIED or failure.reason is Reason.EXISTS:
                return await self._find_out(action, desk, shipment)

            if failure.reason in _FINAL:
                break

        if failure is None:
            late = DeadlineExceeded("The call's deadline passed before the write was sent.")
            return Settled(action=await self._ledger.released(action, late.code), error=late)

        return await self._refused(action, action.target, failure)

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
        """Ask the desk, send again only where it is safe, until decided or out of time."""
        while can_probe(action.strategy):
            try:
                found = await desk.probe(
                    shipment.write, marker=action.marker, timeout_s=self._left_s(shipment)
                )
            except SendFailed:
                break

            if found is not None:
                return Settled(action=await self._succeed(action, found))

            if not may_resend(action, self._clock.now_ms()) or self._is_late(shipment):
                break

            action, failure = await self._send(action, desk, shipment, action.precondition)

            if failure is None:
                return Settled(action=action)

            action = await self._doubt(action)

            # Only a version that this very write was based on says something of the first send.
            # Elsewhere a 409 may mean that the first one is under way.
            if failure.reason is Reason.CHANGED and action.strategy is Strategy.CAS_MARKER:
                return await self._changed(action, desk, shipment)

            if failure.evidence is Evidence.NOT_APPLIED and failure.reason is not Reason.EXISTS:
                break  # this send was refused, but the one before it may still have been applied

        return await self._give_up(action)

    async def _doubt(self, action: Action) -> Action:
        """Note that what was sent may have been applied."""
        if action.state is ActionState.SENDING:
            return await self._ledger.lost(action, OutcomeUnknown.code)

        return action

    async def _changed(self, action: Action, desk: Desk, shipment: Shipment) -> Settled:
        """Decide a resend that met another version: ours landed, or it never can.

        The version is read first. Once it has moved, no send that was based on the old one can
        land, so what the probe does not find then was never applied. A 409 alone proves less:
        a desk may give it for other reasons while the first send is still under way.
        """
        try:
            version = await desk.precondition(shipment.write, timeout_s=self._left_s(shipment))
            found = await desk.probe(
                shipment.write, marker=action.marker, timeout_s=self._left_s(shipment)
            )
        except SendFailed:
            return await self._give_up(action)

        if found is not None:
            return Settled(action=await self._succeed(action, found))

        held = action.precondition

        if held is None or version is None or version.stamp == held.stamp:
            return await self._give_up(action)

        error = TicketChanged("Somebody else changed the ticket first; nothing was applied.")
        return Settled(action=await self._ledger.failed(action, error.code), error=error)

    async def _send(
        self, action: Action, desk: Desk, shipment: Shipment, precondition: Precondition | None
    ) -> tuple[Action, SendFailed | None]:
        """Put `sending` on disk and send once; a failure leaves the action `sending`.

        Each desk of a pool has its own way of telling a write apart from its repetition; a write
        that may be at a desk already keeps the one under which it was sent.
        """
        first = action.state is ActionState.RESERVED
        action = await self._ledger.sending(
            action,
            target=desk.name,
            strategy=desk.strategy(shipment.write) if first else action.strategy,
            precondition=precondition,
        )
        started_s = self._clock.monotonic_s()

        try:
            ref = await desk.write(
                shipment.write,
                marker=action.marker,
                precondition=precondition,
                timeout_s=self._left_s(shipment),
            )
        except SendFailed as failure:
            self._tell(desk, failure.evidence, failure.reason, started_s, failure.status)
            return action, failure

        self._tell(desk, Evidence.APPLIED, Reason.OK, started_s, None)
        return await self._succeed(action, ref), None

    async def _succeed(self, action: Action, ref: Ref) -> Action:
        """Settle as applied."""
        try:
            return await self._ledger.succeeded(action, ref)
        except StorageUnavailable as error:
            raise LedgerDegraded(
                "The desk applied the write; the ledger cannot note it."
            ) from error

    async def _refused(self, action: Action, target: str, failure: SendFailed) -> Settled:
        """Settle a write that was never applied: for good, or free for a later try."""
        error = _public(failure, target)

        if failure.reason in _FINAL:
            return Settled(action=await self._ledger.failed(action, error.code), error=error)

        return Settled(action=await self._ledger.released(action, error.code), error=error)

    async def _give_up(self, action: Action) -> Settled:
        """Leave the action unknown and visible; the next caller or a person goes on."""
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
                latency_ms=round((self._clock.monotonic_s() - started_s) * 1000),
                status=status,
            )
        )


# The desk has read the request and will never take it as it is.
_FINAL = frozenset({Reason.REJECTED, Reason.NOT_FOUND, Reason.CHANGED})


def _public(failure: SendFailed, target: str) -> RouterError:
    """Return the coded error for a write that was not applied."""
    match failure.reason:
        case Reason.NOT_FOUND:
            return NotFound("The desk has nothing with that id.")
        case Reason.CHANGED:
            return TicketChanged("Somebody else changed the ticket first; nothing was applied.")
        case Reason.REJECTED | Reason.EXISTS:
            return DeskRejected(f"{target} refused the request as it is ({failure.status}).")
        case Reason.UNAUTHORIZED:
            return DeskUnavailable(
                f"{target} does not accept the configured credentials, or is not set up for this.",
                next_step="The operator corrects that; `mcp-router doctor` names the cause.",
            )
        case Reason.RATE_LIMITED | Reason.QUOTA:
            wait = f"; it asks for {failure.retry_after_s:.0f} s" if failure.retry_after_s else ""
            return DeskUnavailable(f"{target} takes no more requests at the moment{wait}.")
        case Reason.REDIRECTED:
            return DeskUnavailable(
                f"{target} answered with a redirect, which a write never follows."
            )
        case (
            Reason.OK
            | Reason.REFUSED
            | Reason.TIMEOUT
            | Reason.RESET
            | Reason.SERVER_ERROR
            | Reason.GARBLED
            | Reason.OVER_BUDGET
            | Reason.CANCELLED
        ):
            return DeskUnavailable(f"{target} cannot be reached now.")
        case _:
            assert_never(failure.reason)
