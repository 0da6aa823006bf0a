"""How the summary of a batch looks in a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_router.cli.summary import Figures, Report
from mcp_router.decide.wording import count, duration

NO_POOL = "(no pool)"
NO_INTENT = "(none recognised)"


def show_report(console: Console, report: Report) -> None:
    """Print the questions by pool and intent, then the errors, then what it all took."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("pool and intent", no_wrap=True)

    for heading in ("questions", "share", "$ per 1,000", "p50", "p95", "fallbacks", "errors"):
        table.add_column(heading, justify="right", no_wrap=True)

    whole = report.figures.questions

    for pool in report.pools:
        table.add_row(Text(pool.pool or NO_POOL), *_cells(pool.figures, whole), style="bold")

        for one in pool.intents:
            table.add_row(Text(f"  {one.intent or NO_INTENT}"), *_cells(one.figures, whole))

    table.add_section()
    table.add_row("all", *_cells(report.figures, whole), style="bold")
    console.print(table)
    _show_errors(console, report)
    console.print(_last_lines(report))


def _cells(figures: Figures, whole: int) -> tuple[str, ...]:
    cost = figures.cost_per_1000_usd
    return (
        f"{figures.questions:,}",
        f"{figures.questions / whole:.1%}" if whole else "",
        "" if cost is None else f"{cost:.4f}",
        "" if figures.p50_ms is None else duration(figures.p50_ms),
        "" if figures.p95_ms is None else duration(figures.p95_ms),
        f"{figures.fallbacks:,}" if figures.fallbacks else "",
        f"{figures.errors:,}" if figures.errors else "",
    )


def _show_errors(console: Console, report: Report) -> None:
    """Print how often each error code occurred."""
    if not report.errors_by_code:
        return

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("error", no_wrap=True)
    table.add_column("questions", justify="right")

    for code, times in report.errors_by_code.items():
        table.add_row(code, f"{times:,}")

    console.print()
    console.print(table)
    console.print("explain_decision and `mcp-router audit export` have each one's attempts.")


def _last_lines(report: Report) -> Text:
    lines = [
        f"\n{count(report.figures.questions, 'question')} in {report.seconds:.1f} s: "
        f"{report.questions_per_second:,.1f} questions per second, "
        f"${report.figures.cost_usd:.6f} in all"
    ]

    if report.blank_lines:
        lines.append(f"{count(report.blank_lines, 'blank line')} skipped")

    if report.stopped:
        lines.append(f"stopped early: {report.stopped}")

    return Text("\n".join(lines))
