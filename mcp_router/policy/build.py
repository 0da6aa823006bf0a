"""From a draft without problems to the policy that the router uses."""

from collections.abc import Iterator
from decimal import Decimal

from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.money import microusd
from mcp_router.domain.policy import (
    Condition,
    Policy,
    PolicyIntent,
    Pool,
    PoolStrategy,
    PoolTarget,
    Rule,
)
from mcp_router.domain.target import TargetKind
from mcp_router.policy.draft import (
    DefaultLimitsForm,
    Draft,
    HeadForm,
    LimitsForm,
    PoolForm,
    WhenForm,
)
from mcp_router.policy.routed import COMPLETION_TOOL

_UNRATED = 0.5  # only ever shown: strategies that rank by quality insist on a figure


def build(draft: Draft, head: HeadForm, limits: DefaultLimitsForm, *, digest: str) -> Policy:
    """Return the policy of a draft in which `check` found no problem.

    The rules of the document come first, each for completions only; then one rule with the id
    `tool:<name>` for every tool.
    """
    return Policy(
        name=head.name,
        version=head.version,
        owner=head.owner,
        description=head.description.strip(),
        changes=head.changes.strip(),
        digest=digest,
        intents=tuple(
            PolicyIntent(name=part.name, examples=tuple(part.form.examples))
            for part in draft.intents
        ),
        pools=tuple(_pool(part.name, part.form) for part in draft.pools),
        rules=(*_completion_rules(draft, limits), *_tool_rules(draft, limits)),
    )


def _pool(name: str, form: PoolForm) -> Pool:
    targets = (
        PoolTarget(target=t.target, quality=_UNRATED if t.quality is None else t.quality)
        for t in form.targets
    )
    return Pool(
        name=name,
        kind=TargetKind(form.kind),
        goal=form.goal,
        strategy=form.strategy or PoolStrategy.AS_LISTED,
        targets=tuple(targets),
    )


def _completion_rules(draft: Draft, defaults: DefaultLimitsForm) -> Iterator[Rule]:
    for part in draft.rules:
        yield Rule(
            id=part.form.id,
            why=part.form.why.strip(),
            when=_condition(part.form.when or WhenForm()),
            pool=part.form.pool,
            limits=_limits(part.form.limits, defaults),
            fallback=tuple(part.form.fallback),
        )


def _tool_rules(draft: Draft, defaults: DefaultLimitsForm) -> Iterator[Rule]:
    for part in draft.tools:
        yield Rule(
            id=f"tool:{part.name}",
            why=f"The policy's tools send {part.name} to {part.form.pool}.",
            when=Condition(tools=(part.name,)),
            pool=part.form.pool,
            limits=_limits(part.form.limits, defaults),
            fallback=tuple(part.form.fallback),
        )


def _condition(when: WhenForm) -> Condition:
    return Condition(
        tools=(COMPLETION_TOOL,),
        intents=tuple(when.intent or ()),
        min_confidence=when.confidence_at_least,
        customer_tiers=tuple(when.customer_tier or ()),
        tenants=tuple(when.tenant or ()),
        locales=tuple(when.locale or ()),
        channels=tuple(when.channel or ()),
        min_prompt_tokens=when.prompt_tokens_at_least,
        max_prompt_tokens=when.prompt_tokens_at_most,
        min_turns=when.turns_at_least,
        tools_offered=when.tools_offered,
    )


def _limits(own: LimitsForm | None, defaults: DefaultLimitsForm) -> ChainLimits:
    """Return a part's own limits, completed by the document's."""
    mine = own or LimitsForm()
    return ChainLimits(
        deadline_s=mine.deadline_s or defaults.deadline_s,
        attempt_timeout_s=mine.attempt_timeout_s or defaults.attempt_timeout_s,
        attempts=mine.attempts or defaults.attempts,
        budget_microusd=microusd(Decimal(str(mine.budget_usd or defaults.budget_usd))),
        max_output_tokens=mine.max_output_tokens or defaults.max_output_tokens,
    )
