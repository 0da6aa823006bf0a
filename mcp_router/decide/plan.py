"""A policy made ready for deciding: what does not change from call to call is worked out once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from mcp_router.decide.match import Matcher
from mcp_router.decide.score import Ranker
from mcp_router.decide.terms import Bounds
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.policy import Policy, PoolTarget, Rule
from mcp_router.domain.signals import Signals

NOTHING = ChainLimits(
    deadline_s=0.0, attempt_timeout_s=0.0, attempts=0, budget_microusd=0, max_output_tokens=0
)
"""The limits of a call that no rule covers."""

_POLICIES = 64  # more than a process serves at a time: two versions of each, and those of a replay


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePlan:
    """A rule with its pools in order; a target stands in the first that lists it."""

    rule: Rule
    bounds: Bounds
    rankers: tuple[Ranker, ...]  # of the rule's own pool first
    qualities: Mapping[str, float]  # of the targets of the rule's own pool


class PolicyPlan:
    """The rules of a policy, ready to be matched and ranked."""

    def __init__(self, policy: Policy) -> None:
        """Read the policy once."""
        self._matcher = Matcher([rule.when for rule in policy.rules])
        self._rules = tuple(_rule_plan(policy, rule) for rule in policy.rules)

    def rule(self, signals: Signals) -> RulePlan | None:
        """Return the first rule whose condition holds, None if none does."""
        at = self._matcher.match(signals)
        return None if at is None else self._rules[at]


def plan_of(policy: Policy) -> PolicyPlan:
    """Return the policy's plan: the same for the same object, which cannot change."""
    return _plan_of(_Same(policy))


class _Same:
    """A policy that equals only itself: comparing whole documents would outlast the decision."""

    __slots__ = ("policy",)

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __hash__(self) -> int:
        return id(self.policy)  # held by the cache's key, so nobody else gets this id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.policy is self.policy


@lru_cache(maxsize=_POLICIES)
def _plan_of(same: _Same) -> PolicyPlan:
    return PolicyPlan(same.policy)


def _rule_plan(policy: Policy, rule: Rule) -> RulePlan:
    """Return the rule with its pools, each target once."""
    seen: set[str] = set()
    rankers: list[Ranker] = []

    for name in dict.fromkeys((rule.pool, *rule.fallback)):
        pool = policy.pool(name)
        members: list[PoolTarget] = []

        for one in pool.targets:
            if one.target not in seen:
                seen.add(one.target)
                members.append(one)

        rankers.append(Ranker(pool, members))

    own = policy.pool(rule.pool).targets
    return RulePlan(
        rule=rule,
        bounds=Bounds(rule.limits, rule.requires),
        rankers=tuple(rankers),
        qualities={one.target: one.quality for one in reversed(own)},  # the first one counts
    )
