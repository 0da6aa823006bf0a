"""How a policy looks in a terminal: top to bottom, as the router reads it."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_router.decide.wording import count, listed
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.money import usd
from mcp_router.domain.policy import Condition, Policy, Pool, PoolStrategy, Rule
from mcp_router.domain.target import TargetKind
from mcp_router.policy.routed import COMPLETION_TOOL

ALWAYS = "always"


def show_policy(console: Console, policy: Policy) -> None:
    """Print the whole policy."""
    completions = [rule for rule in policy.rules if COMPLETION_TOOL in rule.when.tools]
    tools = [rule for rule in policy.rules if COMPLETION_TOOL not in rule.when.tools]
    console.print(Text(f"{policy.label}, owned by {policy.owner}", style="bold"))
    console.print(Text(policy.description))
    console.print(Text(f"Changes: {policy.changes}"))
    console.print(Text(f"SHA-256: {policy.digest}", style="dim"))
    _heading(console, "What customers want")
    console.print(_intents(policy))
    _heading(console, "What can serve a call")
    console.print(_pools(policy))
    _heading(console, "Where completions go: the first rule that holds decides")
    console.print(_rules(completions))
    _heading(console, "Where the desk tools go")
    console.print(_tools(tools))


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
        table.add_row(intent.name, str(len(intent.examples)), Text(intent.examples[0]))

    return table


def _pools(policy: Policy) -> Table:
    table = _table("pool", "of", "goal", "order", "targets")

    for pool in policy.pools:
        targets = ", ".join(_targets(pool))
        table.add_row(pool.name, f"{pool.kind}s", pool.goal, pool.strategy, targets)

    return table


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
        limits = told_limits(rule.limits, TargetKind.MODEL)
        grid.add_row("", Text("limits", style="dim"), Text(limits))

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


def told_limits(limits: ChainLimits, kind: TargetKind) -> str:
    """Return what everything that one call does may take; a desk takes neither money nor tokens."""
    most = (
        f"{count(limits.attempts, 'attempt')} within {limits.deadline_s:g} s, "
        f"{limits.attempt_timeout_s:g} s each"
    )

    if kind is TargetKind.DESK:
        return most

    tokens = count(limits.max_output_tokens, "token")
    return f"{most}; ${usd(limits.budget_microusd):g}; {tokens} of answer"


def told_condition(condition: Condition) -> str:
    """Return what must hold, in words; what is not asked is not told."""
    return "; ".join((*_told_caller(condition), *_told_request(condition))) or ALWAYS


def _told_caller(condition: Condition) -> Iterator[str]:
    """Yield what is asked of the customer and of where the call comes from."""
    if condition.intents:
        yield f"intent {_any_of(condition.intents)}"

    if condition.min_confidence is not None:
        yield f"confidence at least {condition.min_confidence:g}"

    for noun, words in (
        ("customer tier", condition.customer_tiers),
        ("tenant", condition.tenants),
        ("locale", condition.locales),
        ("channel", condition.channels),
    ):
        if words:
            yield f"{noun} {_any_of(words)}"


def _told_request(condition: Condition) -> Iterator[str]:
    """Yield what is asked of the request itself."""
    if condition.min_prompt_tokens is not None:
        yield f"prompt of at least {count(condition.min_prompt_tokens, 'token')}"

    if condition.max_prompt_tokens is not None:
        yield f"prompt of at most {count(condition.max_prompt_tokens, 'token')}"

    if condition.min_turns is not None:
        yield f"at least {count(condition.min_turns, 'turn')}"

    if condition.tools_offered is not None:
        yield "tools offered" if condition.tools_offered else "no tools offered"


def _any_of(words: tuple[str, ...]) -> str:
    """Return words of which one is enough.

    >>> _any_of(("a", "b", "c"))
    'a, b or c'
    """
    return listed(words).replace(" and ", " or ") if len(words) > 1 else words[0]
