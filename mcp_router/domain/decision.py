"""Where a call goes and why: the rule, the ranking and every refusal with its reason."""

from dataclasses import dataclass

from mcp_router.domain.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One part of a score, normalised to 0..1, and the weight that the strategy gave it."""

    name: str
    value: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A target that may serve the call, best first in a decision."""

    target: str
    pool: str
    provider: str
    family: str
    score: float
    factors: tuple[Factor, ...]
    estimated_microusd: int


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
    """The answer of a policy to one call's signals."""

    policy: str  # name@version
    policy_digest: str
    rule: str
    why: str  # the rule's own reason
    pool: str
    signals: Signals
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    limits: ChainLimits
