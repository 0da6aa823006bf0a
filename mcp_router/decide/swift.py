"""The values of a decision, built in a fifth of the usual time.

A frozen dataclass sets every field through `object.__setattr__`, one look-up each; twenty
candidates with their factors would take longer than all the rest of deciding. So they are built
as a twin with the same slots and no such guard, and become the frozen class at the end, which
Python allows between classes of one layout. The tests compare them with what the constructors
make, field by field, and fail if a field is added to one side only.
"""

from mcp_router.domain.budget import SpendView
from mcp_router.domain.decision import Candidate, ChainLimits, Decision, Factor, Rejection
from mcp_router.domain.learning import Choice
from mcp_router.domain.policy import Policy, Rule
from mcp_router.domain.rollout import Arm
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import TargetFacts


class _FactorTwin:
    """A factor that may still be filled."""

    __slots__ = ("name", "value", "weight")

    name: str
    value: float
    weight: float


class _CandidateTwin:
    """A candidate that may still be filled."""

    __slots__ = (
        "estimated_microusd",
        "factors",
        "family",
        "pool",
        "propensity",
        "provider",
        "score",
        "target",
    )

    target: str
    pool: str
    provider: str
    family: str
    score: float
    factors: tuple[Factor, ...]
    estimated_microusd: int
    propensity: float | None


class _DecisionTwin:
    """A decision that may still be filled."""

    __slots__ = (
        "arm",
        "candidates",
        "choice",
        "facts",
        "limits",
        "policy",
        "policy_digest",
        "pool",
        "rejections",
        "rule",
        "signals",
        "spend",
        "why",
    )

    policy: str
    policy_digest: str
    rule: str
    why: str
    pool: str
    signals: Signals
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    limits: ChainLimits
    arm: Arm | None
    choice: Choice | None
    facts: tuple[TargetFacts, ...]
    spend: SpendView


def factor(name: str, value: float, weight: float) -> Factor:
    """Return the factor.

    >>> factor("cost", 0.5, 1.0)
    Factor(name='cost', value=0.5, weight=1.0)
    """
    made = _FactorTwin()
    made.name = name
    made.value = value
    made.weight = weight
    made.__class__ = Factor  # type: ignore[assignment]  # the twin becomes the frozen class
    return made  # type: ignore[return-value]  # what it is since the line above


def candidate(
    target: str,
    pool: str,
    provider: str,
    family: str,
    score: float,
    factors: tuple[Factor, ...],
    estimated_microusd: int,
    propensity: float | None = None,
) -> Candidate:
    """Return the candidate; by position, for names cost time here."""
    made = _CandidateTwin()
    made.target = target
    made.pool = pool
    made.provider = provider
    made.family = family
    made.score = score
    made.factors = factors
    made.estimated_microusd = estimated_microusd
    made.propensity = propensity
    made.__class__ = Candidate  # type: ignore[assignment]  # the twin becomes the frozen class
    return made  # type: ignore[return-value]  # what it is since the line above


def decided(
    policy: Policy,
    rule: Rule | None,
    limits: ChainLimits,
    signals: Signals,
    candidates: tuple[Candidate, ...],
    rejections: tuple[Rejection, ...],
    facts: tuple[TargetFacts, ...],
    spend: SpendView,
    arm: Arm | None,
    choice: Choice | None,
) -> Decision:
    """Return the decision of a policy by one of its rules, or by none."""
    made = _DecisionTwin()
    made.policy = policy.label
    made.policy_digest = policy.digest
    made.rule = rule.id if rule is not None else ""
    made.why = rule.why if rule is not None else ""
    made.pool = rule.pool if rule is not None else ""
    made.signals = signals
    made.candidates = candidates
    made.rejections = rejections
    made.limits = limits
    made.arm = arm
    made.choice = choice
    made.facts = facts
    made.spend = spend
    made.__class__ = Decision  # type: ignore[assignment]  # the twin becomes the frozen class
    return made  # type: ignore[return-value]  # what it is since the line above
