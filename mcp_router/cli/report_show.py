"""How the report on a decision log looks in a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_router.cli.report_words import change, money, points, scope, share, time, told
from mcp_router.decide.wording import count
from mcp_router.domain.log_report import Comparison, Group, LogReport, Spender
from mcp_router.domain.selection import Selection

HEADINGS = ("calls", "success", "$ per 1,000", "cost", "p50", "p95", "fallback", "cache")


def show(console: Console, report: LogReport, selection: Selection) -> None:
    """Print the report."""
    console.print(Text(f"The decision log, {scope(report, selection)}", style="bold"))
    told_changes = count(report.changes, "change") + " of policies"
    console.print(f"{count(report.calls, 'call')}, {told_changes}\n")

    if report.comparison is not None:
        _show_comparison(console, report.comparison)

    for heading, groups in (
        ("intent", report.intents),
        ("tenant", report.tenants),
        ("policy", report.policies),
        ("target", report.targets),
    ):
        _show_groups(console, f"answers by {heading}", groups, report.completions)

    _show_groups(console, "calls by tool", report.tools, None)
    _show_stages(console, report)
    _show_spenders(console, "most expensive ticket", report.tickets)
    _show_spenders(console, "most expensive customer", report.customers)
    _show_errors(console, report)


def figures(group: Group) -> tuple[str, ...]:
    """Return a group's cells, in the order of `HEADINGS`."""
    return (
        f"{group.calls:,}",
        share(group.success_rate),
        money(group.cost_per_1000_usd),
        money(group.cost_usd),
        time(group.p50_ms),
        time(group.p95_ms),
        share(group.fallback_rate),
        share(group.cache_rate),
    )


def cost_of(group: Group | None) -> float | None:
    """Return what 1,000 answers of a group cost, if there are any."""
    return None if group is None else group.cost_per_1000_usd


def compared(comparison: Comparison) -> tuple[tuple[str, str, str, str], ...]:
    """Return each figure before and after, with its change."""
    a, b = comparison.before, comparison.after
    money_of, rates, times = (
        (("$ per 1,000", a.cost_per_1000_usd, b.cost_per_1000_usd),),
        (
            ("success", a.success_rate, b.success_rate),
            ("fallback", a.fallback_rate, b.fallback_rate),
            ("cache", a.cache_rate, b.cache_rate),
        ),
        (("p50", a.p50_ms, b.p50_ms), ("p95", a.p95_ms, b.p95_ms)),
    )
    return (
        ("calls", f"{a.calls:,}", f"{b.calls:,}", ""),
        *((what, money(x), money(y), change(x, y)) for what, x, y in money_of),
        *((what, share(x), share(y), points(x, y)) for what, x, y in rates),
        *((what, time(x), time(y), change(x, y)) for what, x, y in times),
        (
            "escalated",
            f"{a.escalated:,}",
            f"{b.escalated:,}",
            points(a.escalated / a.calls, b.escalated / b.calls) if a.calls and b.calls else "",
        ),
    )


def _show_comparison(console: Console, comparison: Comparison) -> None:
    table = _table("before and after", told(comparison.before.name), told(comparison.after.name))
    table.add_column("change", justify="right", no_wrap=True)

    for row in compared(comparison):
        table.add_row(*row)

    for one in comparison.intents:
        before, after = cost_of(one.before), cost_of(one.after)
        table.add_row(
            Text(f"  $ per 1,000, {told(one.intent)}"),
            money(before),
            money(after),
            change(before, after),
        )

    console.print(table)
    console.print()


def _show_groups(
    console: Console, heading: str, groups: Sequence[Group], whole: Group | None
) -> None:
    if not groups:
        return

    table = _table(heading, *HEADINGS)

    for group in groups:
        table.add_row(Text(told(group.name)), *figures(group))

    if whole is not None and len(groups) > 1:
        table.add_section()
        table.add_row("all", *figures(whole), style="bold")

    console.print(table)
    console.print()


def _show_stages(console: Console, report: LogReport) -> None:
    table = _table("stage", "times", "share of cost", "$ per 1,000", "cost", "p50", "p95")

    for stage in report.stages:
        table.add_row(
            stage.name,
            f"{stage.times:,}",
            share(stage.share),
            money(stage.cost_per_1000_usd),
            money(stage.cost_usd),
            time(stage.p50_ms),
            time(stage.p95_ms),
        )

    console.print(table)
    console.print()


def _show_spenders(console: Console, heading: str, spenders: Sequence[Spender]) -> None:
    if not spenders:
        return

    table = _table(heading, "tenant", "calls", "answered", "$ per 1,000", "cost")

    for one in spenders:
        table.add_row(
            Text(told(one.name)),
            Text(told(one.tenant)),
            f"{one.calls:,}",
            f"{one.succeeded:,}",
            money(one.cost_per_1000_usd),
            money(one.cost_usd),
        )

    console.print(table)

    if missed := max(one.missed_usd for one in spenders):
        console.print(f"There were too many to keep in mind: up to {money(missed)} may be missing.")

    console.print()


def _show_errors(console: Console, report: LogReport) -> None:
    if not report.errors:
        return

    table = _table("error", "calls")

    for one in report.errors:
        table.add_row(one.code, f"{one.times:,}")

    console.print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)

    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)

    return table
