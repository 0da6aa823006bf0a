"""What a call may do to a target: declared by every tool for every kind of target."""

from enum import StrEnum


class Effect(StrEnum):
    """The column of the fallback law that applies to a call."""

    READ = "read"
    IDEMPOTENT_WRITE = "idempotent_write"
    NON_IDEMPOTENT_WRITE = "non_idempotent_write"
