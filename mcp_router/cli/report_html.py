"""The report on a decision log as one page that is complete in itself."""

from collections.abc import Iterable, Sequence
from html import escape

from mcp_router.cli.report_charts import Axis, Series, bars, legend, lines, meter, pairs
from mcp_router.cli.report_show import HEADINGS, compared, cost_of, figures
from mcp_router.cli.report_style import STYLE
from mcp_router.cli.report_words import length, money, scope, share, time, told
from mcp_router.decide.wording import count
from mcp_router.domain.log_report import Comparison, Group, LogReport, Spender
from mcp_router.domain.selection import Selection

_STAGES = {
    "answer": "first answers, with what was tried before them",
    "advice": "a stronger model's judgement of an answer",
    "finish": "the first model again, with that advice",
    "cache": "answers that had been kept",
}
_MOST_PAIRS = 12
_LESS_IS_BETTER = {"$ per 1,000", "p50", "p95", "fallback", "escalated"}
_NEUTRAL = {"calls", "cache"}


def page(report: LogReport, selection: Selection) -> str:
    """Return the whole page; no name in it can be markup."""
    whole = report.completions
    parts = [
        "<h1>What the decision log says</h1>",
        f'<p class="soft">{escape(scope(report, selection))} · {count(report.calls, "call")}, '
        f"{count(whole.calls, 'completion')} of them · "
        f"{count(report.changes, 'change')} of policies</p>",
        _tiles(whole),
        _comparison(report.comparison) if report.comparison else "",
        _over_time(report),
        _groups("By intent", "What customers wanted.", report.intents, whole),
        _stages(report),
        _groups("By policy version", "Which version decided.", report.policies, whole),
        _groups("By tenant", "On whose behalf.", report.tenants, whole),
        _groups("By target", "Which model answered.", report.targets, whole),
        _spenders(report),
        _groups("All calls by tool", "Reads and writes of tickets too.", report.tools, None),
        _errors(report),
        _footer(),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing may be loaded or run, whatever a name of a tenant or an intent holds.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>What the decision log says</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{chr(10).join(filter(None, parts))}\n</main>\n</body>\n</html>\n"
    )


def _tiles(whole: Group) -> str:
    shown = (
        ("Answered", f"{whole.succeeded:,}"),
        ("Cost per 1,000", money(whole.cost_per_1000_usd)),
        ("Success", share(whole.success_rate)),
        ("p50 / p95", f"{time(whole.p50_ms)} / {time(whole.p95_ms)}"),
        ("Fell back", share(whole.fallback_rate)),
        ("From the cache", share(whole.cache_rate)),
    )
    tiles = (f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in shown)
    return f'<dl class="tiles">{"".join(tiles)}</dl>'


def _comparison(comparison: Comparison) -> str:
    before, after = told(comparison.before.name), told(comparison.after.name)
    rows = [
        [escape(what), escape(x), escape(y), _judged(what, by)]
        for what, x, y, by in compared(comparison)
    ]
    table = _table(["", before, after, "change"], rows)
    costs = [
        (told(one.intent), cost_of(one.before), cost_of(one.after))
        for one in comparison.intents[:_MOST_PAIRS]
    ]
    series = (
        Series(name=before, style="before", values=()),
        Series(name=after, style="one", values=()),
    )
    chart = (
        _figure("Cost per 1,000 answered, by intent", pairs("by intent", costs, money), series)
        if costs
        else ""
    )
    return (
        f"<h2>Before and after</h2><p class='soft'>Each version on the calls that it decided; they "
        f"were not the same calls.</p>{table}{chart}"
    )


def _judged(what: str, by: str) -> str:
    """Return a change, coloured where it is clearly for the better or for the worse."""
    if what in _NEUTRAL or by[:1] not in ("+", "-"):
        return escape(by)

    good = (by[0] == "-") == (what in _LESS_IS_BETTER)
    return f'<span class="{"good" if good else "bad"}">{escape(by)}</span>'


def _over_time(report: LogReport) -> str:
    if not report.spans:
        return ""

    at_ms = tuple(one.at_ms for one in report.spans)
    each = length(report.span_ms)
    cost = Series(name="cost", style="one", values=tuple(one.cost_usd for one in report.spans))
    calls = Series(name="calls", style="one", values=tuple(one.calls for one in report.spans))
    failed = Series(name="without an answer", style="two", values=_failed(report))
    speed = (
        Series(name="p50", style="one", values=tuple(one.p50_ms for one in report.spans)),
        Series(name="p95", style="two", values=tuple(one.p95_ms for one in report.spans)),
    )

    def axis(kind: str) -> Axis:
        unit = {"money": _dollars, "time": _time, "count": _count, "share": share}[kind]
        return Axis(at_ms=at_ms, step_ms=report.span_ms, unit=unit)

    charts = (
        _figure(f"Cost per {each}", bars("cost over time", axis("money"), cost)),
        _figure("Latency", lines("latency over time", axis("time"), speed), speed),
        _figure(f"Completions per {each}", bars("calls over time", axis("count"), calls)),
        _figure("Without an answer", lines("failures over time", axis("share"), [failed])),
    )
    return f'<h2>Over time</h2><div class="pair">{"".join(charts)}</div>'


