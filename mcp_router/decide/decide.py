"""The answer of a policy to one call: the same for the same facts, on every machine, every day."""

from collections.abc import Mapping
from dataclasses import replace

from mcp_router.decide.match import match_rule
from mcp_router.decide.score import Size, rank
from mcp_router.domain.decision import Candidate, ChainLimits, Decision, Rejection
from mcp_router.domain.policy import Policy, Pool, PoolTarget, Rule
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import TargetFacts

NOTHING = ChainLimits(
    deadline_s=0.0, attempt_timeout_s=0.0, attempts=0, budget_microusd=0, max_output_tokens=0
)
"""The limits of a call that no rule covers."""


def decide(policy: Policy, signals: Signals, facts: Mapping[str, TargetFacts]) -> Decision:
    """Return where the call goes: the candidates of the rule's pool, then of its fallback pools.

    `facts` holds what router.yaml has configured, by the names that policies use. A target stands
    in the first pool that lists it and nowhere else. Where no rule covers the call, rule and pool
    are empty; where no target can serve it, so are the candidates. Neither is an error here.
    """
    rule = match_rule(policy.rules, signals)
    candidates: list[Candidate] = []
    rejections: list[Rejection] = []
    seen: set[str] = set()

    for name in _pools(rule):
        pool = policy.pool(name)
        ranking = rank(
            replace(pool, targets=_unseen(pool, seen)),
            facts,
            size=_size(signals, rule),
            limits=rule.limits if rule else NOTHING,
        )
        candidates += ranking.candidates
        rejections += ranking.rejections

    return Decision(
        policy=policy.label,
        policy_digest=policy.digest,
        rule=rule.id if rule else "",
        why=rule.why if rule else "",
        pool=rule.pool if rule else "",
        signals=signals,
        candidates=tuple(candidates),
        rejections=tuple(rejections),
        limits=rule.limits if rule else NOTHING,
    )


def _size(signals: Signals, rule: Rule | None) -> Size:
    """Return how long the call is: the answer is as long as both the rule and the host allow."""
    longest = rule.limits.max_output_tokens if rule else 0
    asked = longest if signals.answer_tokens is None else signals.answer_tokens
    return Size(prompt_tokens=signals.prompt_tokens, answer_tokens=min(asked, longest))


def _unseen(pool: Pool, seen: set[str]) -> tuple[PoolTarget, ...]:
    """Return the targets that are new, each once, and add them to `seen`."""
    new: list[PoolTarget] = []

    for one in pool.targets:
        if one.target not in seen:
            seen.add(one.target)
            new.append(one)

    return tuple(new)


def _pools(rule: Rule | None) -> tuple[str, ...]:
    """Return the pools to try, in order."""
    return (rule.pool, *rule.fallback) if rule else ()
