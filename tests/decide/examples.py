"""Small policies and targets, for saying only what a test is about."""

from mcp_router.decide.terms import Bounds, Terms, terms_of
from mcp_router.domain.budget import UNSPENT, SpendView
from mcp_router.domain.decision import ChainLimits, Decision
from mcp_router.domain.health import UNKNOWN_HEALTH, TargetHealth
from mcp_router.domain.learning import LearningPlan
from mcp_router.domain.policy import (
    NO_REQUIREMENTS,
    Condition,
    FallbackOrder,
    Policy,
    Pool,
    PoolStrategy,
    PoolTarget,
    Requirements,
    Rule,
    Weights,
)
from mcp_router.domain.signals import Intent, Signals
from mcp_router.domain.target import Price, TargetFacts, TargetKind

LIMITS = ChainLimits(
    deadline_s=30.0,
    attempt_timeout_s=12.0,
    attempts=4,
    budget_microusd=100_000,
    max_output_tokens=800,
)
ANYTHING = Condition()
COMPLETION = Signals(
    tool="route_completion",
    tenant="acme",
    intent=Intent(name="refund_dispute", confidence=0.8),
    customer_tier="vip",
    locale="de-AT",
    channel="email",
    prompt_tokens=1_000,
    tools_offered=2,
    turns=5,
)
LOOKUP = Signals(tool="lookup_ticket", tenant="acme")
EVEN = Weights()
OFF = LearningPlan()


def model(
    name: str,
    cost: int = 1_000,
    context: int | None = None,
    *,
    health: TargetHealth = UNKNOWN_HEALTH,
) -> TargetFacts:
    provider, _, family = name.partition("-")
    return TargetFacts(
        name=name,
        kind=TargetKind.MODEL,
        provider=provider,
        family=family or provider,
        price=Price(input=cost * 1_000, output=0),  # for the 1,000 tokens of COMPLETION
        context_tokens=context,
        health=health,
    )


def desk(name: str) -> TargetFacts:
    return TargetFacts(name=name, kind=TargetKind.DESK, provider=name, family=name)


def configured(*targets: TargetFacts) -> dict[str, TargetFacts]:
    return {target.name: target for target in targets}


def pool(
    name: str,
    strategy: PoolStrategy,
    *targets: tuple[str, float],
    kind: TargetKind = TargetKind.MODEL,
    weights: Weights = EVEN,
) -> Pool:
    return Pool(
        name=name,
        kind=kind,
        goal="stability",
        strategy=strategy,
        targets=tuple(PoolTarget(target=target, quality=quality) for target, quality in targets),
        weights=weights,
    )


def rule(
    name: str,
    to: str,
    *,
    when: Condition = ANYTHING,
    fallback: tuple[str, ...] = (),
    limits: ChainLimits = LIMITS,
    requires: Requirements = NO_REQUIREMENTS,
) -> Rule:
    return Rule(
        id=name,
        why=f"Because {name}.",
        when=when,
        pool=to,
        limits=limits,
        fallback=fallback,
        requires=requires,
    )


def terms(
    signals: Signals = COMPLETION,
    limits: ChainLimits = LIMITS,
    *,
    requires: Requirements = NO_REQUIREMENTS,
    spend: SpendView = UNSPENT,
) -> Terms:
    """Return what a call asks of every target."""
    return terms_of(Bounds(limits, requires), signals, spend)


def policy(
    rules: tuple[Rule, ...],
    pools: tuple[Pool, ...],
    *,
    learning: LearningPlan = OFF,
    order: FallbackOrder = FallbackOrder.FAMILY_FIRST,
) -> Policy:
    return Policy(
        name="support",
        version=3,
        owner="support-operations",
        description="",
        changes="First version.",
        digest="d1",
        intents=(),
        pools=pools,
        rules=rules,
        learning=learning,
        fallback_order=order,
    )


def ranked(decision: Decision) -> list[tuple[str, str]]:
    """Return pool and target of each candidate, best first."""
    return [(one.pool, one.target) for one in decision.candidates]
