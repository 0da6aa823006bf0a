"""Who calls: taken from the transport, never from the arguments of a call."""

from dataclasses import dataclass
from enum import StrEnum

LOCAL_TENANT = "local"


class Scope(StrEnum):
    """What a caller may do."""

    READ = "read"
    WRITE = "write"
    APPROVE = "approve"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One authenticated caller; `tenant` scopes everything that is keyed or stored."""

    tenant: str
    principal: str
    scopes: frozenset[Scope]
    transport: str


def trusted_caller(transport: str) -> Caller:
    """Return the caller of a transport that is trusted as a whole, such as standard input."""
    return Caller(
        tenant=LOCAL_TENANT, principal=transport, scopes=frozenset(Scope), transport=transport
    )
