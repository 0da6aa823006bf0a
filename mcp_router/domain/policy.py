"""A policy as the router uses it: checked, complete and frozen.

`policy/source.py` makes these values from a document; `decide/` reads them.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.guardrails import (
    NO_CHECKS,
    AdvisorPlan,
    AnswerChecks,
    CachePlan,
    ConfidencePlan,
)
from mcp_router.domain.learning import LearningPlan
from mcp_router.domain.policy_case import PolicyCase
from mcp_router.domain.target import TargetKind


class PoolStrategy(StrEnum):
    """How the targets of a pool are ranked."""

    COST_OPTIMIZED = "cost-optimized"  # the cheapest that is good enough first
    BALANCED = "balanced"  # by the pool's weights
    QUALITY_FIRST = "quality-first"  # the highest quality first
    LATENCY_OPTIMIZED = "latency-optimized"  # the fastest first
    AS_LISTED = "as-listed"  # in the document's order; the only one for desks


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyIntent:
    """Something customers want, described by what they say; used to match a question.

    An answer to an `account_specific` one holds facts of one customer and is never kept.
    """

    name: str
    examples: tuple[str, ...]
    account_specific: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTarget:
    """A member of a pool; `quality` is an offline evaluation from 0 to 1."""

    target: str
    quality: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each factor counts in a balanced pool; they add up to 1."""

    cost: float = 0.25
    latency: float = 0.25
    success: float = 0.25
    quality: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A named set of targets with a goal and a strategy."""

    name: str
    kind: TargetKind
    goal: str
    strategy: PoolStrategy
    targets: tuple[PoolTarget, ...]
    weights: Weights = field(default_factory=Weights)


class FallbackOrder(StrEnum):
    """Who takes over after the first target."""

    FAMILY_FIRST = "family-first"  # the same family at another provider, then the others by rank
    RANKED = "ranked"  # by rank alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a target must be, whatever its score; what is None or empty asks nothing.

    A target of which nobody knows the residency or retention does not fulfil them; one of which
    nobody has measured the latency yet does.
    """

    min_quality: float | None = None
    max_p95_ms: int | None = None
    residency: tuple[str, ...] = ()  # any of these regions
    max_retention_days: int | None = None
    capabilities: tuple[str, ...] = ()  # all of these


NO_REQUIREMENTS = Requirements()
"""Every target will do."""


def locale_tag(locale: str) -> str:
    """Return a language tag so that one which begins with another is it or a region of it.

    That is RFC 4647, basic filtering; systems write `de_AT` as well as `de-AT`.

    >>> locale_tag("de_AT").startswith(locale_tag("DE"))
    True
    """
    return f"{locale.casefold().replace('_', '-')}-"


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
    max_turns: int | None = None
    tools_required: bool | None = None
    min_retrieval_confidence: float | None = None
    max_retrieval_confidence: float | None = None
    safety_flags: tuple[str, ...] = ()
    sensitive_topics: tuple[str, ...] = ()
    pii_kinds: tuple[str, ...] = ()
    ticket_statuses: tuple[str, ...] = ()
    ticket_priorities: tuple[str, ...] = ()
    min_complexity: float | None = None
    max_complexity: float | None = None
    min_cache_similarity: float | None = None
    min_deadline_s: float | None = None
    max_deadline_s: float | None = None
    min_ticket_spend_microusd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The first rule whose condition holds decides; `fallback` names the pools after `pool`."""

    id: str
    why: str
    when: Condition
    pool: str
    limits: ChainLimits
    fallback: tuple[str, ...] = ()
    requires: Requirements = NO_REQUIREMENTS
    checks: AnswerChecks = NO_CHECKS
    confidence: ConfidencePlan = field(default_factory=ConfidencePlan)
    advisor: AdvisorPlan | None = None
    cache: CachePlan | None = None


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
    evaluation: str | None = None  # where the report on this version stands
    budgets: BudgetPlan = field(default_factory=BudgetPlan)
    learning: LearningPlan = field(default_factory=LearningPlan)
    fallback_order: FallbackOrder = FallbackOrder.FAMILY_FIRST
    cases: tuple[PolicyCase, ...] = ()

    @property
    def label(self) -> str:
        """Return `name@version`, the form used in calls and records."""
        return f"{self.name}@{self.version}"

    def pool(self, name: str) -> Pool:
        """Return the pool of that name; a checked policy has every pool that it refers to."""
        return next(pool for pool in self.pools if pool.name == name)

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule of that id, None where there is none."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def intent(self, name: str | None) -> PolicyIntent | None:
        """Return the intent of that name, None where there is none."""
        return next((intent for intent in self.intents if intent.name == name), None)