def _failed(report: LogReport) -> tuple[float | None, ...]:
    return tuple(one.failed / one.calls if one.calls else None for one in report.spans)


def _groups(title: str, note: str, groups: Sequence[Group], whole: Group | None) -> str:
    if not groups:
        return ""

    of_calls = whole is None
    most = sum(one.calls if of_calls else one.cost_usd for one in groups) or 1
    rows = [
        [
            escape(told(one.name)),
            meter((one.calls if of_calls else one.cost_usd) / most),
            *map(escape, figures(one)),
        ]
        for one in groups
    ]
    last = ["all", "", *map(escape, figures(whole))] if whole and len(groups) > 1 else None
    headings = ["", "share of calls" if of_calls else "share of cost", *HEADINGS]
    return f'<h2>{title}</h2><p class="soft">{note}</p>{_table(headings, rows, last)}'


def _stages(report: LogReport) -> str:
    rows = [
        [
            escape(one.name) + f' <span class="soft">{_STAGES.get(one.name, "")}</span>',
            meter(one.share or 0.0),
            f"{one.times:,}",
            share(one.share),
            money(one.cost_per_1000_usd),
            money(one.cost_usd),
            time(one.p50_ms),
            time(one.p95_ms),
        ]
        for one in report.stages
    ]
    headings = ["", "", "times", "share of cost", "$ per 1,000", "cost", "p50", "p95"]
    note = "Where the money of an answer goes; the stages add up to the cost per 1,000 answered."
    return f'<h2>By stage</h2><p class="soft">{note}</p>{_table(headings, rows)}'


def _spenders(report: LogReport) -> str:
    lists = [
        _spender_list(f"Most expensive {kind}", spenders)
        for kind, spenders in (("tickets", report.tickets), ("customers", report.customers))
        if spenders
    ]

    if not lists:
        return ""

    missed = max(one.missed_usd for one in (*report.tickets, *report.customers))
    note = (
        f"<p class='soft'>There were too many to keep in mind: up to {money(missed)} of each may "
        "be missing.</p>"
        if missed
        else ""
    )
    return f'<h2>Who cost most</h2>{note}<div class="pair wide">{"".join(lists)}</div>'


def _spender_list(title: str, spenders: Sequence[Spender]) -> str:
    most = spenders[0].cost_usd or 1
    rows = [
        [
            escape(told(one.name)),
            escape(told(one.tenant)),
            meter(one.cost_usd / most),
            f"{one.calls:,}",
            money(one.cost_usd),
        ]
        for one in spenders
    ]
    return f"<section><h3>{title}</h3>{_table(['', 'tenant', '', 'calls', 'cost'], rows)}</section>"


def _errors(report: LogReport) -> str:
    if not report.errors:
        return ""

    most = report.errors[0].times
    rows = [
        [f"<code>{escape(one.code)}</code>", meter(one.times / most, "two"), f"{one.times:,}"]
        for one in report.errors
    ]
    return f"<h2>Errors</h2><p class='soft'>Of all calls.</p>{_table(['', '', 'calls'], rows)}"


def _figure(title: str, chart: str, series: Sequence[Series] = ()) -> str:
    key = legend(series) if series else ""
    return f"<figure><header><h3>{escape(title)}</h3>{key}</header>{chart}</figure>"


def _table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], last: Sequence[str] | None = None
) -> str:
    """Return a table; the cells are markup already, the headings are not."""
    head = "".join(f"<th{_class(one, '')}>{escape(one)}</th>" for one in headings)
    body = "".join(f"<tr>{''.join(map(_cell, headings, row))}</tr>" for row in rows)

    if last is not None:
        body += f'<tr class="all">{"".join(map(_cell, headings, last))}</tr>'

    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(heading: str, content: str) -> str:
    return f"<td{_class(heading, content)}>{content}</td>"


def _class(heading: str, content: str) -> str:
    if heading == "tenant":
        return ' class="text"'

    return ' class="bar"' if content.startswith("<svg") else ""


def _time(ms: float) -> str:
    return time(round(ms))


def _dollars(amount: float) -> str:
    return f"${amount:,.6g}"


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _footer() -> str:
    return (
        '<footer class="soft"><p>Cost per 1,000 is all that was paid, failed calls included, per '
        "1,000 calls that succeeded. Latencies are those of calls that succeeded; p95 is what 95 "
        "of 100 stay within. Fallback: another target served than the first that was tried. "
        "Cache: of the calls that looked into it. Times are in UTC.</p></footer>"
    )
