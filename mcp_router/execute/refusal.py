"""What a refused write means: for the host in coded words, and for what comes after it."""

from typing import assert_never

from mcp_router.domain.action import Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import (
    DeadlineExceeded,
    DeskRejected,
    DeskUnavailable,
    NotFound,
    RouterError,
    SendFailed,
    TicketChanged,
)
from mcp_router.ledger.strategies import needs_version

# The desk has read the request and will never take it as it is.
FINAL = frozenset({Reason.REJECTED, Reason.NOT_FOUND, Reason.CHANGED})

# A refused resend that says something of the send before it: ask the desk once more.
_TELLING = frozenset({Reason.CHANGED, Reason.EXISTS})


def is_refusal(failure: SendFailed) -> bool:
    """Return whether a resend was refused for a reason that tells nothing of the first send."""
    return failure.evidence is Evidence.NOT_APPLIED and failure.reason not in _TELLING


def may_be_echo(failure: SendFailed, strategy: Strategy) -> bool:
    """Return whether a desk may have refused a write because it has applied that very write.

    What lies between may repeat a request whose answer it has lost, as proxies do with a PUT. The
    second of the two is refused, by the unique value or the version that the first has moved, and
    its answer is the one that is heard.
    """
    if failure.reason is Reason.CHANGED:
        return needs_version(strategy)

    return failure.reason is Reason.EXISTS


def too_late() -> SendFailed:
    """Return the failure of a write whose deadline passed before it left."""
    return SendFailed(
        "The deadline passed before anything was sent.",
        evidence=Evidence.NOT_APPLIED,
        reason=Reason.OVER_BUDGET,
    )


def public_failure(failure: SendFailed, target: str) -> RouterError:
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
        case Reason.OVER_BUDGET:
            return DeadlineExceeded("The call's deadline passed before the write was sent.")
        case (
            Reason.OK
            | Reason.REFUSED
            | Reason.TIMEOUT
            | Reason.RESET
            | Reason.SERVER_ERROR
            | Reason.GARBLED
            | Reason.CANCELLED
            | Reason.BREAKER_OPEN
            | Reason.CHECKS_FAILED
            | Reason.INCOMPLETE
        ):
            return DeskUnavailable(f"{target} cannot be reached now.")
        case _:
            assert_never(failure.reason)
