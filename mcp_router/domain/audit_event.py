"""What happens to the decision log itself, and what a person decides in the ledger."""

from dataclasses import dataclass
from enum import StrEnum


class AuditChange(StrEnum):
    """What happened."""

    KEYS_CHANGED = "keys_changed"  # heads are signed with another key from now on
    EXPORT_MADE = "export_made"
    LOG_PRUNED = "log_pruned"
    ACTION_RESOLVED = "action_resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One of these, as the decision log keeps it: who, when (the record's time), why."""

    change: AuditChange
    who: str
    why: str = ""
    key_id: str | None = None  # the new key
    public_key: str | None = None  # its public half, in hexadecimal
    signed_by: str | None = None  # the old key that vouches for it
    signature: str | None = None  # the old key's
    accepted: str | None = None  # the new key's signature of the same
    kind: str | None = None  # the format of an export
    tenant: str | None = None  # whose records were exported, None for all
    size: int | None = None  # how many rows, from the first ever on, were pruned
    action_id: str | None = None
    state: str | None = None  # what the action was found to be
