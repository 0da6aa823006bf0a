"""A case of a policy's own tests: given these signals, expect that."""

from dataclasses import dataclass

from mcp_router.domain.signals import Signals

NONE = "none"
"""Stands for the rule, pool or target of a call that has none."""


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
    """One case; what `given` does not say is read from `text`, where there is one.

    With a text the intent is always the one that is found in it. `zeros` names the signals that
    are given as 0, which in `given` also stands for what is not said.
    """

    name: str
    given: Signals
    expected: Expected
    text: str | None = None
    zeros: tuple[str, ...] = ()
