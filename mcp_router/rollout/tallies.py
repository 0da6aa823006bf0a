"""What the calls of one arm add up to."""

from collections.abc import Iterable, Sequence

from mcp_router.domain.record import Record
from mcp_router.domain.rollout import Arm, ArmTally, Guard, Metric
from mcp_router.errors import BudgetExceeded, CallRefused, StorageUnavailable

SERVED = frozenset({"ok", "escalated"})
"""Outcomes that are a success of the policy: an answer, or a person who takes over as it says."""

_UNCOUNTED_OUTCOMES = frozenset({"cancelled"})


def _codes(kind: type[CallRefused]) -> Iterable[str]:
    """Yield the code of an error and of all that are of its kind."""
    yield kind.code

    for child in kind.__subclasses__():
        yield from _codes(child)


UNCOUNTED_ERRORS = frozenset({*_codes(CallRefused), BudgetExceeded.code, StorageUnavailable.code})
"""Errors that say nothing about a policy: the caller's, an empty budget's, our store's."""


def counts(record: Record) -> bool:
    """Return whether a call says something about the policy that served it."""
    uncounted = record.outcome in _UNCOUNTED_OUTCOMES or record.error_code in UNCOUNTED_ERRORS
    return not uncounted


def counted(tally: ArmTally, record: Record, guards: Sequence[Guard]) -> ArmTally:
    """Return the tally with one call more."""
    bound_s = next((one.bound for one in guards if one.metric is Metric.P95), None)
    slow = bound_s is not None and record.latency_ms > bound_s * 1000
    cost = record.cost_microusd
    return ArmTally(
        arm=tally.arm,
        calls=tally.calls + 1,
        ok=tally.ok + (record.outcome in SERVED),
        slow=tally.slow + slow,
        cost_microusd=tally.cost_microusd + cost,
        cost_squares=tally.cost_squares + cost * cost,
    )


def summed(arm: Arm, tallies: Iterable[ArmTally]) -> ArmTally:
    """Return the sums of one arm's tallies."""
    mine = [one for one in tallies if one.arm is arm]
    return ArmTally(
        arm=arm,
        calls=sum(one.calls for one in mine),
        ok=sum(one.ok for one in mine),
        slow=sum(one.slow for one in mine),
        cost_microusd=sum(one.cost_microusd for one in mine),
        cost_squares=sum(one.cost_squares for one in mine),
    )
