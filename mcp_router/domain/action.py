"""One write to a desk, as the ledger holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ActionState(StrEnum):
    """Where an action stands; `succeeded` and `failed` are terminal, `expired` is their tomb."""

    RESERVED = "reserved"
    SENDING = "sending"
    UNKNOWN = "unknown"
    NEEDS_HUMAN = "needs_human"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


INITIAL = frozenset({ActionState.RESERVED, ActionState.SENDING})
"""How an action may begin: `sending` at once where nothing has to be read before."""

ARROWS: Mapping[ActionState, frozenset[ActionState]] = MappingProxyType(
    {
        ActionState.RESERVED: frozenset(
            {ActionState.RESERVED, ActionState.SENDING, ActionState.FAILED}
        ),
        ActionState.SENDING: frozenset(
            {
                ActionState.RESERVED,
                ActionState.UNKNOWN,
                ActionState.SUCCEEDED,
                ActionState.FAILED,
            }
        ),
        ActionState.UNKNOWN: frozenset(
            {
                ActionState.SENDING,
                ActionState.UNKNOWN,
                ActionState.NEEDS_HUMAN,
                ActionState.SUCCEEDED,
                ActionState.FAILED,
            }
        ),
        ActionState.NEEDS_HUMAN: frozenset({ActionState.SUCCEEDED, ActionState.FAILED}),
        ActionState.SUCCEEDED: frozenset({ActionState.EXPIRED}),
        ActionState.FAILED: frozenset({ActionState.EXPIRED}),
        ActionState.EXPIRED: frozenset(),
    }
)
"""What an action may become next; the ledger and every store refuse everything else."""


class Strategy(StrEnum):
    """How a target lets us find out whether a write was applied, and repeat it safely."""

    NATIVE_KEY = "native_key"  # the target keeps an idempotency key for a while
    UNIQUE_INDEX = "unique_index"  # a unique field makes a second insert fail
    CAS_MARKER = "cas_marker"  # a precondition on the version, and a marker to look for
    MARKER_PROBE = "marker_probe"  # a marker to look for, no precondition
    NONE = "none"  # a person decides


class Outcome(StrEnum):
    """What a writing tool answers."""

    SUCCEEDED = "succeeded"
    REPLAYED = "replayed"
    IN_PROGRESS = "in_progress"
    CONFLICT = "conflict"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """The thing at the desk that a write made or changed."""

    id: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """The version that a write was based on.

    `settled` is true when the target's clock had already left the second of `stamp`, so that no
    other change can carry the same stamp.
    """

    stamp: str
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One row of the ledger. `fence` grows with every new owner; times are epoch milliseconds.

    `write_json` is what is sent, for whoever has to go on with it; `answer_json` what a replay
    repeats. `lease_until_ms` is on the store's own clock, which only the store reads.
    `sent_ago_ms` is how long before the row was read its first send was put on disk, by that
    clock: None where it was never sent, or where the store cannot tell.
    """

    action_id: str
    tenant: str
    principal: str
    key: str
    tool: str
    target: str
    strategy: Strategy
    fingerprint: str
    arguments_json: str
    state: ActionState
    created_ms: int
    updated_ms: int
    attempts: int = 0
    fence: int = 1
    owner: str | None = None
    lease_until_ms: int = 0
    marker: str = ""
    run_id: str | None = None
    object_id: str | None = None
    precondition: Precondition | None = None
    ref: Ref | None = None
    error_code: str | None = None
    decided_by: str | None = None
    write_json: str = ""
    answer_json: str | None = None
    sent_ago_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEvent:
    """One transition of an action, as it was written in the same transaction."""

    at_ms: int
    state: ActionState
    fence: int
    attempts: int
    detail: str | None
