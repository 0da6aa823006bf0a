"""A case of a policy's own tests: given these signals, expect that."""

from dataclasses import dataclass

from mcp_router.domain.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a case expects; None expects nothing. `refused` is whether no target may serve it."""

    rule: str | None = None
    pool: str | None = None
    target: str | None = None
    cache: bool | None = None  # whether the rule may use the cache for this call
    refused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCase:
    """One case; with `text` the intent is matched from it, else `given` says it."""

    name: str
    given: Signals
    expected: Expected
    text: str | None = None
