"""Where a call goes and why: the rule, the ranking and every refusal with its reason."""

from dataclasses import dataclass

from mcp_router.domain.budget import UNSPENT, SpendView
from mcp_router.domain.learning import Choice
from mcp_router.domain.rollout import Arm
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import TargetFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One part of a score, normalised to 0..1, and the weight that the strategy gave it."""

    name: str
    value: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A target that may serve the call, best first in a decision.

    `propensity` is the exact probability with which it would have been chosen as the first one;
    None where nothing was drawn.
    """

    target: str
    pool: str
    provider: str
    family: str
    score: float
    factors: tuple[Factor, ...]
    estimated_microusd: int
    propensity: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A target of the pool that may not serve the call, and the reason a person can read."""

    target: str
    pool: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLimits:
    """ONE deadline, ONE cost budget and ONE attempt cap for everything a call does."""

    deadline_s: float
    attempt_timeout_s: float
    attempts: int
    budget_microusd: int
    max_output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of a policy to one call's signals, with all that it was made of.

    `facts` and `spend` are what was known at that moment: with them the decision can be made
    again, by this version of the policy or by another one.
    """

    policy: str  # name@version
    policy_digest: str
    rule: str
    why: str  # the rule's own reason
    pool: str
    signals: Signals
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    limits: ChainLimits
    arm: Arm | None = None  # of a rollout; None where the call named its version
    choice: Choice | None = None
    facts: tuple[TargetFacts, ...] = ()
    spend: SpendView = UNSPENT
