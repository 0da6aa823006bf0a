"""Small policies and targets, for saying only what a test is about."""

from mcp_router.domain.decision import ChainLimits, Decision
from mcp_router.domain.policy import Condition, Policy, Pool, PoolStrategy, PoolTarget, Rule
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


def model(name: str, cost: int = 1_000, context: int | None = None) -> TargetFacts:
    provider, _, family = name.partition("-")
    return TargetFacts(
        name=name,
        kind=TargetKind.MODEL,
        provider=provider,
        family=family or provider,
        price=Price(input=cost * 1_000, output=0),  # for the 1,000 tokens of COMPLETION
        context_tokens=context,
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
) -> Pool:
    members = tuple(PoolTarget(target=target, quality=quality) for target, quality in targets)
    return Pool(name=name, kind=kind, goal="stability", strategy=strategy, targets=members)


def rule(
    name: str,
    to: str,
    *,
    when: Condition = ANYTHING,
    fallback: tuple[str, ...] = (),
    limits: ChainLimits = LIMITS,
) -> Rule:
    return Rule(
        id=name, why=f"Because {name}.", when=when, pool=to, limits=limits, fallback=fallback
    )


def policy(rules: tuple[Rule, ...], pools: tuple[Pool, ...]) -> Policy:
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
    )


def ranked(decision: Decision) -> list[tuple[str, str]]:
    """Return pool and target of each candidate, best first."""
    return [(one.pool, one.target) for one in decision.candidates]
