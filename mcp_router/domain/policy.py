"""A policy as the router uses it: checked, complete and frozen.

`policy/source.py` makes these values from a document; `decide/` reads them.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.target import TargetKind


class PoolStrategy(StrEnum):
    """How the targets of a pool are ranked."""

    COST_OPTIMIZED = "cost-optimized"  # the cheapest for this call first
    BALANCED = "balanced"  # cost and quality, half and half
    QUALITY_FIRST = "quality-first"  # the highest quality first
    AS_LISTED = "as-listed"  # in the document's order; the only one for desks


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyIntent:
    """Something customers want, described by what they say; used to match a question."""

    name: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTarget:
    """A member of a pool; `quality` is an offline evaluation from 0 to 1."""

    target: str
    quality: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A named set of targets with a goal and a strategy."""

    name: str
    kind: TargetKind
    goal: str
    strategy: PoolStrategy
    targets: tuple[PoolTarget, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold for a rule; an empty field asks nothing, a list asks for any of it."""

    tools: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    min_confidence: float | None = None
    customer_tiers: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    min_prompt_tokens: int | None = None
    max_prompt_tokens: int | None = None
    min_turns: int | None = None
    tools_offered: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The first rule whose condition holds decides; `fallback` names the pools after `pool`."""

    id: str
    why: str
    when: Condition
    pool: str
    limits: ChainLimits
    fallback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One released version of a policy; `digest` is the SHA-256 of its document's bytes."""

    name: str
    version: int
    owner: str
    description: str
    changes: str
    digest: str
    intents: tuple[PolicyIntent, ...]
    pools: tuple[Pool, ...]
    rules: tuple[Rule, ...] = field(default=())

    @property
    def label(self) -> str:
        """Return `name@version`, the form used in calls and records."""
        return f"{self.name}@{self.version}"

    def pool(self, name: str) -> Pool:
        """Return the pool of that name; a checked policy has every pool that it refers to."""
        return next(pool for pool in self.pools if pool.name == name)
