"""From a draft without problems to the policy that the router uses."""

from collections.abc import Iterator

from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.learning import LearningPlan
from mcp_router.domain.policy import (
    Condition,
    FallbackOrder,
    Policy,
    PolicyIntent,
    Pool,
    PoolStrategy,
    PoolTarget,
    Rule,
    Weights,
)
from mcp_router.domain.target import TargetKind
from mcp_router.policy.build_rules import (
    advisor_plan,
    answer_checks,
    cache_plan,
    condition,
    confidence_plan,
    dollars,
    maybe_dollars,
    requirements,
)
from mcp_router.policy.cases import built_case
from mcp_router.policy.draft import (
    BudgetsForm,
    Draft,
    HeadForm,
    LearningForm,
    PoolForm,
    WeightsForm,
)
from mcp_router.policy.draft_rules import DefaultLimitsForm, LimitsForm, RuleForm, WhenForm

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
            PolicyIntent(
                name=part.name,
                examples=tuple(part.form.examples),
                account_specific=bool(part.form.account_specific),
            )
            for part in draft.intents
        ),
        pools=tuple(_pool(part.name, part.form) for part in draft.pools),
        rules=(*_completion_rules(draft, limits), *_tool_rules(draft, limits)),
        evaluation=head.evaluation,
        budgets=_budgets(draft.budgets or BudgetsForm()),
        learning=LearningPlan() if draft.learning is None else _learning(draft.learning),
        fallback_order=head.fallback_order or FallbackOrder.FAMILY_FIRST,
        cases=tuple(built_case(part.form) for part in draft.cases),
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
        weights=Weights() if form.weights is None else _weights(form.weights),
    )


def _weights(form: WeightsForm) -> Weights:
    """Return the weights in the proportions of the document, brought to a sum of 1."""
    whole = form.cost + form.latency + form.success + form.quality
    return Weights(
        cost=form.cost / whole,
        latency=form.latency / whole,
        success=form.success / whole,
        quality=form.quality / whole,
    )


def _completion_rules(draft: Draft, defaults: DefaultLimitsForm) -> Iterator[Rule]:
    for part in draft.rules:
        yield _rule(part.form, defaults)


def _rule(form: RuleForm, defaults: DefaultLimitsForm) -> Rule:
    return Rule(
        id=form.id,
        why=form.why.strip(),
        when=condition(form.when or WhenForm()),
        pool=form.pool,
        limits=_limits(form.limits, defaults),
        fallback=tuple(form.fallback),
        requires=requirements(form.requires),
        checks=answer_checks(form.checks),
        confidence=confidence_plan(form.confidence),
        advisor=advisor_plan(form.advisor),
        cache=cache_plan(form.cache),
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


def _limits(own: LimitsForm | None, defaults: DefaultLimitsForm) -> ChainLimits:
    """Return a part's own limits, completed by the document's."""
    mine = own or LimitsForm()
    return ChainLimits(
        deadline_s=mine.deadline_s or defaults.deadline_s,
        attempt_timeout_s=mine.attempt_timeout_s or defaults.attempt_timeout_s,
        attempts=mine.attempts or defaults.attempts,
        budget_microusd=dollars(mine.budget_usd or defaults.budget_usd),
        max_output_tokens=mine.max_output_tokens or defaults.max_output_tokens,
    )


def _budgets(form: BudgetsForm) -> BudgetPlan:
    return BudgetPlan(
        ticket_microusd=maybe_dollars(form.ticket_usd),
        run_microusd=maybe_dollars(form.run_usd),
        tenant_month_microusd=maybe_dollars(form.tenant_month_usd),
        ticket_expected_microusd=maybe_dollars(form.ticket_expected_usd),
        hand_over_at=form.hand_over_at,
    )


def _learning(form: LearningForm) -> LearningPlan:
    plain = LearningPlan()
    return LearningPlan(
        mode=form.mode,
        exploration=plain.exploration if form.exploration is None else form.exploration,
        min_quality=plain.min_quality if form.quality_at_least is None else form.quality_at_least,
    )
