"""How a policy looks in a terminal: top to bottom, as the router reads it."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_router.cli.policy_words import (
    told_budgets,
    told_cache,
    told_checks,
    told_condition,
    told_confidence,
    told_limits,
    told_requirements,
    told_weights,
)
from mcp_router.domain.learning import LearningMode
from mcp_router.domain.policy import Policy, Pool, PoolStrategy, Rule
from mcp_router.domain.target import TargetKind
from mcp_router.policy.routed import COMPLETION_TOOL


def show_policy(console: Console, policy: Policy) -> None:
    """Print the whole policy."""
    completions = [rule for rule in policy.rules if COMPLETION_TOOL in rule.when.tools]
    tools = [rule for rule in policy.rules if COMPLETION_TOOL not in rule.when.tools]
    console.print(Text(f"{policy.label}, owned by {policy.owner}", style="bold"))
    console.print(Text(policy.description))
    console.print(Text(f"Changes: {policy.changes}"))

    for told in _beyond(policy):
        console.print(Text(told))

    console.print(Text(f"SHA-256: {policy.digest}", style="dim"))
    _heading(console, "What customers want")
    console.print(_intents(policy))
    _heading(console, "What can serve a call")
    console.print(_pools(policy))
    _heading(console, "Where completions go: the first rule that holds decides")
    console.print(_rules(completions))
    _heading(console, "Where the desk tools go")
    console.print(_tools(tools))


def _beyond(policy: Policy) -> Iterator[str]:
    """Yield what holds for the whole policy, where it says something of its own."""
    budgets = told_budgets(policy.budgets)

    if policy.evaluation is not None:
        yield f"Evaluation: {policy.evaluation}"

    if budgets:
        yield f"Budgets: {budgets}"

    if policy.learning.mode is not LearningMode.OFF:
        yield (
            f"Learning: {policy.learning.mode}, {policy.learning.exploration:.0%} of calls explore"
        )

    if policy.cases:
        yield f"Tests: {len(policy.cases)} of its own"


def _heading(console: Console, text: str) -> None:
    console.print(Text(f"\n{text}", style="bold cyan"))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")

    for column in columns:
        table.add_column(column, no_wrap=column == columns[0])

    return table


def _intents(policy: Policy) -> Table:
    table = _table("intent", "phrases", "such as")

    for intent in policy.intents:
        note = " (account-specific)" if intent.account_specific else ""
        table.add_row(intent.name, str(len(intent.examples)), Text(intent.examples[0] + note))

    return table


def _pools(policy: Policy) -> Table:
    table = _table("pool", "of", "goal", "order", "targets")

    for pool in policy.pools:
        targets = ", ".join(_targets(pool))
        table.add_row(pool.name, f"{pool.kind}s", pool.goal, _order(pool), targets)

    return table


def _order(pool: Pool) -> str:
    """Return how the pool ranks, with the weights where it weighs."""
    if pool.strategy is not PoolStrategy.BALANCED:
        return pool.strategy

    return f"{pool.strategy}: {told_weights(pool.weights)}"


def _targets(pool: Pool) -> Iterator[str]:
    """Yield each target, with its quality where the pool's order depends on that."""
    rated = pool.strategy in (PoolStrategy.BALANCED, PoolStrategy.QUALITY_FIRST)

    for one in pool.targets:
        yield f"{one.target} ({one.quality:g})" if rated else one.target


def _rules(rules: list[Rule]) -> Table:
    grid = Table.grid(padding=(0, 2))

    for place, rule in enumerate(rules, start=1):
        grid.add_row(Text(f"{place}.", style="dim"), Text(rule.id, style="bold"), Text(_to(rule)))
        grid.add_row("", Text("when", style="dim"), Text(told_condition(rule.when)))
        grid.add_row("", Text("why", style="dim"), Text(" ".join(rule.why.split())))

        for name, told in (
            ("limits", told_limits(rule.limits, TargetKind.MODEL)),
            ("requires", told_requirements(rule.requires)),
            ("checks", told_checks(rule.checks)),
            ("sure", told_confidence(rule.confidence, rule.advisor)),
            ("kept", told_cache(rule.cache)),
        ):
            if told:
                grid.add_row("", Text(name, style="dim"), Text(told))

    return grid


def _tools(rules: list[Rule]) -> Table:
    table = _table("tool", "pool", "limits")

    for rule in rules:
        limits = told_limits(rule.limits, TargetKind.DESK)
        table.add_row(", ".join(rule.when.tools), _to(rule), limits)

    return table


def _to(rule: Rule) -> str:
    """Return the pools of a rule, in the order in which they are tried."""
    return ", then ".join((rule.pool, *rule.fallback))
